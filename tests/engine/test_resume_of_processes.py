"""Two processes that are killed and resumed: each ends bit by bit as without the break, with all that is its own."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from identical import assert_identical
from mmaction.structures import ActionDataSample
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import distributed, nn

import videossl  # noqa: F401  (registers everything, also in a process of its own)
from videossl.models import MemoryBank, MomentumPretrainer, PredictorNeck, ProjectionNeck, SimilarityDistillHead
from videossl.random_states import random_states

SAMPLES, EPOCHS = 11, 3  # six each, so that one is taken twice: batches of four and two
EACH_EPOCH, KILL_AT = 2, 3  # the first iteration of the second epoch is done then, and nothing after it
BY_EPOCH = dict(type='ResumableEpochBasedTrainLoop', max_epochs=EPOCHS)
BY_ITERATION = dict(type='ResumableIterBasedTrainLoop', max_iters=EPOCHS * EACH_EPOCH)
SETTINGS = dict(
    epochs=dict(loop=BY_EPOCH),
    iterations=dict(loop=BY_ITERATION),
    workers=dict(loop=BY_EPOCH, workers=2),
    accumulating=dict(loop=BY_EPOCH, accumulate=2),
)
RUNS = itertools.count()


class Clips(torch.utils.data.Dataset):
    """Random clips, augmented by their draw's position, that keep in mind which positions were read."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(1)
        self.clips = torch.randint(0, 256, (SAMPLES, 2, 3, 4, 8, 8), generator=generator).byte()

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> dict:
        sample = ActionDataSample(metainfo=dict(filename=str(index.position)))
        return dict(inputs=self.clips[index].roll(index.position, dims=-1), data_samples=sample)


class Notes(Hook):
    """What one process sees, and the kill of both just before an iteration."""

    priority = 'VERY_LOW'

    def __init__(self, kill_at: int | None) -> None:
        self.kill_at = kill_at
        self.logs: list[dict[str, float]] = []
        self.positions: list[int] = []

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        if runner.iter == self.kill_at:
            raise KeyboardInterrupt

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.logs.append({name: float(torch.as_tensor(value).detach()) for name, value in outputs.items()})
        self.positions += [int(sample.filename) for sample in data_batch['data_samples']]


def build(
    folder: str,
    loop: dict,
    workers: int = 0,
    accumulate: int = 1,
    kill_at: int | None = None,
    resume: bool = False,
    seed: int = 0,
    launcher: str = 'pytorch',
) -> Runner:
    """auxSKD with dropout and moving batch-norm statistics, its teacher on a shuffled batch."""
    torch.manual_seed(seed)
    backbone = nn.Sequential(
        nn.Conv3d(3, 4, 3, stride=2, padding=1, bias=False), nn.BatchNorm3d(4), nn.ReLU(), nn.Dropout(0.5)
    )
    model = MomentumPretrainer(
        backbone=backbone,
        heads=dict(distill=SimilarityDistillHead(student_temperature=0.1, teacher_temperature=0.05)),
        necks=dict(projection=ProjectionNeck(4, 5)),
        predictors=dict(projection=PredictorNeck(5, 6, 5)),
        memory_bank=MemoryBank(21, 5),
        shuffle_teacher=True,
    )
    return Runner(
        model=model,
        work_dir=folder,
        train_dataloader=dict(
            batch_size=4,
            num_workers=workers,
            persistent_workers=workers > 0,
            dataset=Clips(),
            sampler=dict(type='DrawSampler', seed=3),
        ),
        train_cfg=dict(loop),
        optim_wrapper=dict(
            constructor='TrainableOptimWrapperConstructor',
            accumulative_counts=accumulate,
            optimizer=dict(type='SGD', lr=0.3, momentum=0.9, weight_decay=5e-4),
        ),
        param_scheduler=[dict(type='StepLR', step_size=1, gamma=0.5, by_epoch=True)],
        default_hooks=dict(checkpoint=dict(type='PlainCheckpointHook', by_epoch=False, interval=1, max_keep_ckpts=2)),
        custom_hooks=[
            dict(type='MomentumTeacherHook', momentum=0.7),
            dict(type='MemoryBankHook'),
            dict(type='ExactResumeHook'),
            Notes(kill_at),
        ],
        cfg=dict(model_wrapper_cfg=dict(type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False)),
        default_scope='videossl',
        launcher=launcher,
        resume=resume,
        randomness=dict(seed=0, diff_rank_seed=True),
        log_level='ERROR',
        experiment_name=f'{Path(folder).name}-{next(RUNS)}',
    )


def seen_by(runner: Runner) -> dict:
    """Of one process: its losses and samples, its model with batch-norm statistics, and where its generators are."""
    notes = next(hook for hook in runner.hooks if isinstance(hook, Notes))
    return dict(
        logs=notes.logs,
        positions=notes.positions,
        state=runner.model.state_dict(),
        optimizer=runner.optim_wrapper.state_dict()['state'],
        random_states=random_states(),
        iterations=runner.iter,
    )


def train(*arguments, **settings) -> dict:
    runner = build(*arguments, **settings)
    warnings: list[str] = []
    runner.logger.warning = warnings.append
    runner.train()
    return dict(seen_by(runner), warnings=warnings)


def one_of_two(rank: int, folder: str) -> None:
    found = {}
    for name, settings in SETTINGS.items():
        straight = train(f'{folder}/{name}-straight', **settings)
        try:
            train(f'{folder}/{name}', kill_at=KILL_AT, **settings)
        except KeyboardInterrupt:
            pass
        distributed.barrier()
        torch.manual_seed(90 + rank)
        np.random.seed(90 + rank)
        found[name] = straight, train(f'{folder}/{name}', resume=True, seed=8, **settings)
    found['after one'] = train(f'{folder}/alone', resume=True, seed=8, loop=BY_EPOCH)
    torch.save(found, f'{folder}/{rank}.pth')


@pytest.fixture(scope='module')
def folder(tmp_path_factory, run_two_processes) -> Path:
    """Where two processes have trained and written what they found, and one alone was killed."""
    folder = tmp_path_factory.mktemp('two_processes')
    with pytest.raises(KeyboardInterrupt):
        train(str(folder / 'alone'), loop=BY_EPOCH, kill_at=2, launcher='none')
    run_two_processes(one_of_two, str(folder))
    return folder


@pytest.fixture(scope='module')
def found(folder) -> list[dict]:
    return [torch.load(folder / f'{rank}.pth', weights_only=False) for rank in (0, 1)]


@pytest.mark.parametrize('name', SETTINGS)
def test_both_processes_end_bit_by_bit_as_without_the_break(found, name):
    for rank, process in enumerate(found):
        straight, resumed = process[name]
        assert resumed['logs'] == straight['logs'][KILL_AT:], rank
        assert resumed['positions'] == straight['positions'][4 + 2 + 4 :], 'no sample again, none left out'
        for part in ('state', 'optimizer', 'random_states'):
            assert_identical(resumed[part], straight[part], f'{rank}.{part}')
        assert resumed['warnings'] == []


def test_what_is_compared_differs_between_the_processes_or_is_trained(found):
    first, second = (process['epochs'][0] for process in found)
    assert first['logs'] != second['logs'] and not set(first['positions']) & set(second['positions'])
    differing = {name for name, value in first['state'].items() if not torch.equal(value, second['state'][name])}
    assert differing and all('running_' in name for name in differing), 'each has the statistics of its own clips'
    assert not torch.equal(first['random_states']['torch'], second['random_states']['torch'])
    assert first['state']['module.memory_bank.pointer'] != 0


def test_another_number_of_processes_begins_the_epoch_anew_with_a_warning(folder, found):
    """Two go on from the checkpoint of one, killed amid its first epoch of three batches, and one from that of two."""
    for process in found:
        text = next(text for text in process['after one']['warnings'] if 'not the run that was stopped' in text)
        assert 'batches an epoch 3 -> 2' in text and 'processes 1 -> 2' in text and 'begins this epoch anew' in text
        assert any(
            '1 process(es) saved the checkpoint and 2 go on from it' in text
            for text in process['after one']['warnings']
        )
        assert process['after one']['iterations'] == EPOCHS * EACH_EPOCH
    positions = sorted(itertools.chain(*(process['after one']['positions'] for process in found)))
    assert positions == list(range(12 * EPOCHS))
    (folder / 'epochs' / 'last_checkpoint').write_text(str(folder / 'epochs' / 'iter_5.pth'))  # amid the last epoch
    alone = train(str(folder / 'epochs'), resume=True, seed=8, loop=BY_EPOCH, launcher='none')
    assert any(
        'batches an epoch 2 -> 3, processes 2 -> 1' in text and 'begins this epoch anew' in text
        for text in alone['warnings']
    )
    assert alone['positions'] and sorted(alone['positions']) == list(range(2 * SAMPLES, 3 * SAMPLES))
