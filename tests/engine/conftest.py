"""A training run small enough to be computed again by hand: 8 samples, one convolution, mmengine's real runner."""

import itertools
import signal
from collections.abc import Callable, Iterator

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from videossl.models import (
    MemoryBank,
    MomentumPretrainer,
    PredictorNeck,
    Pretrainer,
    ProjectionNeck,
    SimilarityDistillHead,
    SpeedHead,
)

EXPERIMENTS = itertools.count()


class RandomClips(Dataset):
    """Random uint8 clips [V, 3, 4, 8, 8] with a speed label for each; a draw's position decides their augmentation."""

    def __init__(self, num_samples: int, num_views: int = 2) -> None:
        generator = torch.Generator().manual_seed(1)
        self.clips = torch.randint(0, 256, (num_samples, num_views, 3, 4, 8, 8), generator=generator).byte()
        self.speeds = torch.randint(0, 3, (num_samples, num_views), generator=generator)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> dict:
        # As a random augmentation would, this differs from epoch to epoch, and is the same after a resume.
        clips = self.clips[index].roll(index.position, dims=-1)
        sample = ActionDataSample(metainfo=dict(filename=f'{int(index)}.mp4'), gt_speed=self.speeds[index])
        return dict(inputs=clips, data_samples=sample)


class Recorder(Hook):
    """Notes what an outsider sees: the state before each iteration (the last one: after training), and the log."""

    priority = 'HIGHEST'

    def __init__(self) -> None:
        self.states: list[dict[str, torch.Tensor]] = []
        self.batches: list[list[torch.Tensor]] = []
        self.logs: list[dict[str, float]] = []

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        self.states.append(copied(runner.model.state_dict()))
        self.batches.append([clips.clone() for clips in data_batch['inputs']])

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.logs.append({name: float(torch.as_tensor(value).detach()) for name, value in outputs.items()})

    def after_train(self, runner) -> None:
        self.states.append(copied(runner.model.state_dict()))


def copied(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in state.items()}


@pytest.fixture
def recorder() -> Recorder:
    """A hook that notes the model's state before each iteration, the batches, and the log."""
    return Recorder()


@pytest.fixture
def build_aux_skd(small_backbone) -> Callable[..., MomentumPretrainer]:
    """A function that builds auxSKD on the small backbone: embeddings of 5, a bank of 7 rows."""

    def build(seed: int = 0, bank_size: int = 7) -> MomentumPretrainer:
        torch.manual_seed(seed)
        return MomentumPretrainer(
            backbone=small_backbone(),
            heads=dict(distill=SimilarityDistillHead(student_temperature=0.1, teacher_temperature=0.05)),
            necks=dict(projection=ProjectionNeck(4, 5)),
            predictors=dict(projection=PredictorNeck(5, 6, 5)),
            memory_bank=MemoryBank(bank_size, 5),
        )

    return build


@pytest.fixture
def build_vspp(small_backbone) -> Callable[..., Pretrainer]:
    """A function that builds a speed classifier on the small backbone."""

    def build(seed: int = 0) -> Pretrainer:
        torch.manual_seed(seed)
        return Pretrainer(small_backbone(), heads=dict(speed=SpeedHead(4, num_speeds=3)))

    return build


@pytest.fixture
def build_runner(tmp_path) -> Callable[..., Runner]:
    """A function from a model and settings to a runner that trains it on random clips, on the CPU, in fp32."""

    def build(
        model: nn.Module,
        hooks: list[Hook | dict] | None = None,
        epochs: int = 1,
        samples: int = 8,
        batch_size: int = 3,
        optim_wrapper: dict | None = None,
        checkpoint: dict | None = None,
        precision: dict | None = None,
        work_dir: str = 'run',
        **arguments,
    ) -> Runner:
        if hooks is None:
            hooks = [dict(type='MomentumTeacherHook', momentum=0.7), dict(type='MemoryBankHook')]
        dataset = RandomClips(samples)
        runner_arguments = dict(
            train_dataloader=dict(
                batch_size=batch_size, num_workers=0, sampler=dict(type='DrawSampler', seed=3), dataset=dataset
            ),
            train_cfg=dict(by_epoch=True, max_epochs=epochs),
            optim_wrapper=dict(
                dict(optimizer=dict(type='SGD', lr=0.5, momentum=0.9, weight_decay=5e-4)) | (optim_wrapper or {}),
                constructor='TrainableOptimWrapperConstructor',
            ),
            param_scheduler=[dict(type='StepLR', step_size=3, gamma=0.1, by_epoch=True)],
        )
        runner_arguments.update(arguments)
        return Runner(
            model=model,
            work_dir=str(tmp_path / work_dir),
            default_scope='videossl',
            default_hooks=dict(
                logger=dict(type='LoggerHook', interval=1),
                checkpoint=checkpoint or dict(type='PlainCheckpointHook', interval=100),
                precision=precision or dict(type='PrecisionHook', precision='fp32'),
            ),
            custom_hooks=hooks,
            randomness=dict(seed=0),
            log_level='ERROR',
            # mmengine keeps one log per name, and its own names differ by the second only.
            experiment_name=f'{tmp_path.name}-{next(EXPERIMENTS)}',
            **runner_arguments,
        )

    return build


@pytest.fixture
def handlers_as_before() -> Iterator[None]:
    """The handlers of the signals that stop a run are put back after the test."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    before = [signal.getsignal(number) for number in numbers]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in a script's background
    yield
    for number, handler in zip(numbers, before):
        signal.signal(number, handler)
