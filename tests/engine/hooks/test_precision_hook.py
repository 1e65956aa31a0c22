"""One switch for the precision of training, validation and test."""

import functools
from types import SimpleNamespace

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

import videossl.engine.hooks.precision_hook as precision_hook
from videossl.engine import PrecisionHook
from videossl.registry import MODELS


def test_an_unknown_precision_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="precision must be .*got 'half'"):
        PrecisionHook('half')


def call_before_run(model: nn.Module, hook: PrecisionHook, train_loop=None, optim_wrapper=None) -> None:
    logger = SimpleNamespace(info=lambda message: None)
    hook.before_run(SimpleNamespace(model=model, _train_loop=train_loop, optim_wrapper=optim_wrapper, logger=logger))


def test_fp16_is_refused_on_a_cpu(build_vspp):
    with pytest.raises(ValueError, match='fp16 is for GPUs'):
        call_before_run(build_vspp(), PrecisionHook('fp16'))


def test_fp16_training_is_refused_without_loss_scaling(build_vspp, monkeypatch):
    monkeypatch.setattr(precision_hook, 'get_device', lambda: 'cuda')
    model = build_vspp()
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(ValueError, match='set optim_wrapper.type to AmpOptimWrapper'):
        call_before_run(model, PrecisionHook('fp16'), train_loop=object(), optim_wrapper=wrapper)
    with_scaling = AmpOptimWrapper.__new__(AmpOptimWrapper)
    call_before_run(model, PrecisionHook('fp16'), train_loop=object(), optim_wrapper=with_scaling)
    assert model.autocast_precision == 'fp16'


def test_fp16_tests_need_no_loss_scaling_though_the_config_could_train(build_vspp, monkeypatch):
    # For a test the runner keeps the training part of the config as it was written, and builds none of it.
    monkeypatch.setattr(precision_hook, 'get_device', lambda: 'cuda')
    model = build_vspp()
    call_before_run(
        model,
        PrecisionHook('fp16'),
        train_loop=dict(type='EpochBasedTrainLoop', max_epochs=1),
        optim_wrapper=dict(type='AmpOptimWrapper', optimizer=dict(type='SGD', lr=0.1)),
    )
    assert model.autocast_precision == 'fp16'


@pytest.mark.parametrize(
    ('arguments', 'channels_last'),
    [
        (dict(precision='bf16'), True),
        (dict(precision='bf16', channels_last=False), False),
        (dict(precision='fp32'), True),
        (dict(precision='fp32', channels_last=False), False),
    ],
)
def test_on_a_cpu_weights_are_channels_last_in_every_precision_unless_it_is_chosen(
    build_vspp, arguments, channels_last
):
    model = build_vspp()
    call_before_run(model, PrecisionHook(**arguments))
    weight = model.backbone.conv.weight
    assert weight.is_contiguous(memory_format=torch.channels_last_3d) == channels_last
    assert weight.is_contiguous() != channels_last


def test_teacher_and_student_are_both_channels_last(build_aux_skd):
    model = build_aux_skd()
    call_before_run(model, PrecisionHook('bf16'))
    model.start_teacher()
    for part in (model.backbone, model.teacher['backbone']):
        assert part.conv.weight.is_contiguous(memory_format=torch.channels_last_3d)


def test_training_then_testing_with_one_runner_wraps_the_model_once(build_vspp):
    model = build_vspp()
    call_before_run(model, PrecisionHook('bf16'))
    forward = model.forward
    call_before_run(model, PrecisionHook('bf16'))
    assert model.forward == forward


class Watch:
    """The types that go into and come out of a module, by whether it trains."""

    def __init__(self, module: nn.Module) -> None:
        self.inputs: dict[bool, set[torch.dtype]] = {True: set(), False: set()}
        self.outputs: dict[bool, set[torch.dtype]] = {True: set(), False: set()}
        module.register_forward_hook(self.note)

    def note(self, module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        self.inputs[module.training].add(inputs[0].dtype)
        self.outputs[module.training].add(output.dtype)


@pytest.mark.parametrize(('precision', 'dtype'), [('fp32', torch.float32), ('bf16', torch.bfloat16)])
def test_auxskd_trains_its_convolutions_in_the_precision_and_keeps_all_else_in_fp32(
    build_aux_skd, build_runner, recorder, precision, dtype
):
    model = build_aux_skd()
    watched = [Watch(model.backbone.conv), Watch(model.teacher['backbone'].conv)]
    seen = {}
    loss = model.heads['distill'].loss

    def watched_loss(embeddings, data_samples) -> dict:
        results = loss(embeddings, data_samples)
        seen.update(student=embeddings.student, teacher=embeddings.teacher, bank=embeddings.bank.rows, **results)
        return results

    model.heads['distill'].loss = watched_loss
    runner = build_runner(
        model,
        hooks=[dict(type='MomentumTeacherHook', momentum=0.7), dict(type='MemoryBankHook'), recorder],
        precision=dict(type='PrecisionHook', precision=precision),
    )
    runner.train()
    assert [watch.outputs[True] for watch in watched] == [{dtype}, {dtype}]
    for name in ('student', 'teacher', 'bank', 'loss_distill'):
        assert seen[name].dtype == torch.float32, name
    state = model.state_dict()
    assert {value.dtype for value in state.values() if value.is_floating_point()} == {torch.float32}
    buffers = [value['momentum_buffer'] for value in runner.optim_wrapper.optimizer.state.values()]
    assert {value.dtype for value in buffers} == {torch.float32}
    assert all(log['loss'] == log['loss'] for log in recorder.logs)


def test_bf16_and_fp32_begin_with_nearly_the_same_loss(build_vspp, build_runner):
    losses = []
    for precision in ('fp32', 'bf16'):
        runner = build_runner(
            build_vspp(), hooks=[], precision=dict(type='PrecisionHook', precision=precision), work_dir=precision
        )
        runner.train()
        losses.append(runner.message_hub.get_scalar('train/loss_speed').data[0][0])
    assert losses[0] == pytest.approx(losses[1], rel=0.01)
    assert losses[0] != losses[1]


class LabelledClips(Dataset):
    """Six samples of one clip for a recogniser."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> dict:
        generator = torch.Generator().manual_seed(int(index))
        clips = torch.randint(0, 256, (1, 3, 8, 16, 16), generator=generator).byte()
        return dict(inputs=clips, data_samples=ActionDataSample().set_gt_label(int(index) % 3))


class ScoreTypes(BaseMetric):
    """Which type the scores of the clips have."""

    def process(self, data_batch, data_samples) -> None:
        self.results += [sample['pred_score'].dtype for sample in data_samples]

    def compute_metrics(self, results: list) -> dict:
        assert set(results) == {torch.float32}, results
        return dict(samples=len(results))


@pytest.mark.parametrize(('precision', 'dtype'), [('fp32', torch.float32), ('bf16', torch.bfloat16)])
def test_a_recogniser_of_mmaction2_is_trained_validated_and_tested_in_the_precision(build_runner, precision, dtype):
    model = MODELS.build(
        dict(
            type='Recognizer3D',
            data_preprocessor=dict(type='ClipDataPreprocessor', _scope_='videossl'),
            backbone=dict(type='R3D', base_channels=2),
            cls_head=dict(
                type='mmaction.I3DHead', num_classes=3, in_channels=16, dropout_ratio=0.0, average_clips='prob'
            ),
            _scope_='videossl',
        )
    )
    watched, scores = Watch(model.backbone.stem.conv), Watch(model.cls_head)
    loader = dict(batch_size=3, num_workers=0, dataset=LabelledClips(), sampler=dict(type='DefaultSampler'))
    runner = build_runner(
        model,
        hooks=[],
        precision=dict(type='PrecisionHook', precision=precision),
        train_dataloader=dict(loader, sampler=dict(type='DrawSampler', seed=3)),
        val_dataloader=loader,
        val_cfg=dict(),
        val_evaluator=Evaluator(ScoreTypes()),
        test_dataloader=loader,
        test_cfg=dict(),
        test_evaluator=Evaluator(ScoreTypes()),
    )
    runner.train()
    assert watched.outputs == {True: {dtype}, False: {dtype}}
    assert scores.outputs == {True: {torch.float32}, False: {torch.float32}}
    loss = runner.message_hub.get_scalar('train/loss').current()
    assert loss == loss
    watched.outputs[False].clear()
    assert runner.test() == dict(samples=6)
    assert watched.outputs[False] == {dtype}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


# ---------------------------------------------------------------------------------------------------- several processes
def compare_first_gradients(rank: int) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv3d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv3d(4, 8, 3, padding=1))
    config = dict(model_wrapper_cfg=dict(type='MMDistributedDataParallel', device_ids=None))
    runner = SimpleNamespace(cfg=config, distributed=True, logger=SimpleNamespace(info=print), optim_wrapper=None)
    runner.wrap_model = functools.partial(Runner.wrap_model, runner)
    runner.model = runner.wrap_model(dict(config['model_wrapper_cfg']), net)
    PrecisionHook('fp32', channels_last=True).before_run(runner)
    assert runner.model.module is net
    clips = [torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(each)) for each in range(2)]
    parts = [torch.autograd.grad(net(clip).pow(2).mean(), list(net.parameters())) for clip in clips]
    runner.model(clips[rank]).pow(2).mean().backward()
    for parameter, first, second in zip(net.parameters(), *parts):
        torch.testing.assert_close(parameter.grad, (first + second) / 2, rtol=1e-5, atol=1e-7)


def test_the_first_step_of_two_processes_has_the_mean_of_their_gradients(run_two_processes):
    # The layout changes after the model has been wrapped.
    run_two_processes(compare_first_gradients)
