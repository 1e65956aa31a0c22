"""Two processes that talk over gloo are one process with the joint batch; so are accumulated gradients; every method."""

import copy
import functools
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from torch import distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader

import videossl  # noqa: F401  (registers everything, also in a process of its own)
from videossl.compat import config_directory
from videossl.engine import AdversaryHook, DrawSampler, LossGuardHook, MemoryBankHook, MomentumTeacherHook
from videossl.registry import MODELS

STEPS = 3
BATCH = 8  # of both processes together
BANK = 3 * BATCH - 4  # wraps around in the third step
BANK_ROWS = ('memory_bank.rows', 'memory_bank.column_')
LAPTOP, PACE = (
    'laptop/{}_r3d-10_16x1x1-64px-20e_videos-rgb.py',
    'video_pace/video-pace_r2plus1d-10_{}_16x1x1-18e_ucf101-rgb.py',
)
# The config, and the clips of a sample.
METHODS = dict(
    vspp=(LAPTOP.format('vspp'), 1),
    video_pace=(LAPTOP.format('video-pace'), 1),
    video_pace_same_context=(PACE.format('same-context'), 2),
    video_pace_same_pace=(PACE.format('same-pace'), 2),
    vcop=(LAPTOP.format('vcop'), 3),
    aux_skd=(LAPTOP.format('aux-skd'), 2),
    rspnet=(LAPTOP.format('rspnet'), 3),
    transrank=(LAPTOP.format('transrank'), 3),
    clip_consistency=(LAPTOP.format('clip-consistency'), 2),
    video_moco=(LAPTOP.format('video-moco'), 2),
    cep=(LAPTOP.format('cep'), 4),
    ascnet=(LAPTOP.format('ascnet'), 2),
    video_moco_generator=('laptop/video-moco_r3d-10_generator_16x1x1-64px-20e_videos-rgb.py', 2),
    mas=(LAPTOP.format('mas'), 1),
    human_prior=('laptop/human-prior_r3d-10_16x1x1-64px-20e_moving-shapes-rgb.py', 3),
)
# What a batch says of itself differs from what its parts say: the contrast is with the other clips of the batch, and the mean is
# over those of its labels that count.
WITHIN_THE_BATCH = {'video_pace_same_context', 'video_pace_same_pace', 'mas'}

ILL = """
import os, signal, time
import torch
from mmaction.structures import ActionDataSample
from mmengine.hooks import Hook
from videossl.registry import DATASETS, HOOKS


@HOOKS.register_module()
class IllHook(Hook):
    def __init__(self, how):
        self.how = how

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == 1 and os.environ['RANK'] == '1':
            print('ill at', time.time(), flush=True)
            if self.how == 'kill':
                os.kill(os.getpid(), signal.SIGKILL)
            if self.how == 'hang':
                time.sleep(80)
            raise RuntimeError('it broke')


@DATASETS.register_module()
class NoiseClips(torch.utils.data.Dataset):
    metainfo = {}

    def __len__(self):
        return 16

    def __getitem__(self, index):
        zero = torch.zeros(1, dtype=torch.long)
        return dict(inputs=torch.zeros(1, 3, 8, 16, 16, dtype=torch.uint8),
                    data_samples=ActionDataSample(gt_speed=zero, gt_segment=zero))
"""

# At a temperature of 0.02 the last digit of a similarity, 6e-8, is 3e-6 in a logit.
ROUNDING = 3e-6


def build(method: str) -> nn.Module:
    """The config's model at a sixteenth of its width, batch-norm statistics frozen, no dropout."""
    cfg = Config.fromfile(Path(config_directory()) / METHODS[method][0]).model
    shrink(cfg)
    if 'memory_bank' in cfg:
        cfg.memory_bank.size = BANK
    torch.manual_seed(3)
    model = MODELS.build(cfg)
    # Near the statistics of the clips: with made-up ones a random net gives all clips the same embedding to six digits.
    # With the very ones it is so sensitive that rounding shows in the fifth digit after three steps.
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    clips = model.train().data_preprocessor(batch(method, 0))['inputs']
    for module in norms:
        module.momentum = 1.0
    with torch.no_grad():
        model(clips, mode='tensor')
    for module in norms:
        module.running_var.mul_(3)
        module.eval()
        module.train = lambda mode=True, module=module: module
    if hasattr(model, 'shuffle_teacher'):
        assert model.shuffle_teacher
    return model


def shrink(place) -> None:
    if isinstance(place, dict):
        for key, value in place.items():
            if key in ('in_channels', 'hidden_channels') and value in (512, 1024):
                place[key] = value // 16
            elif key == 'dropout':
                place[key] = 0.0
        if place.get('type') in ('R3D', 'R2Plus1D'):
            place['base_channels'] = 4
        place = place.values()
    for part in place if not isinstance(place, str) and hasattr(place, '__iter__') else ():
        shrink(part)


def batch(method: str, step: int) -> dict:
    """The joint batch of a step: uint8 clips, and every label that a head may read."""
    views = METHODS[method][1]
    draws = np.random.default_rng([7, step])
    # Of different colours: among embeddings that are nearly the same, the nearest one is a matter of the last digit.
    brightest = draws.integers(1, 256, (BATCH, views, 3, 1, 1, 1))
    clips = torch.from_numpy(draws.integers(0, brightest, (BATCH, views, 3, 8, 16, 16)).astype(np.uint8))
    samples = [
        ActionDataSample(
            metainfo=dict(filename=f'{step}-{number}.mp4', sample_idx=BATCH * step + number),
            gt_speed=torch.from_numpy(draws.integers(0, 4, views)),
            gt_segment=torch.from_numpy(draws.integers(0, 4, views)),
            gt_transformation=torch.from_numpy(draws.permutation(3)[:views]),
            gt_rotation=torch.full((views,), int(draws.integers(4))),
            gt_order=torch.tensor(draws.integers(6)),
            parsing_mask=torch.from_numpy(draws.integers(0, 2, (views, 16, 16))),
            **statistics(step, number),
        )
        for number in range(BATCH)
    ]
    return dict(inputs=list(clips), data_samples=samples)


def statistics(step: int, number: int) -> dict:
    """Labels of a clip to regress; in the first of the batch, so in one process alone, hardly anything moves."""
    draws = np.random.default_rng([11, step, number])
    motion, appearance = (torch.from_numpy(draws.integers(1, 17, (1, size))) for size in (14, 13))
    if number == 0:
        motion[:, 1:] = -100
    return dict(gt_motion_statistics=motion, gt_appearance_statistics=appearance)


def part_of(whole: dict, own: slice) -> dict:
    return {key: value[own] for key, value in whole.items()}


def train(
    method: str,
    wrap=lambda model: model,
    own: list[slice] = [slice(None)],
    guard: bool = False,
    spoil=lambda model, iteration: None,
    adversary_begins: int = 0,
) -> dict:
    """Train for some steps, each with the parts ``own`` of its joint batch, one after another: the log of each iteration,
    the state afterwards. An epoch is an iteration."""
    model = build(method)
    forward = wrap(model)
    optimizer = torch.optim.SGD(
        [parameter for parameter in model.parameters() if parameter.requires_grad],
        lr=1e-3,
        momentum=0.9,
        weight_decay=5e-4,
    )
    wrapper = OptimWrapper(optimizer, accumulative_counts=len(own))
    wrapper.initialize_count_status(model, 0, STEPS * len(own))
    warnings: list[str] = []
    runner = SimpleNamespace(
        model=model,
        iter=0,
        optim_wrapper=wrapper,
        logger=SimpleNamespace(warning=warnings.append, info=lambda text: None),
        train_loop=SimpleNamespace(iter=0, max_iters=STEPS * len(own), dataloader=[None]),
    )
    hooks: list[Hook] = [LossGuardHook()] if guard else []
    if hasattr(model, 'memory_bank'):
        hooks += [MomentumTeacherHook(0.7), MemoryBankHook()]
    if getattr(model, 'adversary', None) is not None:
        hooks.append(AdversaryHook(adversary_begins))
    runner.hooks = hooks
    for hook in hooks:
        hook.before_train(runner)
    forward.train()
    logs, teachers, pointers = [], [], []
    for step, slice_ in itertools.product(range(STEPS), own):
        data = part_of(batch(method, step), slice_)
        spoil(model, runner.iter)
        for hook in hooks:
            hook.before_train_iter(runner, step, data)
        if hasattr(model, 'teacher'):
            teachers.append(next(model.teacher.parameters()).clone())
        log = forward.train_step(data, wrapper)
        for hook in hooks:
            hook.after_train_iter(runner, step, data, log)
        logs.append({name: float(value.detach()) for name, value in log.items()})
        if hasattr(model, 'teacher'):
            pointers.append(int(model.memory_bank.pointer))
        runner.iter = runner.train_loop.iter = runner.iter + 1
    return dict(
        logs=logs, state=copy.deepcopy(model.state_dict()), teachers=teachers, pointers=pointers, warnings=warnings
    )


def spoiled_on(rank: int):
    """Makes the losses of this process NaN in the second iteration, and those of the other not."""

    def spoil(model: nn.Module, iteration: int) -> None:
        model.data_preprocessor.std.fill_(float('nan') if iteration == 1 and distributed.get_rank() == rank else 57.0)

    return spoil


def parallel(model: nn.Module, **settings) -> nn.Module:
    return MMDistributedDataParallel(model, device_ids=None, broadcast_buffers=False, **settings)


class Unpadded(DrawSampler):
    """A sampler that gives the last rank fewer samples."""

    def __len__(self) -> int:
        return super().__len__() - self.rank


def uneven(rank: int) -> list[int]:
    """The batches of one epoch of 7 samples in batches of 3."""
    return [len(part) for part in DataLoader(range(7), 3, sampler=DrawSampler(range(7), seed=1))]


def refusal_of_uneven() -> str:
    from videossl.apis.running.check_training import check_ranks

    try:
        check_ranks(DataLoader(range(7), 3, sampler=Unpadded(range(7), seed=1)))
    except ValueError as error:
        return str(error)
    return ''


def one_of_two(rank: int, folder: str) -> None:
    half = slice(4 * rank, 4 * rank + 4)
    quarters = [slice(4 * rank, 4 * rank + 2), slice(4 * rank + 2, 4 * rank + 4)]
    found = {method: train(method, parallel, [half]) for method in METHODS}
    found['accumulated'] = train('rspnet', parallel, quarters)
    waiting = functools.partial(parallel, find_unused_parameters=True)
    found['begins later'] = train('video_moco_generator', waiting, [half], adversary_begins=1)
    found['guarded'] = train('rspnet', parallel, [half], guard=True, spoil=spoiled_on(rank=1))
    found.update(uneven=uneven(rank), refusal=refusal_of_uneven())
    torch.save(found, f'{folder}/{rank}.pth')


@pytest.fixture(scope='module')
def found(tmp_path_factory, run_two_processes) -> list[dict]:
    """What two processes found, started once for all tests."""
    folder = tmp_path_factory.mktemp('two_processes')
    run_two_processes(one_of_two, str(folder))
    return [torch.load(folder / f'{rank}.pth') for rank in (0, 1)]


def rows_of_bank(state: dict) -> torch.Tensor:
    """The rows of the bank with their columns beside them."""
    parts = [state[name] for name in sorted(state) if name.startswith(BANK_ROWS)]
    return torch.cat([part.double().view(len(part), -1) for part in parts], dim=1)


def assert_state(state: dict, expected: dict) -> None:
    for name, value in expected.items():
        if name == 'memory_bank.rows':  # as a set: each row has its like in the other
            both = rows_of_bank(state), rows_of_bank(expected)
            distances = torch.cdist(*both, compute_mode='donot_use_mm_for_euclid_dist')
            assert distances.min(0).values.max() < 1e-6 and distances.min(1).values.max() < 1e-6, name
        elif name.startswith(BANK_ROWS):
            continue
        elif value.is_floating_point():
            torch.testing.assert_close(
                state[name], value, atol=1e-6, rtol=1e-6, msg=lambda text, name=name: f'{name}: {text}'
            )
        else:
            assert torch.equal(state[name], value), name


def losses(log: dict) -> dict:
    """Those of a log's entries that are means over samples. Left out is how often the nearest clip of the batch is the right
    one, which among embeddings as similar as a random net's is a matter of rounding."""
    return {name: value for name, value in log.items() if name.startswith(('loss', 'acc')) and name != 'acc_contrast'}


@pytest.mark.parametrize('method', METHODS)
def test_two_processes_learn_as_one_with_the_joint_batch(found, method):
    alone = train(method)
    together = [process[method] for process in found]
    assert any(name.startswith('loss_') for name in alone['logs'][0])
    for step in range(STEPS):
        for name, value in losses(alone['logs'][step]).items():
            mean = np.mean([process['logs'][step][name] for process in together])
            assert mean == pytest.approx(value, abs=1e-6, rel=ROUNDING), (step, name)
    for process in together:
        assert_state(process['state'], alone['state'])
    for name, value in together[0]['state'].items():
        assert torch.equal(value, together[1]['state'][name]), f'{name} differs between the processes'
    start = dict(build(method).named_parameters())
    assert not any(torch.equal(alone['state'][name], value) for name, value in start.items() if value.requires_grad)


@pytest.mark.parametrize('method', [method for method in METHODS if method not in WITHIN_THE_BATCH])
def test_accumulated_gradients_are_the_large_batch(method):
    alone, parts = train(method), train(method, own=[slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 8)])
    assert_state(parts['state'], alone['state'])
    for step in range(STEPS):
        for name, value in losses(alone['logs'][step]).items():
            mean = np.mean([log[name] for log in parts['logs'][4 * step : 4 * step + 4]])
            assert mean == pytest.approx(value, abs=1e-6, rel=ROUNDING), (step, name)
    if alone['pointers']:  # teacher and bank move once per step: the one before it, the other after it
        assert parts['pointers'] == [
            place
            for before, after in itertools.pairwise([0, *alone['pointers']])
            for place in (before, before, before, after)
        ]
        for step, expected in enumerate(alone['teachers']):
            for teacher in parts['teachers'][4 * step : 4 * step + 4]:
                torch.testing.assert_close(teacher, expected, atol=1e-6, rtol=1e-6)


def test_both_at_once_are_the_large_batch_too(found):
    alone = train('rspnet')
    for process in found:
        assert_state(process['accumulated']['state'], alone['state'])


def test_until_the_adversary_begins_the_processes_wait_for_no_gradient_of_its_generator(found):
    alone = train('video_moco_generator', adversary_begins=1)
    names = [name for name in alone['state'] if name.startswith('adversary.')]
    untouched = build('video_moco_generator').state_dict()
    assert names and any(not torch.equal(alone['state'][name], untouched[name]) for name in names)
    for process in found:
        assert ['loss_generator' in log for log in process['begins later']['logs']] == [False, True, True]
        assert_state(process['begins later']['state'], alone['state'])


def test_contrast_within_the_batch_is_another_task_with_accumulated_gradients():
    """Not a fault, but a reason to leave it out above: with fewer clips beside it a clip has fewer negatives."""
    method = 'video_pace_same_context'
    alone, parts = train(method), train(method, own=[slice(0, 4), slice(4, 8)])
    assert parts['logs'][0]['loss_contrast'] < alone['logs'][0]['loss_contrast'] - 0.01


def test_a_loss_that_is_no_number_on_one_process_skips_the_step_on_both(found):
    first, second = (process['guarded'] for process in found)
    for name, value in first['state'].items():
        assert torch.equal(value, second['state'][name]), name
        assert value.isfinite().all(), name
    assert first['pointers'] == [BATCH, BATCH, 2 * BATCH]
    assert np.isfinite(first['logs'][1]['loss']) and np.isnan(second['logs'][1]['loss'])
    for process in (first, second):
        assert len(process['warnings']) == 1
        assert ', '.join(f'1-{number}.mp4' for number in range(4, 8)) in process['warnings'][0], (
            "the other one's videos"
        )
        assert '1-3.mp4' not in process['warnings'][0]


@pytest.mark.parametrize(
    ('how', 'reason', 'absent'),
    [
        ('kill', ['Root Cause', 'rank      : 1', 'SIGKILL'], 'JSONDecodeError'),
        pytest.param(
            'raise',
            ['[rank1]: RuntimeError: it broke', 'Root Cause', 'rank      : 1'],
            'Connection closed by peer',
            marks=pytest.mark.slow,
        ),
        pytest.param('hang', ['Timed out waiting'], 'Connection closed by peer', marks=pytest.mark.slow),
    ],
)
def test_a_process_that_dies_ends_the_run_within_a_minute_with_the_reason(tmp_path, how, reason, absent):
    (tmp_path / 'ill.py').write_text(ILL)
    (tmp_path / 'config.py').write_text(f"""_base_ = {str(Path(config_directory()) / LAPTOP.format('vspp'))!r}
custom_imports = dict(imports=['videossl', 'ill'], allow_failed_imports=False)
custom_hooks = [dict(type='IllHook', how={how!r})]
model = dict(backbone=dict(base_channels=4), heads=dict(speed=dict(in_channels=32), segment=dict(in_channels=32)))
train_dataloader = dict(
    batch_size=2, num_workers=0, dataset=dict(_delete_=True, type='NoiseClips'), persistent_workers=False)
env_cfg = dict(dist_cfg=dict(timeout=10))
""")
    tools = Path(__file__).parents[2] / 'tools'
    environment = dict(
        os.environ, PYTHON=sys.executable, PYTHONPATH=str(tmp_path), CUDA_VISIBLE_DEVICES='', OMP_NUM_THREADS='1'
    )
    # In a process group of its own, so that a failing test leaves nobody behind.
    started = subprocess.Popen(
        ['bash', str(tools / 'dist_train.sh'), str(tmp_path / 'config.py'), '2', '--work-dir', str(tmp_path / 'work')],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = started.communicate(timeout=90)
    finally:
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)
    assert started.returncode != 0
    fell_ill = next(line for line in printed.splitlines() if line.startswith('ill at '))
    assert time.time() - float(fell_ill.split()[-1]) < 60, printed
    assert all(words in printed for words in reason), printed
    assert absent not in printed, printed


def test_uneven_last_batches_are_even_between_the_processes(found):
    """Seven samples, two processes: each has four, so that one sample is taken twice, in batches of three and one."""
    assert [process['uneven'] for process in found] == [[3, 1], [3, 1]]


def test_a_sampler_that_would_leave_one_process_waiting_is_refused_on_both(found):
    for process in found:
        assert (
            'train_dataloader.sampler: Unpadded gives the processes different numbers of samples, [4, 3]'
            in (process['refusal'])
        )
