"""Start a stage from another stage's checkpoint."""

from collections.abc import Sequence
from typing import Any

from mmengine.hooks import Hook

from videossl.checkpoints.embedded_config import read_embedded
from videossl.checkpoints.hand_off import backbone_mapping, backbone_prefix, load_mapped
from videossl.checkpoints.reading import read_checkpoint, split_weights, without_module
from videossl.features.clip_encoder import note_on_pixels
from videossl.registry import HOOKS
from videossl.wrappers import unwrap


@HOOKS.register_module()
class HandOffHook(Hook):
    """Fills parts of the model from another stage's checkpoint before training starts; a resumed run keeps its own.

    Unlike mmengine's ``load_from`` it logs which tensors were taken, dropped and missing, and stops when nothing matches. A
    warning says where the model takes other pixels than the checkpoint's net was trained on.
    ``tools/train.py CONFIG --init-from CHECKPOINT`` adds it.

    Args:
        checkpoint: path of the checkpoint.
        mapping: from a prefix of names in the checkpoint to the prefix, or prefixes, in the model that it feeds. The
            default is the backbone alone, also of an exported or a bare file: convolutions and batch norms with their
            statistics, as in the released code of auxSKD. Projection, predictor and heads start anew. A plain net's
            last stages feed every branch of a :class:`~videossl.models.BranchedBackbone`.
    """

    # Before MomentumTeacherHook, which copies the result to the teacher.
    priority = 'HIGH'

    def __init__(self, checkpoint: str, mapping: dict[str, str | Sequence[str]] | None = None) -> None:
        self.checkpoint = checkpoint
        self.mapping = mapping

    def before_train(self, runner) -> None:
        if runner.iter > 0:
            return
        model: Any = unwrap(runner.model)
        content = read_checkpoint(self.checkpoint)
        weights = without_module(split_weights(content, self.checkpoint)[0])
        mapping = self.mapping
        if mapping is None:
            source_prefix = backbone_prefix(content, weights)
            mapping = backbone_mapping(model.backbone, weights, 'backbone.', source_prefix)
        load_mapped(model, self.checkpoint, mapping, weights)
        note = note_on_pixels(model.data_preprocessor, read_embedded(content, self.checkpoint))
        if note is not None:
            runner.logger.warning(f'{self.checkpoint}: {note}')
