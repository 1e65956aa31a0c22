"""An iteration does not wait for the device: nothing of the model, the teacher or the bank is read back to the host."""

import pytest
import torch
from mmaction.structures import ActionDataSample
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from videossl.models import (
    InfoNCEHead,
    MemoryBank,
    MomentumPretrainer,
    NTXentHead,
    OrderHead,
    Pretrainer,
    ProjectionNeck,
    RelativeSpeedHead,
)

BATCH = 4
WAITING = ('_local_scalar_dense', 'nonzero', 'masked_select', 'equal', 'bincount', 'repeat_interleave')


class Waits(TorchDispatchMode):
    """Notes the operations for whose result, or for the size of whose result, the host waits."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.name().removeprefix('aten::').partition('.')[0]
        # An index that is a mask gives a result of unknown size.
        masks = (
            [index for index in args[1] if index is not None and index.dtype == torch.bool] if name == 'index' else []
        )
        if name in WAITING or masks:
            self.found.append(name)
        return function(*args, **(kwargs or {}))


def rspnet(backbone: nn.Module) -> MomentumPretrainer:
    return MomentumPretrainer(
        backbone,
        necks=dict(appearance=ProjectionNeck(4, 5), motion=ProjectionNeck(4, 5)),
        heads=dict(appearance=InfoNCEHead(), motion=RelativeSpeedHead()),
        memory_bank=MemoryBank(7, 5),
        teacher_views=(2, 1),
        enqueue=('appearance', 0),
    )


@pytest.fixture
def models(build_aux_skd, build_vspp, small_backbone):
    """A function from a method's name to its model on the small backbone."""
    return dict(
        aux_skd=build_aux_skd,
        vspp=build_vspp,
        rspnet=lambda: rspnet(small_backbone()),
        vcop=lambda: Pretrainer(small_backbone(), heads=dict(order=OrderHead(4, tuple_len=3, hidden_channels=6))),
        contrast=lambda: Pretrainer(
            small_backbone(), necks=dict(projection=ProjectionNeck(4, 5)), heads=dict(contrast=NTXentHead())
        ),
    )


@pytest.mark.parametrize('method', ['aux_skd', 'vspp', 'rspnet', 'vcop', 'contrast'])
def test_forward_backward_bank_and_teacher_are_queued_without_waiting(models, method):
    model = models[method]()
    samples = [ActionDataSample(gt_speed=torch.arange(3) % 3, gt_order=torch.tensor(1)) for _ in range(BATCH)]
    clips = torch.randn(BATCH, 3, 3, 4, 8, 8)
    if hasattr(model, 'move_teacher'):
        model.start_teacher()
    with Waits() as waits:
        results = model(clips, samples, mode='loss')
        sum(value for name, value in results.items() if name.startswith('loss')).backward()
        if hasattr(model, 'move_teacher'):
            model.after_step()
    assert waits.found == []


@pytest.mark.parametrize(
    'read',
    [
        bool,
        float,
        torch.Tensor.item,
        lambda number: torch.ones(1)[number > 0],
        lambda number: torch.equal(number, number),
    ],
)
def test_what_waits_is_noticed(read):
    with Waits() as waits:
        read(torch.ones(1))
    assert waits.found
