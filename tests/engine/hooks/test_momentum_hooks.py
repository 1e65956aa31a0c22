"""The averaged teacher and the memory bank, driven by mmengine's runner and computed again in float64."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from torch import nn
from torch.nn import functional as F

import videossl.models.pretrainers.momentum_pretrainer as momentum_pretrainer
from videossl.engine import LossGuardHook, MemoryBankHook, MomentumTeacherHook
from videossl.engine.hooks.momentum_hooks import advice_on_bank, fitting_momentum
from videossl.errors import ConfigError
from videossl.models import ClipDataPreprocessor, MemoryBank

MOMENTUM = 0.7
HOOKS = [dict(type='MomentumTeacherHook', momentum=MOMENTUM), dict(type='MemoryBankHook')]
TEACHER_VIEW = 1
STUDENT_TEMPERATURE, TEACHER_TEMPERATURE = 0.1, 0.05  # of build_aux_skd's head
PARAMETERS = [
    'backbone.conv.weight',
    'backbone.bn.weight',
    'backbone.bn.bias',
    'necks.projection.layers.0.weight',
    'necks.projection.layers.0.bias',
]


# --- the method once more, in float64, from a state dict ------------------------------------------------------------


def batch_norm_by_hand(values, weight, bias, dims, eps=1e-5):
    mean, variance = values.mean(dims, keepdim=True), values.var(dims, correction=0, keepdim=True)
    shape = [1, -1] + [1] * (values.ndim - 2)
    return (values - mean) / (variance + eps).sqrt() * weight.view(shape) + bias.view(shape)


def first_maps(state: dict, prefix: str, clips: list[torch.Tensor], view: int) -> torch.Tensor:
    mean = torch.tensor([123.675, 116.28, 103.53]).view(3, 1, 1, 1).double()
    std = torch.tensor([58.395, 57.12, 57.375]).view(3, 1, 1, 1).double()
    inputs = torch.stack([(sample[view].double() - mean) / std for sample in clips])
    return F.conv3d(inputs, state[f'{prefix}backbone.conv.weight'].double(), stride=2, padding=1)


def projection(state: dict, prefix: str, clips: list[torch.Tensor], view: int) -> torch.Tensor:
    state = {name: value.double() for name, value in state.items()}
    maps = batch_norm_by_hand(
        first_maps(state, prefix, clips, view),
        state[f'{prefix}backbone.bn.weight'],
        state[f'{prefix}backbone.bn.bias'],
        (0, 2, 3, 4),
    )
    layer = f'{prefix}necks.projection.layers.0.'
    return maps.clamp(min=0).mean((2, 3, 4)) @ state[layer + 'weight'].t() + state[layer + 'bias']


def student_embedding(state: dict, clips: list[torch.Tensor]) -> torch.Tensor:
    layers = {name.removeprefix('predictors.projection.layers.'): value.double() for name, value in state.items()}
    hidden = projection(state, '', clips, 0) @ layers['0.weight'].t() + layers['0.bias']
    hidden = batch_norm_by_hand(hidden, layers['1.weight'], layers['1.bias'], (0,)).clamp(min=0)
    return unit(hidden @ layers['3.weight'].t() + layers['3.bias'])


def unit(rows: torch.Tensor) -> torch.Tensor:
    return rows / (rows * rows).sum(1, keepdim=True).sqrt()


def divergence(student: torch.Tensor, teacher: torch.Tensor, bank: torch.Tensor) -> float:
    p_student = (student @ bank.double().t() / STUDENT_TEMPERATURE).softmax(1)
    p_teacher = (teacher @ bank.double().t() / TEACHER_TEMPERATURE).softmax(1)
    return (p_teacher * (p_teacher / p_student).log()).sum(1).mean().item()


def assert_same(state: dict, other: dict, prefix: str = '', other_prefix: str = '') -> None:
    for name in PARAMETERS:
        assert torch.equal(state[prefix + name], other[other_prefix + name]), name


# --- runs that are too short ---------------------------------------------------------------------------------------


def warnings_of_start(runner, monkeypatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(runner.logger, 'warning', found.append)
    runner.train()
    return found


@pytest.mark.parametrize(
    ('momentum', 'epochs', 'accumulated', 'left', 'value'),
    [
        # 4 batches an epoch. The share that is left of the first weights is momentum ** steps.
        (0.95, 1, 1, '81%', 'momentum=0 '),
        (0.95, 3, 1, None, None),  # 0.95 ** 12 = 54 %
        (0.98, 4, 1, '72%', 'momentum=0.75 '),
        (0.98, 4, 2, '85%', 'momentum=0.5 '),  # 8 steps
        (0.95, 1, 3, '90%', 'momentum=0 '),  # 2 steps: the last iteration ends the second
        (0.95, 1, 8, '95%', 'a run of 1 steps'),
        (1.0, 1, 1, None, None),  # it is meant to stay
    ],
)
def test_a_teacher_that_is_too_slow_for_the_run_is_told_once_with_the_value_to_take(
    build_aux_skd, build_runner, monkeypatch, momentum, epochs, accumulated, left, value
):
    hooks = [dict(type='MomentumTeacherHook', momentum=momentum), dict(type='MemoryBankHook')]
    settings = dict(accumulative_counts=accumulated)
    runner = build_runner(build_aux_skd(), hooks=hooks, epochs=epochs, batch_size=2, optim_wrapper=settings)
    found = [line for line in warnings_of_start(runner, monkeypatch) if 'teacher is slow' in line]
    assert len(found) == (left is not None)
    for line in found:
        assert f'{left} of its first weights' in line and value in line


def test_the_value_to_take_leaves_little_of_the_first_weights():
    for steps in (20, 84, 400, 20_000):
        # (1 - 4 / n) ** n tends to exp(-4), from below.
        assert 0.01 < fitting_momentum(steps) ** steps < 0.0184


@pytest.mark.parametrize(
    ('rows', 'keys', 'videos', 'told'),
    [
        (8, 8, 8, None),
        (8, None, 8, None),
        (100, 99, 100, 'size=100: this run enqueues 99 embeddings, so that .* Set it to 24 or less'),
        (2, 1, 9, 'this run enqueues 1 embeddings, .* Set it to 1 or less'),
        (9, 9, 8, 'size=9: there are 8 videos, so that .* Set it to 8 or less'),
        (9, None, 8, 'size=9: there are 8 videos, so that .* Set it to 8 or less'),
        (100, 99, 10, 'this run enqueues 99 .*; there are 10 videos, .* Set it to 10 or less'),
        (100, 20, 10, 'this run enqueues 20 .*; there are 10 videos, .* Set it to 5 or less'),
    ],
)
def test_a_bank_that_is_too_large_is_told_with_one_size_that_fits(rows, keys, videos, told):
    advice = advice_on_bank(rows, keys, videos)
    assert advice is None if told is None else re.search(told, advice)
    if advice is not None:
        size = int(re.search(r'Set it to (\d+) or less', advice)[1])
        assert advice_on_bank(size, keys, videos) is None, 'who follows it is told nothing more'


@pytest.mark.parametrize(
    ('rows', 'told'), [(8, None), (100, 'enqueues 8 embeddings, .* are 8 videos, .* to 2 or less')]
)
def test_a_run_tells_once_of_a_bank_that_is_too_large(build_aux_skd, build_runner, monkeypatch, rows, told):
    # 4 batches of 2.
    runner = build_runner(build_aux_skd(bank_size=rows), hooks=HOOKS, batch_size=2)
    found = [line for line in warnings_of_start(runner, monkeypatch) if 'memory_bank' in line]
    assert len(found) == (told is not None)
    assert all(re.search(told, line) for line in found)


# --- the start ------------------------------------------------------------------------------------------------------


def test_from_scratch_the_teacher_starts_as_the_students_copy(build_aux_skd, build_runner, recorder):
    model = build_aux_skd()
    with torch.no_grad():  # as an initialisation after the constructor would leave it
        model.backbone.conv.weight.normal_()
        model.backbone.bn.running_mean.normal_()
    runner = build_runner(model, hooks=[dict(type='MomentumTeacherHook', momentum=1.0), MemoryBankHook(), recorder])
    runner.train()
    first = recorder.states[0]
    for name, value in first.items():
        if name.startswith('teacher.'):
            assert torch.equal(value, first[name.removeprefix('teacher.')]), name


def test_after_a_hand_off_the_teacher_starts_with_the_weights_that_were_handed_over(
    build_aux_skd, build_runner, recorder, tmp_path
):
    source = build_aux_skd(seed=5).state_dict()
    torch.save(dict(state_dict=source), tmp_path / 'stage.pth')
    hooks = [
        recorder,
        dict(type='MemoryBankHook'),
        dict(type='MomentumTeacherHook', momentum=0.7),
        dict(type='HandOffHook', checkpoint=str(tmp_path / 'stage.pth')),  # named last, as --init-from does
    ]
    runner = build_runner(build_aux_skd(seed=0), hooks=hooks)
    runner.train()
    first = recorder.states[0]
    assert torch.equal(first['backbone.conv.weight'], source['backbone.conv.weight'])
    assert torch.equal(first['teacher.backbone.conv.weight'], source['backbone.conv.weight'])
    assert_same(first, first, 'teacher.')


def test_a_student_that_was_handed_over_can_have_a_random_teacher(build_aux_skd, build_runner, recorder, tmp_path):
    source = build_aux_skd(seed=5).state_dict()
    torch.save(dict(state_dict=source), tmp_path / 'stage.pth')
    hooks = [
        recorder,
        dict(type='MemoryBankHook'),
        dict(type='MomentumTeacherHook', momentum=0.7, copy_student=False),
        dict(type='HandOffHook', checkpoint=str(tmp_path / 'stage.pth')),
    ]
    model = build_aux_skd(seed=0)
    built = model.teacher['backbone'].conv.weight.clone()
    build_runner(model, hooks=hooks).train()
    first, second = recorder.states[:2]
    name = 'backbone.conv.weight'
    assert torch.equal(first[name], source[name])
    for weight in (source[name], built):
        assert (first[f'teacher.{name}'] - weight).abs().max() > 0.05
    by_hand = 0.7 * first[f'teacher.{name}'].double() + 0.3 * second[name].double()
    torch.testing.assert_close(second[f'teacher.{name}'].double(), by_hand, atol=1e-6, rtol=1e-5)


# --- one iteration --------------------------------------------------------------------------------------------------


@pytest.fixture
def run(build_aux_skd, build_runner, recorder):
    """A finished run of 4 epochs of 3 iterations (batches of 3, 3 and 2, a bank of 7) and what was recorded."""
    build_runner(build_aux_skd(), hooks=[*HOOKS, recorder], epochs=4).train()
    assert len(recorder.logs) == 12 and len(recorder.states) == 13
    return recorder


def test_the_student_moves_in_every_iteration(run):
    for before, after in zip(run.states, run.states[1:]):
        assert not torch.equal(before['backbone.conv.weight'], after['backbone.conv.weight'])


def test_the_teacher_of_an_iteration_has_moved_towards_the_student_of_that_iteration(run):
    for before, after in zip(run.states, run.states[1:]):
        for name in PARAMETERS:
            by_hand = MOMENTUM * before[f'teacher.{name}'].double() + (1 - MOMENTUM) * after[name].double()
            torch.testing.assert_close(after[f'teacher.{name}'].double(), by_hand, atol=1e-6, rtol=1e-5)


def test_after_n_steps_the_teacher_is_the_weighted_sum_of_all_students(run):
    steps = len(run.logs)
    for name in PARAMETERS:
        by_hand = MOMENTUM**steps * run.states[0][name].double()
        for step in range(steps):
            by_hand += (1 - MOMENTUM) * MOMENTUM ** (steps - 1 - step) * run.states[step + 1][name].double()
        torch.testing.assert_close(run.states[-1][f'teacher.{name}'].double(), by_hand, atol=1e-6, rtol=1e-5)


def test_the_loss_is_the_papers_taken_before_enqueue_with_the_moved_teacher(run):
    for step, (before, after) in enumerate(zip(run.states, run.states[1:])):
        clips = run.batches[step]
        student = student_embedding(before, clips)
        teacher = unit(projection(before, 'teacher.', clips, TEACHER_VIEW))
        logged = run.logs[step]['loss_distill']
        assert logged == pytest.approx(divergence(student, teacher, before['memory_bank.rows']), rel=2e-3)
        # The test would notice the other orders.
        stale = unit(projection(run.states[max(step - 1, 0)], 'teacher.', clips, TEACHER_VIEW))
        assert step == 0 or logged != pytest.approx(divergence(student, stale, before['memory_bank.rows']), rel=2e-3)
        assert logged != pytest.approx(divergence(student, teacher, after['memory_bank.rows']), rel=2e-3)


def test_the_bank_holds_the_teachers_keys_in_order_though_no_batch_divides_it(run):
    size = run.states[0]['memory_bank.rows'].shape[0]
    ring = list(run.states[0]['memory_bank.rows'].double())
    written = 0
    for step, (before, after) in enumerate(zip(run.states, run.states[1:])):
        for key in unit(projection(before, 'teacher.', run.batches[step], TEACHER_VIEW)):
            ring[written % size] = key
            written += 1
        torch.testing.assert_close(after['memory_bank.rows'].double(), torch.stack(ring), atol=1e-4, rtol=0)
        assert after['memory_bank.pointer'].item() == written % size
    assert written == 4 * 8


def test_the_teachers_batch_norm_statistics_are_its_own_and_not_averaged(run):
    for step, (before, after) in enumerate(zip(run.states, run.states[1:])):
        maps = first_maps(before, 'teacher.', run.batches[step], TEACHER_VIEW)
        for name, statistic in (('running_mean', maps.mean((0, 2, 3, 4))), ('running_var', maps.var((0, 2, 3, 4)))):
            name = f'teacher.backbone.bn.{name}'
            by_hand = 0.9 * before[name].double() + 0.1 * statistic
            torch.testing.assert_close(after[name].double(), by_hand, atol=1e-5, rtol=1e-4)
        counter = 'teacher.backbone.bn.num_batches_tracked'
        assert after[counter] == before[counter] + 1


def test_the_optimiser_never_changes_the_teacher_or_holds_it(build_aux_skd, build_runner, recorder):
    model = build_aux_skd()
    hooks = [dict(type='MomentumTeacherHook', momentum=1.0), dict(type='MemoryBankHook'), recorder]
    runner = build_runner(model, hooks=hooks, optim_wrapper=dict(paramwise_cfg=dict(norm_decay_mult=0.0)))
    runner.train()
    assert_same(recorder.states[-1], recorder.states[0], 'teacher.', 'teacher.')
    held = {id(parameter) for group in runner.optim_wrapper.optimizer.param_groups for parameter in group['params']}
    assert held.isdisjoint(id(parameter) for parameter in model.teacher.parameters())
    assert held == {id(parameter) for parameter in model.parameters() if parameter.requires_grad}


def test_the_log_has_loss_accuracy_and_the_signs_of_collapse(run):
    for log in run.logs:
        assert set(log) == {'loss', 'loss_distill', 'acc_nearest_anchor', 'std_student', 'std_teacher'}
        assert log['loss'] == log['loss_distill']
        assert np.isfinite(list(log.values())).all()


def test_the_logged_spread_is_that_of_the_students_embeddings(run):
    for before, clips, log in zip(run.states, run.batches, run.logs):
        by_hand = student_embedding(before, clips).std(0, correction=0).mean().item() * 5**0.5
        assert log['std_student'] == pytest.approx(by_hand, rel=1e-2, abs=1e-3)


def test_a_plain_loop_gives_the_same_bits_as_the_runner(build_aux_skd, build_runner):
    precision = dict(type='PrecisionHook', precision='fp32', channels_last=False)
    runner = build_runner(build_aux_skd(), hooks=HOOKS, epochs=2, precision=precision)
    runner.train()
    model, loader = build_aux_skd(), runner.train_dataloader
    optimizer = torch.optim.SGD(
        [parameter for parameter in model.parameters() if parameter.requires_grad],
        lr=0.5,
        momentum=0.9,
        weight_decay=5e-4,
    )
    model.start_teacher()
    for epoch in range(2):
        loader.sampler.set_epoch(epoch)
        for batch in loader:
            losses = model(**model.data_preprocessor(batch, training=True), mode='loss')
            optimizer.zero_grad()
            losses['loss_distill'].backward()
            optimizer.step()
            model.after_step(MOMENTUM)
    plain = model.state_dict()
    for name, value in runner.model.state_dict().items():
        assert torch.equal(value, plain[name]), name


# --- accumulated gradients ------------------------------------------------------------------------------------------


@pytest.mark.parametrize('accumulate', [2, 3, 4])
def test_with_accumulated_gradients_teacher_and_bank_move_once_per_optimiser_step(
    build_aux_skd, build_runner, recorder, accumulate
):
    # 2 epochs of 4 batches of 2: with 3 the last step comes after 2 iterations.
    runner = build_runner(
        build_aux_skd(bank_size=11),
        hooks=[*HOOKS, recorder],
        epochs=2,
        batch_size=2,
        optim_wrapper=dict(accumulative_counts=accumulate),
    )
    runner.train()
    written = 0
    pending = []
    for step in range(8):
        before, after = recorder.states[step : step + 2]
        ends = (step + 1) % accumulate == 0 or step == 7
        if ends:
            for name in PARAMETERS:
                by_hand = MOMENTUM * before[f'teacher.{name}'].double() + (1 - MOMENTUM) * after[name].double()
                torch.testing.assert_close(after[f'teacher.{name}'].double(), by_hand, atol=1e-6, rtol=1e-5)
        else:
            assert_same(before, after, 'teacher.', 'teacher.')
        assert ends != torch.equal(before['backbone.conv.weight'], after['backbone.conv.weight'])
        pending.append(unit(projection(before, 'teacher.', recorder.batches[step], TEACHER_VIEW)))
        if not ends:
            assert torch.equal(before['memory_bank.rows'], after['memory_bank.rows'])
        else:
            keys = torch.cat(pending)
            pending.clear()
            places = (torch.arange(len(keys)) + written) % 11
            torch.testing.assert_close(after['memory_bank.rows'][places].double(), keys, atol=1e-4, rtol=0)
            written += len(keys)
        assert after['memory_bank.pointer'].item() == written % 11
    assert written == 16
    assert runner.model.pending_keys == []


# --- several processes ----------------------------------------------------------------------------------------------


def test_the_keys_of_all_ranks_are_enqueued_in_the_order_of_the_ranks(
    build_aux_skd, build_runner, recorder, monkeypatch
):
    model = build_aux_skd(bank_size=20)
    gathered = []

    def all_gather(keys: torch.Tensor) -> list[torch.Tensor]:
        gathered.append(keys.clone())
        return [keys, -keys]

    monkeypatch.setattr(momentum_pretrainer, 'get_world_size', lambda: 2)
    monkeypatch.setattr(momentum_pretrainer, 'all_gather', all_gather)
    build_runner(model, hooks=[*HOOKS, recorder]).train()
    expected = torch.cat([torch.cat([keys, -keys]) for keys in gathered])
    assert len(expected) == 16
    assert torch.equal(model.memory_bank.rows[:16], expected)
    assert model.memory_bank.pointer.item() == 16


# --- what does not fit ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize('missing', ['MomentumTeacherHook', 'MemoryBankHook'])
def test_a_missing_hook_stops_training_by_name(build_aux_skd, build_runner, missing):
    hooks = [hook for hook in HOOKS if hook['type'] != missing]
    with pytest.raises(ConfigError, match=rf"needs {missing}; add dict\(type='{missing}'\)"):
        build_runner(build_aux_skd(), hooks=hooks).train()


def test_without_any_of_them_training_stops_too(build_aux_skd, build_runner):
    with pytest.raises(ConfigError, match='needs MomentumTeacherHook and MemoryBankHook'):
        build_runner(build_aux_skd(), hooks=[]).train()
    with pytest.raises(ConfigError, match='needs MomentumTeacherHook and MemoryBankHook'):
        build_runner(build_aux_skd(), hooks=[LossGuardHook()], work_dir='guarded', samples=2).train()


@pytest.mark.parametrize('hook', [MomentumTeacherHook(), MemoryBankHook()])
def test_a_hook_with_a_model_it_does_not_fit_is_refused(build_vspp, build_runner, hook):
    with pytest.raises(ConfigError, match=f'{type(hook).__name__} .*got Pretrainer'):
        build_runner(build_vspp(), hooks=[hook]).train()


@pytest.mark.parametrize('momentum', [-0.1, 1.1])
def test_a_momentum_outside_0_to_1_is_refused(momentum):
    with pytest.raises(ValueError, match=f'momentum must be .*got {momentum}'):
        MomentumTeacherHook(momentum)


def test_the_papers_momentum_is_the_default():
    assert MomentumTeacherHook().momentum == 0.999 and MomentumTeacherHook().copy_student is True


def test_a_collapse_of_the_student_shows_in_the_log(build_aux_skd, build_runner, recorder):
    model = build_aux_skd()
    with torch.no_grad():
        nn.init.zeros_(model.backbone.conv.weight)
    model.backbone.conv.requires_grad_(False)
    build_runner(model, hooks=[*HOOKS, recorder]).train()
    assert all(log['std_student'] < 1e-3 for log in recorder.logs)


def test_preprocessor_and_bank_are_those_of_the_recomputation(build_aux_skd):
    model = build_aux_skd()
    assert type(model.data_preprocessor) is ClipDataPreprocessor and type(model.memory_bank) is MemoryBank
    assert {name for name, _ in model.teacher.named_parameters()} == set(PARAMETERS)


def test_a_step_that_loss_scaling_skips_moves_neither_bank_nor_teacher(build_aux_skd):
    """The scale falls in the second iteration, as it does when a gradient was not finite."""
    scale = [8.0]
    wrapper = SimpleNamespace(
        _inner_count=0,
        _accumulative_counts=1,
        should_update=lambda: True,
        loss_scaler=SimpleNamespace(get_scale=lambda: scale[0]),
    )
    model = build_aux_skd()
    hooks = [MomentumTeacherHook(momentum=0.5), MemoryBankHook()]
    loader = SimpleNamespace(batch_size=2, dataset=range(100))
    runner = SimpleNamespace(
        model=model, iter=0, max_iters=100, optim_wrapper=wrapper, hooks=hooks, train_dataloader=loader
    )
    for hook in hooks:
        hook.before_train(runner)
    moves, seen = [], []
    model.move_teacher = moves.append
    for iteration, after in enumerate((8.0, 4.0, 4.0)):
        for hook in hooks:
            hook.before_train_iter(runner, iteration)
        model.pending_keys.append(torch.ones(2, 5))
        scale[0] = after
        for hook in hooks:
            hook.after_train_iter(runner, iteration)
        seen.append((len(moves), int(model.memory_bank.pointer)))
    assert seen == [(1, 2), (1, 2), (2, 4)] and not model.pending_keys


# --- checkpoints from before the teacher moved right after the step --------------------------------------------------


class AsBefore(Hook):
    """Saves what was saved before: a teacher that has not moved for the last step, and whether that was skipped."""

    priority = 'VERY_LOW'

    def __init__(self, path: str) -> None:
        self.path = path

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        self.teacher = copied(runner.model.teacher.state_dict())
        self.moving = {name for name, _ in runner.model.teacher.named_parameters()}

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint['step_skipped'] = False
        for name in self.moving:
            checkpoint['state_dict'][f'teacher.{name}'] = self.teacher[name]


def copied(state: dict) -> dict:
    return {name: value.clone() for name, value in state.items()}


@pytest.mark.parametrize('accumulate', [1, 2])
@pytest.mark.parametrize('old', [True, False], ids=['old checkpoint', 'new checkpoint'])
def test_a_checkpoint_of_either_form_is_gone_on_from_bit_by_bit(build_aux_skd, build_runner, tmp_path, old, accumulate):
    settings = dict(epochs=2, samples=12, optim_wrapper=dict(accumulative_counts=accumulate))
    exact = dict(type='ExactResumeHook')
    whole = build_runner(build_aux_skd(), hooks=[*HOOKS, exact], work_dir='whole', **settings)
    whole.train()
    first = [AsBefore('')] if old else []
    checkpoint = dict(type='PlainCheckpointHook', interval=1)
    build_runner(
        build_aux_skd(), hooks=[*HOOKS, exact, *first], work_dir='part', checkpoint=checkpoint, **settings
    ).train()
    saved = torch.load(tmp_path / 'part' / 'epoch_1.pth', weights_only=False)
    assert ('step_skipped' in saved) == old
    resumed = build_runner(
        build_aux_skd(seed=3),
        hooks=[*HOOKS, exact],
        work_dir='resumed',
        load_from=str(tmp_path / 'part' / 'epoch_1.pth'),
        resume=True,
        **settings,
    )
    resumed.train()
    state = resumed.model.state_dict()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_the_step_before_an_old_checkpoint_may_have_been_skipped(build_aux_skd):
    for skipped in (True, False):
        hook = MomentumTeacherHook()
        hook.after_load_checkpoint(None, dict(step_skipped=skipped))
        assert hook.move_is_due is not skipped
