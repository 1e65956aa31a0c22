"""No test of a model that is only partly loaded."""

from mmengine.hooks import Hook

from videossl.checkpoints.hand_off import check_fills
from videossl.registry import HOOKS


@HOOKS.register_module()
class WholeCheckpointHook(Hook):
    """Refuses a checkpoint that does not fill the whole model. mmengine logs what does not fit and goes on, so that the
    figures of a test with random layers look like others. ``tools/test.py`` adds it."""

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Compare names and shapes, before mmengine copies anything.

        Raises:
            CheckpointError: the model has parameters or buffers that the checkpoint lacks, or has in another shape.
        """
        check_fills(
            runner.model,
            checkpoint,
            'the checkpoint does not fill the model',
            'Test with the config, and the --cfg-options, that it was trained with',
        )
