"""The human prior in training runs: what the averaged and the parsing teacher go through, hand-offs to it and from it."""

from types import SimpleNamespace

import pytest
import torch
from mmaction.structures import ActionDataSample
from torch.utils.data import Dataset

from videossl.engine import HandOffHook
from videossl.models.teachers import SCHP
from videossl.registry import MODELS

MOMENTUM = 0.7
NET = dict(type='R3D', base_channels=2)
# A parsing network of a sixteenth of the width.
TEACHER = dict(
    type='SCHP', dataset='pascal-person-part', allow_random=True, layers=(1, 1, 1, 1), width=1 / 16, input_size=33
)


class Clips(Dataset):
    """Samples of three clips [3, 3, 4, 8, 8] with their middle frames."""

    def __init__(self, number=6):
        generator = torch.Generator().manual_seed(1)
        self.clips = torch.randint(0, 256, (number, 3, 3, 4, 8, 8), generator=generator).byte()

    def __len__(self):
        return len(self.clips)

    def __getitem__(self, index):
        sample = ActionDataSample()
        sample.set_field(self.clips[index, :, :, 2].clone(), 'middle_frames')
        return dict(inputs=self.clips[index], data_samples=sample)


def build(seed=0, teacher=TEACHER):
    torch.manual_seed(seed)
    projection = dict(type='ProjectionNeck', in_channels=16, out_channels=5, branch='contrast')
    return MODELS.build(
        dict(
            _scope_='videossl',
            type='MomentumPretrainer',
            backbone=dict(type='BranchedBackbone', output='branches', backbone=NET),
            necks=dict(appearance=projection, motion=projection, human_map=dict(type='MapNeck', branch='human')),
            memory_bank=dict(type='MemoryBank', size=7, dim=5),
            student_views=(0,),
            teacher_views=(2, 1),
            enqueue=('appearance', 0),
            heads=dict(
                appearance=dict(type='InfoNCEHead'),
                motion=dict(type='RelativeSpeedHead', same_speed_view=1, other_speed_view=0),
                parsing=dict(
                    type='ParsingDistillHead',
                    in_channels=16,
                    num_classes=7,
                    size=None,
                    decoder_channels=(6, 5, 4),
                    teacher=teacher,
                ),
            ),
        )
    )


def train(build_runner, model, epochs=1, hooks=(), **arguments):
    """Three steps of two samples an epoch."""
    runner = build_runner(
        model,
        epochs=epochs,
        train_dataloader=dict(batch_size=2, num_workers=0, sampler=dict(type='DrawSampler', seed=3), dataset=Clips()),
        hooks=[*hooks, dict(type='MomentumTeacherHook', momentum=MOMENTUM), dict(type='MemoryBankHook')],
        **arguments,
    )
    runner.train()
    return runner


@pytest.fixture
def plain_checkpoint(tmp_path):
    """An auxiliary stage's checkpoint of the plain net, and its state."""
    torch.manual_seed(5)
    model = MODELS.build(
        dict(
            _scope_='videossl',
            type='MomentumPretrainer',
            backbone=NET,
            necks=dict(projection=dict(type='ProjectionNeck', in_channels=16, out_channels=5)),
            predictors=dict(projection=dict(type='PredictorNeck', in_channels=5, hidden_channels=6, out_channels=5)),
            memory_bank=dict(type='MemoryBank', size=7, dim=5),
            heads=dict(distill=dict(type='SimilarityDistillHead')),
        )
    )
    for name, value in model.named_buffers():  # statistics as after training
        if 'running' in name:
            value.uniform_(0.5, 2)
    path = str(tmp_path / 'aux.pth')
    torch.save(dict(state_dict=model.state_dict()), path)
    return path, model.state_dict()


def test_ten_steps_leave_the_parsing_teacher_bit_for_bit_as_it_was_and_outside_of_everything(build_runner, recorder):
    model = build()
    teacher = model.heads['parsing'].teacher
    assert isinstance(teacher, SCHP)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    assert sum('running' in name for name in before) > 20 and len(list(teacher.parameters())) > 40
    runner = train(
        build_runner, model, epochs=4, hooks=[recorder], checkpoint=dict(type='PlainCheckpointHook', interval=4)
    )
    assert len(recorder.logs) == 12 and all('loss_parsing' in log for log in recorder.logs)
    after = teacher.state_dict()
    assert after.keys() == before.keys() and all(torch.equal(after[name], before[name]) for name in before)
    assert model.training and not any(module.training for module in teacher.modules())
    assert all(value.grad is None and not value.requires_grad for value in teacher.parameters())

    own = {id(value) for value in (*teacher.parameters(), *teacher.buffers())}
    optimised = {id(value) for group in runner.optim_wrapper.optimizer.param_groups for value in group['params']}
    assert optimised == {id(value) for name, value in model.named_parameters() if not name.startswith('teacher.')}
    assert not own & optimised
    assert not own & {id(value) for value in (*model.parameters(), *model.buffers())}
    saved = torch.load(f'{runner.work_dir}/epoch_4.pth', weights_only=True)['state_dict']
    assert saved.keys() == build(teacher=None).state_dict().keys()


def test_the_decoder_and_both_branches_learn_in_a_run(build_runner, recorder):
    train(build_runner, build(), hooks=[recorder])
    first, last = recorder.states[0], recorder.states[-1]
    for part in (
        'backbone.shared.stem',
        'backbone.branches.human.stage4',
        'backbone.branches.contrast.stage4',
        'heads.parsing.decoder',
        'heads.parsing.classifier',
        'necks.appearance',
        'necks.motion',
    ):
        weights = [name for name in first if name.startswith(part) and first[name].ndim > 1]
        assert weights and all(not torch.equal(first[name], last[name]) for name in weights), part


def test_after_some_steps_the_averaged_teacher_is_the_closed_form_of_the_students_weights(build_runner, recorder):
    model = build()
    train(build_runner, model, epochs=2, hooks=[recorder])
    steps = len(recorder.states) - 1
    assert steps == 6
    averaged = [name for name, _ in model.teacher.named_parameters()]
    assert {'.'.join(name.split('.')[:3]) for name in averaged if name.startswith('backbone.branches')} == {
        'backbone.branches.contrast'
    }
    for name in averaged:
        students = [state[name].double() for state in recorder.states]
        by_hand = MOMENTUM**steps * students[0] + (1 - MOMENTUM) * sum(
            MOMENTUM ** (steps - 1 - step) * students[step + 1] for step in range(steps)
        )
        torch.testing.assert_close(recorder.states[-1][f'teacher.{name}'].double(), by_hand, rtol=1e-5, atol=1e-6)
    moved = [
        name
        for name in averaged
        if not torch.equal(recorder.states[0][f'teacher.{name}'], recorder.states[-1][f'teacher.{name}'])
    ]
    assert moved == averaged


def test_a_plain_checkpoint_of_the_auxiliary_stage_fills_both_branches_and_the_averaged_teacher(
    build_runner, recorder, plain_checkpoint
):
    path, source = plain_checkpoint
    model = build()
    # Before the first iteration the recorder sees the teacher as it was copied: it has not moved yet.
    train(build_runner, model, hooks=[recorder, dict(type='HandOffHook', checkpoint=path)])
    first = recorder.states[0]
    filled = {name for name in first if name.startswith('backbone.')}
    assert filled == {
        f'backbone.{place}.{name}'
        for name in MODELS.build(dict(NET, _scope_='videossl')).state_dict()
        for place in (
            ['shared'] if name.startswith(('stem', 'stage1', 'stage2')) else ['branches.human', 'branches.contrast']
        )
    }
    for name in filled:
        plain = name.replace('shared.', '').replace('branches.human.', '').replace('branches.contrast.', '')
        assert torch.equal(first[name], source[plain]), name
        if '.human.' not in name:
            assert torch.equal(first[f'teacher.{name}'], source[plain]), name
    assert not any('.human.' in name for name in first if name.startswith('teacher.'))
    assert not torch.equal(first['necks.appearance.layers.0.weight'], source['necks.projection.layers.0.weight'])


def test_fine_tuning_on_both_branches_takes_the_whole_backbone_of_the_pretraining(build_runner, tmp_path):
    pretrained = train(build_runner, build(), checkpoint=dict(type='PlainCheckpointHook', interval=1))
    recogniser = MODELS.build(
        dict(
            _scope_='videossl',
            type='Recognizer3D',
            backbone=dict(type='BranchedBackbone', backbone=NET),
            cls_head=dict(type='I3DHead', in_channels=32, num_classes=4, spatial_type='avg'),
        )
    )
    HandOffHook(f'{pretrained.work_dir}/epoch_1.pth').before_train(SimpleNamespace(model=recogniser, iter=0))
    source, filled = pretrained.model.state_dict(), recogniser.backbone.state_dict()
    assert {f'backbone.{name}' for name in filled} == {name for name in source if name.startswith('backbone.')}
    assert all(torch.equal(value, source[f'backbone.{name}']) for name, value in filled.items())
    clips = torch.randn(2, 3, 4, 8, 8)
    recogniser.eval(), pretrained.model.eval()
    with torch.no_grad():
        maps = pretrained.model.backbone(clips)
        torch.testing.assert_close(recogniser.backbone(clips), torch.cat([maps['human'], maps['contrast']], dim=1))
        assert recogniser.cls_head(recogniser.backbone(clips)).shape == (2, 4)


def test_the_test_of_the_pretext_task_averages_the_parsings_quality_too(build_runner):
    model = build()
    runner = build_runner(
        model,
        hooks=[],
        test_dataloader=dict(
            batch_size=4,
            num_workers=0,
            drop_last=False,
            sampler=dict(type='DrawSampler', shuffle=False, seed=3),
            dataset=Clips(),
        ),
        test_cfg=dict(type='PretextTestLoop'),
        test_evaluator=[],
    )
    metrics = runner.test()
    names = ['loss_parsing', 'kl_parsing', 'acc_parsing', 'miou_parsing', 'miou_parts', 'miou_parsing_constant']
    assert {f'pretext/{name}' for name in (*names, 'acc_motion', 'acc_appearance')} <= set(metrics)
    samples = [Clips()[index] for index in range(6)]
    batches = [samples[:4], samples[4:]]
    with torch.no_grad():
        found = [
            model(
                **model.data_preprocessor(
                    dict(
                        inputs=[sample['inputs'] for sample in batch],
                        data_samples=[sample['data_samples'] for sample in batch],
                    )
                ),
                mode='loss',
            )
            for batch in batches
        ]
    for name in names:
        by_hand = (4 * found[0][name] + 2 * found[1][name]) / 6
        assert metrics[f'pretext/{name}'] == pytest.approx(by_hand.item(), rel=1e-5, abs=1e-6)
