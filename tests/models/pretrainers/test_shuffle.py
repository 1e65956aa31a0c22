"""ShuffleBN: without effect on one process; on two, real ones that talk over gloo, embeddings belong to their clips."""

import itertools
import re
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from videossl.models import InfoNCEHead, MemoryBank, MomentumPretrainer, ProjectionNeck, RelativeSpeedHead
from videossl.models.pretrainers import shuffle

STEPS = 2
BATCH = 8  # of two processes together


class FrozenNorm(nn.BatchNorm3d):
    """Batch norm with its running statistics, in training too."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.eval()

    def train(self, mode: bool = True):
        return super().train(False)


def rspnet(shuffle_teacher: bool, norm: type[nn.Module] = FrozenNorm) -> MomentumPretrainer:
    torch.manual_seed(3)
    backbone = nn.Sequential(
        OrderedDict(conv=nn.Conv3d(3, 4, 3, stride=2, bias=False), bn=norm(4), relu=nn.ReLU(inplace=True))
    )
    with torch.no_grad():
        backbone.bn.running_mean.normal_()
    return MomentumPretrainer(
        backbone,
        necks=dict(appearance=ProjectionNeck(4, 6), motion=ProjectionNeck(4, 6)),
        heads=dict(appearance=InfoNCEHead(), motion=RelativeSpeedHead()),
        memory_bank=MemoryBank(3 * BATCH, 6),
        teacher_views=(2, 1),
        enqueue=('appearance', 0),
        shuffle_teacher=shuffle_teacher,
    )


def batch(step: int) -> torch.Tensor:
    """The joint batch [8, 3, 3, 3, 5, 5] of a step."""
    return torch.randn(BATCH, 3, 3, 3, 5, 5, generator=torch.Generator().manual_seed(step))


def train(model: MomentumPretrainer, forward: nn.Module, own: slice) -> dict:
    """Train with the samples ``own`` of each joint batch: losses, the state afterwards."""
    model.start_teacher()
    optimizer = torch.optim.SGD([parameter for parameter in model.parameters() if parameter.requires_grad], lr=0.1)
    logs = []
    for step in range(STEPS):
        results = forward(batch(step)[own], mode='loss')
        optimizer.zero_grad()
        (results['loss_appearance'] + results['loss_motion']).backward()
        optimizer.step()
        model.after_step(momentum=0.7)
        logs.append({name: value.item() for name, value in results.items() if not name.startswith('std')})
    return dict(logs=logs, state=model.state_dict())


def record_who_runs_what(rank: int) -> dict:
    """Clips that carry their number; the embedding is the number, and which process ran it."""
    clips = 4.0 * rank + torch.arange(4.0).view(4, 1).expand(4, 2).t().contiguous().t()  # not contiguous
    ran = []

    def embed(part: torch.Tensor) -> dict[str, torch.Tensor]:
        ran.append(part[:, 0].tolist())
        return dict(number=part.clone(), process=torch.full((len(part), 1), float(rank)))

    torch.manual_seed(100 + rank)
    embeddings = [shuffle.with_shuffled_batch(embed, clips) for _ in range(2)]
    return dict(
        ran=ran,
        numbers=[part['number'][:, 0].tolist() for part in embeddings],
        processes=[part['process'][:, 0].tolist() for part in embeddings],
    )


def refusal(rank: int) -> str:
    model = rspnet(shuffle_teacher=True)
    try:
        model.eval().loss(batch(0)[: 3 + rank])
    except ValueError as error:
        return str(error)
    return ''


def random_teacher(rank: int) -> dict:
    model = rspnet(shuffle_teacher=False)
    torch.manual_seed(rank)
    for module in model.teacher.modules():
        if isinstance(module, nn.Conv3d):
            module.to(memory_format=torch.channels_last_3d)
    model.start_teacher(copy_student=False)
    return dict(state=model.state_dict())


def one_of_two(rank: int, folder: str) -> None:
    found = {}
    for shuffled in (False, True):
        model = rspnet(shuffled)
        parallel = DistributedDataParallel(model, device_ids=None, broadcast_buffers=False)
        found[f'trained, {shuffled}'] = train(model, parallel, slice(4 * rank, 4 * rank + 4))
    found.update(who=record_who_runs_what(rank), refusal=refusal(rank), random_teacher=random_teacher(rank))
    model = rspnet(True, nn.BatchNorm3d)
    found['statistics'] = model.embed_with_teacher(batch(0)[4 * rank : 4 * rank + 4, 1:], ['appearance'])['appearance']
    torch.save(found, f'{folder}/{rank}.pth')


@pytest.fixture(scope='module')
def found(tmp_path_factory, run_two_processes) -> list[dict]:
    """What two processes found, started once for all tests."""
    folder = tmp_path_factory.mktemp('two_processes')
    run_two_processes(one_of_two, str(folder))
    return [torch.load(folder / f'{rank}.pth') for rank in (0, 1)]


@pytest.mark.parametrize('shuffled', [False, True])
def test_with_frozen_statistics_two_processes_learn_as_one_with_the_joint_batch(found, shuffled):
    model = rspnet(shuffle_teacher=False)
    alone = train(model, model, slice(None))
    together = [process[f'trained, {shuffled}'] for process in found]
    for step in range(STEPS):
        for name, value in alone['logs'][step].items():
            mean = np.mean([process['logs'][step][name] for process in together])
            assert mean == pytest.approx(value, rel=1e-4, abs=1e-6), name
    for process in together:
        assert int(process['state']['memory_bank.pointer']) == STEPS * BATCH
        for name, value in alone['state'].items():
            torch.testing.assert_close(process['state'][name], value, atol=1e-5, rtol=1e-4)
    assert torch.equal(*(process['state']['memory_bank.rows'] for process in together))


def test_each_process_runs_a_random_part_and_gets_its_own_embeddings_back(found):
    first, second = (process['who'] for process in found)
    for turn in range(2):
        assert sorted(first['ran'][turn] + second['ran'][turn]) == list(range(8))
        assert first['numbers'][turn] == [0, 1, 2, 3] and second['numbers'][turn] == [4, 5, 6, 7]
        ran_by = {number: rank for rank, process in enumerate((first, second)) for number in process['ran'][turn]}
        assert first['processes'][turn] + second['processes'][turn] == [ran_by[number] for number in range(8)]
    assert first['ran'][0] != first['ran'][1], 'each view has a permutation of its own'
    assert any(number > 3 for number in first['ran'][0] + first['ran'][1])


def test_the_statistics_are_those_of_the_shuffled_parts(found):
    embeddings = torch.cat([process['statistics'] for process in found])  # [8, 2, 6]
    for place, view in enumerate((1, 2)):
        clips = batch(0)[:, view]
        fitting = set()
        for part in itertools.combinations(range(8), 4):
            model = rspnet(False, nn.BatchNorm3d)
            own = model.embed_with_teacher(clips[list(part)].unsqueeze(1), ['appearance'])['appearance'][:, 0]
            if torch.allclose(own, embeddings[list(part), place], atol=1e-5):
                fitting.add(part)
        assert len(fitting) == 2 and sorted(sum(fitting, ())) == list(range(8)), view


def test_batches_of_different_sizes_are_refused_on_every_process(found):
    for process in found:
        assert re.search(r'batches of one size on every process, got \[3, 4\].*drop_last=True', process['refusal'])


def test_a_random_teacher_is_the_same_on_every_process(found):
    first, second = (process['random_teacher']['state'] for process in found)
    for name, value in first.items():
        assert torch.equal(second[name], value), name
    assert not torch.equal(first['teacher.backbone.conv.weight'], first['backbone.conv.weight'])


def test_on_one_process_nothing_is_gathered_or_drawn(monkeypatch):
    for name in ('all_gather', 'broadcast'):
        monkeypatch.setattr(shuffle, name, lambda *args: pytest.fail('talks to other processes'))
    clips = batch(0)
    seen = []
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    shuffle.check_equal_batches(clips)
    result = shuffle.with_shuffled_batch(lambda part: seen.append(part) or dict(embedding=part), clips)
    assert torch.rand(1) == expected
    assert seen[0] is clips and result['embedding'] is clips
    outcomes = []
    for shuffled in (False, True):
        model = rspnet(shuffled, nn.BatchNorm3d)
        outcomes.append(train(model, model, slice(None)))
    assert outcomes[0]['logs'] == outcomes[1]['logs']
    for name, value in outcomes[0]['state'].items():
        assert torch.equal(outcomes[1]['state'][name], value), name
