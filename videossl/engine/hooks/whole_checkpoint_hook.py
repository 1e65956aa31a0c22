"""No test of a model that is only partly loaded."""

from mmengine.hooks import Hook
from torch import nn

from videossl.checkpoints.hand_off import HandOffError
from videossl.registry import HOOKS
from videossl.wrappers import unwrap


@HOOKS.register_module()
class WholeCheckpointHook(Hook):
    """Refuses a checkpoint that does not fill the whole model. mmengine says what does not fit and goes on, so that a
    test of what is left random gives figures which look like others. ``tools/test.py`` adds it."""

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Compare names and shapes, before mmengine copies anything.

        Raises:
            HandOffError: the model has parameters or buffers that the checkpoint lacks, or has in another shape.
        """
        faults = misfits(runner.model, checkpoint)
        if faults:
            raise HandOffError(
                f'the checkpoint does not fill the model: {len(faults)} of its tensors are missing or of '
                f'another shape, e.g. {"; ".join(faults[:3])}. Test with the config, and the '
                '--cfg-options, that it was trained with'
            )


def misfits(model: nn.Module, checkpoint: dict) -> list[str]:
    """The parameters and buffers of a model that a checkpoint lacks, or has in another shape, with both shapes."""
    weights = checkpoint.get('state_dict', checkpoint)
    found = {name.removeprefix('module.'): tuple(value.shape) for name, value in weights.items()}
    return [
        f'{name} {found.get(name, "missing")} for {tuple(value.shape)}'
        for name, value in unwrap(model).state_dict().items()
        if found.get(name) != tuple(value.shape)
    ]
