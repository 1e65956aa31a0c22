"""A step with a NaN in it is left out whole, and training stops where that goes on."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook

from videossl.engine import LossGuardHook
from videossl.engine.hooks import TrainingStopped, collapse_hook, late_runtime_info_hook, loss_guard_hook

HOOKS = [dict(type='MomentumTeacherHook', momentum=0.7), dict(type='MemoryBankHook')]
FP32, BF16 = (dict(type='PrecisionHook', precision=precision) for precision in ('fp32', 'bf16'))


class Poison(Hook):
    """In some iterations puts a number that is none into the clips, as a broken augmentation would, or into the gradient
    of a weight, as an overflow in the backward pass would."""

    def __init__(self, iterations, where: str = 'clips', value: float = float('nan')) -> None:
        self.iterations, self.where, self.value = set(iterations), where, value

    def before_train(self, runner) -> None:
        model, poison = runner.model, self
        normalise = model.data_preprocessor.forward

        def forward(data, training=False):
            batch = normalise(data, training)
            if poison.where == 'clips' and runner.iter in poison.iterations:
                batch['inputs'][0] = poison.value
            return batch

        model.data_preprocessor.forward = forward
        model.backbone.conv.weight.register_hook(
            lambda gradient: (
                gradient * (poison.value if poison.where == 'gradient' and runner.iter in poison.iterations else 1)
            )
        )


@pytest.fixture(params=['host', 'device'], autouse=True)
def decides(request, monkeypatch) -> str:
    """Where the guard decides: on the host, as on a CPU, or on the device, as on an accelerator."""
    if request.param == 'device':
        for user in (loss_guard_hook, late_runtime_info_hook, collapse_hook):
            monkeypatch.setattr(user, 'reading_waits', torch.is_tensor)
    return request.param


@pytest.fixture
def train(build_aux_skd, build_runner, recorder, monkeypatch):
    """A function that trains auxSKD on 12 videos, 2 at a time, poisoned: the states before each iteration, the warnings."""

    def run(poison: Poison, guard: LossGuardHook | None, precision=FP32, model=None, epochs=1, **arguments):
        model = build_aux_skd(bank_size=50) if model is None else model
        guards = [] if guard is None else [guard]
        runner = build_runner(
            model,
            hooks=[*HOOKS, *guards, poison, recorder],
            samples=12,
            batch_size=2,
            epochs=epochs,
            precision=precision,
            **arguments,
        )
        warnings = []
        # The short run does not fill the bank, which has a warning of its own.
        note = lambda text: None if text.startswith('model.memory_bank.size') else warnings.append(text)  # noqa: E731
        monkeypatch.setattr(runner.logger, 'warning', note)
        # Names of the files of each iteration.
        batches = []
        recorder.after_train_iter = lambda runner, batch_idx, data_batch=None, outputs=None: batches.append(
            [sample.filename for sample in data_batch['data_samples']]
        )
        runner.train()
        return SimpleNamespace(runner=runner, states=recorder.states, warnings=warnings, batches=batches)

    return run


def same(before: dict, after: dict, *prefixes: str) -> bool:
    names = [name for name in before if name.startswith(prefixes)]
    assert names
    return all(torch.equal(before[name], after[name]) for name in names)


def all_finite(state: dict) -> bool:
    return all(torch.as_tensor(value).isfinite().all() for value in state.values())


STUDENT = ('backbone', 'necks', 'predictors')
BANK = ('memory_bank',)


@pytest.mark.parametrize('precision', [FP32, BF16], ids=['fp32', 'bf16'])
@pytest.mark.parametrize('where', ['clips', 'gradient'])
@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_nothing_is_taken_from_a_step_that_is_not_finite(train, precision, where, value):
    run = train(Poison([2], where, value), LossGuardHook(), precision)
    before, after, next_one = run.states[2:5]
    assert same(before, after, *STUDENT), 'weights and batch-norm statistics'
    assert same(before, after, *BANK)
    assert same(before, after, 'teacher')
    # Then it goes on.
    assert not same(after, next_one, 'backbone.conv') and not same(after, next_one, 'teacher.backbone.conv')
    assert int(run.states[-1]['memory_bank.pointer']) == 2 * 5, 'five of six batches'
    assert all_finite(run.states[-1])


def test_without_the_guard_one_such_batch_spoils_all_weights(train):
    run = train(Poison([2]), None)
    assert not run.states[-1]['backbone.conv.weight'].isfinite().any()


def test_the_optimiser_takes_its_next_step_as_if_the_skipped_one_had_not_been(train):
    run = train(Poison([2]), LossGuardHook())
    optimizer = run.runner.optim_wrapper.optimizer
    assert all(value['momentum_buffer'].isfinite().all() for value in optimizer.state.values())


@pytest.mark.parametrize('poisoned', [2, 3], ids=['first of its step', 'last of its step'])
def test_with_accumulated_gradients_the_whole_step_is_left_out(train, poisoned):
    run = train(Poison([poisoned]), LossGuardHook(), optim_wrapper=dict(accumulative_counts=2))
    before, after = run.states[2], run.states[4]
    assert same(before, after, *STUDENT) and same(before, after, *BANK)
    assert int(run.states[-1]['memory_bank.pointer']) == 4 * 2 and all_finite(run.states[-1])
    assert not run.runner.model.pending_keys
    for name in run.batches[poisoned]:
        assert name in run.warnings[0]
    for name in set(run.batches[5 - poisoned]) - set(run.batches[poisoned]):
        assert name not in run.warnings[0].replace('videos', ''), 'its loss was finite'


def test_the_log_names_the_loss_and_the_videos(train):
    run = train(Poison([2]), LossGuardHook())
    assert len(run.warnings) == 1
    assert run.warnings[0].startswith('iteration 3: loss_distill, std_student, std_teacher are NaN or infinite; ')
    assert (
        f'the videos of the batch: {", ".join(run.batches[2])}. The step is skipped: 1 in a row, 1 in all'
        in (run.warnings[0])
    )


def test_a_gradient_that_is_not_finite_is_told_from_a_loss(train):
    run = train(Poison([2], 'gradient'), LossGuardHook())
    assert 'a gradient is NaN or infinite, though the losses are finite' in run.warnings[0]
    assert ', '.join(run.batches[2]) in run.warnings[0]


def test_training_stops_after_so_many_in_a_row_and_says_what_to_do(train):
    with pytest.raises(TrainingStopped) as error:
        train(Poison([0, 2, 3, 4, 5]), LossGuardHook(max_in_a_row=3))
    words = [
        'training stops at iteration 5, since 3 steps in a row',
        'default_hooks.loss_guard.max_in_a_row=3',
        'optim_wrapper.optimizer.lr',
        '.mp4',
    ]
    assert all(word in str(error.value) for word in words), error.value


def test_training_stops_after_so_many_in_all(train):
    with pytest.raises(TrainingStopped, match=r'(?s)iteration 5, since 3 steps were skipped in all.*max_total=3'):
        train(Poison([0, 2, 4]), LossGuardHook(max_in_a_row=3, max_total=3))


def test_neither_limit_is_reached_by_one_less(train):
    run = train(Poison([0, 1, 3, 4]), LossGuardHook(max_in_a_row=3, max_total=5))
    assert len(run.warnings) == 4


def test_a_resumed_run_knows_what_was_skipped_in_all_and_has_as_many_tries_in_a_row_as_another(
    train, build_aux_skd, build_runner, tmp_path
):
    run = train(Poison([4, 5]), LossGuardHook(max_in_a_row=4), checkpoint=dict(type='PlainCheckpointHook', interval=1))
    last = run.states[-1]
    guard = LossGuardHook(max_in_a_row=3)
    runner = build_runner(
        build_aux_skd(bank_size=50),
        hooks=[*HOOKS, guard, Poison([6, 7, 8])],
        samples=12,
        batch_size=2,
        epochs=2,
        work_dir='resumed',
        load_from=str(next(tmp_path.glob('run/epoch_1.pth'))),
        resume=True,
    )
    teachers = []
    runner.register_hook(SnapTeacher(teachers), priority='LOWEST')
    with pytest.raises(TrainingStopped, match='3 steps in a row'):
        runner.train()
    assert torch.equal(teachers[0], last['teacher.backbone.conv.weight']), 'moves no second time for one step'
    assert guard.total == 5


class SnapTeacher(Hook):
    """Notes the teacher's weights right before each forward pass."""

    def __init__(self, found: list) -> None:
        self.found = found

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        self.found.append(runner.model.teacher['backbone'].conv.weight.clone())


def test_a_run_without_faults_is_the_same_to_the_bit_with_and_without_the_guard(train, recorder):
    with_guard = train(Poison([]), LossGuardHook()).states[-1]
    recorder.states.clear()
    without = train(Poison([]), None, work_dir='other').states[-1]
    for name, value in with_guard.items():
        assert torch.equal(value, without[name]), name


def test_after_training_neither_model_nor_optimiser_is_watched(train):
    runner = train(Poison([]), LossGuardHook()).runner
    assert not runner.model._forward_hooks and not runner.optim_wrapper.optimizer._optimizer_step_pre_hooks


@pytest.mark.parametrize('fused', [True, False])
@pytest.mark.parametrize('optimizer', ['SGD', 'Adam', 'AdamW'])
def test_a_skipped_step_leaves_every_optimiser_and_its_count_of_steps_alone(train, optimizer, fused):
    momentum = dict(momentum=0.9) if optimizer == 'SGD' else {}
    settings = dict(optimizer=dict(type=optimizer, lr=0.1, weight_decay=0.1, fused=fused, **momentum))
    run = train(Poison([0, 2]), LossGuardHook(), optim_wrapper=settings)
    assert same(run.states[0], run.states[1], *STUDENT) and same(run.states[2], run.states[3], *STUDENT)
    assert not same(run.states[1], run.states[2], 'backbone.conv') and all_finite(run.states[-1])
    states = run.runner.optim_wrapper.optimizer.state.values()
    assert all(state.get('step', 4) == 4 for state in states), 'four of six'


def test_gradients_that_a_loss_scaler_has_to_see_to_are_left_to_it():
    weight = torch.nn.Parameter(torch.ones(1))
    guard = LossGuardHook()
    guard.wrapper = SimpleNamespace(optimizer=torch.optim.SGD([weight], lr=1), loss_scaler=None)
    guard.losses = [torch.tensor(1.0)]
    weight.grad = torch.tensor([np.inf], dtype=torch.float32)
    assert not guard._faults()
    guard.losses.append(torch.tensor(np.inf))
    assert guard._faults()


@pytest.mark.parametrize(
    'arguments', [dict(max_in_a_row=0), dict(max_in_a_row=None), dict(max_total=0), dict(max_total=1.5)]
)
def test_limits_that_are_none_are_refused(arguments):
    with pytest.raises(ValueError, match=f'LossGuardHook: {next(iter(arguments))} must be'):
        LossGuardHook(**arguments)
