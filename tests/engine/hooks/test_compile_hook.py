"""Compiled backbones train as those that are not."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch._functorch import config as functorch_config

from videossl.engine import CompileHook, LossGuardHook
from videossl.engine.hooks import compile_hook
from videossl.engine.hooks.compile_hook import CannotCompile
from videossl.errors import ConfigError, UserError
from videossl.models import FrameDropAdversary

MOMENTUM_HOOKS = [dict(type='MomentumTeacherHook', momentum=0.7), dict(type='MemoryBankHook')]
BF16 = dict(type='PrecisionHook', precision='bf16')
FP32 = dict(type='PrecisionHook', precision='fp32')


class Counting:
    """Compiles to what was traced, and counts graphs and their runs."""

    def __init__(self) -> None:
        self.graphs: list[list[tuple]] = []
        self.runs = 0

    def __call__(self, graph, inputs):
        self.graphs.append([tuple(value.shape) for value in inputs if isinstance(value, torch.Tensor)])

        def run(*args):
            self.runs += 1
            return graph(*args)

        return run


@pytest.fixture(autouse=True)
def nothing_compiled_before():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def train(build_aux_skd, build_runner, recorder):
    """A function that trains auxSKD for two epochs of batches of 3, 3 and 2 samples: the runner, the states and logs."""

    def run(options: dict | None, precision: dict = FP32, epochs: int = 2, adversary: bool = False, **arguments):
        recorder.states, recorder.logs = [], []
        compiling = [] if options is None else [CompileHook(**options)]
        model, more = build_aux_skd(), []
        if adversary:
            torch.manual_seed(1)
            model.adversary, more = FrameDropAdversary(), [dict(type='AdversaryHook', start_epoch=1)]
        runner = build_runner(
            model,
            hooks=[*MOMENTUM_HOOKS, *more, LossGuardHook(), *compiling, recorder],
            epochs=epochs,
            precision=precision,
            **arguments,
        )
        runner.train()
        return SimpleNamespace(runner=runner, states=recorder.states, logs=recorder.logs)

    return run


def assert_same_training(one, other, tolerance: float) -> None:
    assert len(one.logs) == len(other.logs) == 6
    for step, (log, other_log) in enumerate(zip(one.logs, other.logs)):
        assert log == pytest.approx(other_log, rel=tolerance, abs=tolerance), step
    for name, value in one.states[-1].items():
        torch.testing.assert_close(value, other.states[-1][name], rtol=tolerance, atol=tolerance, msg=name)


@pytest.mark.parametrize(('precision', 'tolerance'), [(FP32, 1e-5), (BF16, 1e-5)], ids=['fp32', 'bf16'])
def test_losses_weights_statistics_teacher_and_bank_are_those_of_the_same_net_not_compiled(train, precision, tolerance):
    plain = train(None, precision)
    compiled = train(dict(backend='aot_eager'), precision, work_dir='compiled')
    assert_same_training(plain, compiled, tolerance)
    assert int(compiled.states[-1]['memory_bank.pointer']) == 16 % 7


def test_an_adversary_takes_its_gradient_through_the_compiled_net(train):
    plain = train(None, adversary=True)
    assert 'loss_generator' in plain.logs[3] and 'loss_generator' not in plain.logs[2]
    compiled = train(dict(backend='aot_eager'), adversary=True, work_dir='compiled')
    assert_same_training(plain, compiled, 1e-5)
    assert functorch_config.donated_buffer, 'left as it was'


@pytest.mark.slow
@pytest.mark.parametrize(
    ('precision', 'first', 'tolerance'), [(FP32, 1e-5, 1e-3), (BF16, 0.01, 0.1)], ids=['fp32', 'bf16']
)
def test_so_are_those_of_the_default_backend(train, precision, first, tolerance):
    # At this learning rate a change of 1e-7 in the first weights has grown to 1e-4 in the loss after four steps.
    plain, compiled = train(None, precision), train({}, precision, work_dir='compiled')
    assert plain.logs[0] == pytest.approx(compiled.logs[0], rel=first, abs=first)
    assert_same_training(plain, compiled, tolerance)


def test_student_and_teacher_are_compiled_once_each_and_uneven_batches_run_as_they_are(train):
    counting = Counting()
    train(dict(backend=counting))
    probe, *graphs = counting.graphs
    assert probe == [(2,)] and len(graphs) == 2
    assert all((3, 3, 4, 8, 8) in shapes and (2, 3, 4, 8, 8) not in shapes for shapes in graphs)
    assert counting.runs == 1 + 2 * 2 * 2, 'probe, then two whole batches in each of two epochs, by both nets'


def test_without_a_batch_size_to_compare_with_every_batch_counts_as_a_whole_one():
    hook = CompileHook()
    hook.batch_size = None
    hook.before_train_iter(None, 0, dict(inputs=[0]))
    assert hook.in_whole_batch
    hook.batch_size = 3
    hook.before_train_iter(None, 0, dict(inputs=[0]))
    assert not hook.in_whole_batch


def test_what_follows_training_and_the_checkpoint_know_nothing_of_it(train, tmp_path):
    run = train(dict(backend='aot_eager'), checkpoint=dict(type='PlainCheckpointHook', interval=1))
    model = run.runner.model
    saved = torch.load(tmp_path / 'run' / 'epoch_2.pth', weights_only=True)['state_dict']
    assert list(saved) == list(model.state_dict()) and not any('_orig_mod' in name for name in saved)
    for part in (model.backbone, model.teacher['backbone']):
        assert part.forward.__func__ is type(part).forward


def test_a_resumed_run_goes_on_bit_by_bit(train, tmp_path):
    options, saving = dict(backend='aot_eager'), dict(type='PlainCheckpointHook', interval=1)
    whole = train(options, checkpoint=saving).states[-1]
    resumed = train(options, work_dir='resumed', load_from=str(tmp_path / 'run' / 'epoch_1.pth'), resume=True)
    assert len(resumed.logs) == 3
    for name, value in resumed.states[-1].items():
        assert torch.equal(value, whole[name]), name


def test_validation_runs_as_it_is(build_vspp, build_runner):
    counting = Counting()
    model = build_vspp()
    runner = build_runner(model, hooks=[CompileHook(backend=counting)], samples=3)
    found = []

    def look(runner) -> None:
        before = counting.runs
        model.eval()
        found.append((model(torch.zeros(3, 2, 3, 4, 8, 8), mode='predict'), counting.runs - before))
        model.train()

    next(hook for hook in runner.hooks if isinstance(hook, CompileHook)).after_train_epoch = look
    runner.train()
    assert counting.runs == 2 and found[0][1] == 0


def test_a_machine_that_cannot_compile_is_told_before_any_video_is_read(train, recorder):

    def without_compiler(graph, inputs):
        raise OSError('no such file: g++')

    with pytest.raises(
        CannotCompile, match=r'(?s)no such file: g\+\+.*C\+\+ compiler.*leave out compile=True'
    ) as error:
        train(dict(backend=without_compiler))
    assert isinstance(error.value, UserError) and not recorder.batches


@pytest.mark.parametrize(
    ('lacks', 'options', 'warned'), [(True, dict(), True), (False, dict(), False), (True, dict(backend='eager'), False)]
)
def test_a_processor_without_vectors_is_warned_of(build_vspp, monkeypatch, lacks, options, warned):
    monkeypatch.setattr(compile_hook, 'check_compiler', lambda device, options: None)
    monkeypatch.setattr(compile_hook, 'lacks_vectors', lambda: lacks)
    told = []
    logger = SimpleNamespace(warning=told.append, info=lambda message: None)
    CompileHook(**options).before_train(
        SimpleNamespace(model=build_vspp(), logger=logger, train_dataloader=SimpleNamespace(batch_size=3))
    )
    assert ['no vector instructions' in line for line in told] == [True] * warned


def test_a_model_without_a_backbone_is_refused(build_runner):
    hook = CompileHook(backend='eager')
    with pytest.raises(ConfigError, match='Linear has none'):
        hook.before_train(SimpleNamespace(model=nn.Linear(1, 1)))


def test_an_option_that_torch_does_not_have_is_refused_with_those_it_has():
    with pytest.raises(ValueError, match='torch.compile has no modes; it has .*mode'):
        CompileHook(modes='max-autotune')
