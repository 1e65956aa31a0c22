"""A bank with columns in the pretrainer: what enters it, what the heads get, what is refused at build, and an unfinished step."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from videossl.engine.hooks.exact_resume_hook import process_state, restore_process
from videossl.models import ConsistencyHead, InfoNCEHead, MemoryBank, MomentumPretrainer, SpeedConsistencyHead

SPEEDS, VIDEOS = [[0, 1], [1, 0], [0, 1]], [5, 6, 7]


@pytest.fixture
def build():
    """ASCNet of two linear layers on the pooled clip."""

    def model(bank: dict | None = None, **changes) -> MomentumPretrainer:
        columns = dict(embeddings=dict(speed=4), labels=('gt_speed', 'sample_idx'))
        parts: dict = dict(
            backbone=nn.Conv3d(3, 4, 1),
            necks=dict(
                appearance=dict(type='ProjectionNeck', in_channels=4, out_channels=5),
                speed=dict(type='ProjectionNeck', in_channels=4, out_channels=4),
            ),
            memory_bank=MemoryBank(4, 5, **(columns if bank is None else bank)),
            student_views=(0, 1),
            teacher_views=(1, 0),
            enqueue=('appearance', 0),
            heads=dict(appearance=ConsistencyHead('appearance', name='appearance'), speed=SpeedConsistencyHead()),
        )
        built = MomentumPretrainer(**{**parts, **changes})
        built.start_teacher()
        return built

    return model


def test_the_enqueued_views_embeddings_and_labels_enter_the_columns(build, samples_with):
    model, clips = build(), torch.randn(3, 2, 3, 2, 4, 4)
    model(clips, samples_with(gt_speed=SPEEDS, sample_idx=VIDEOS), mode='loss')
    teacher = model.embed_with_teacher(clips[:, [1, 0]], ['appearance', 'speed'])
    assert len(model.pending_keys) == 4
    model.after_step(0.9)
    bank = model.memory_bank
    assert model.pending_keys == [] and bank.pointer == 3
    torch.testing.assert_close(bank.rows[:3], teacher['appearance'][:, 0])
    torch.testing.assert_close(bank.column('speed')[:3], teacher['speed'][:, 0])
    assert bank.column('gt_speed').tolist() == [1, 0, 1, -1], 'of clip 1, the first that the teacher sees'
    assert bank.column('sample_idx').tolist() == [5, 6, 7, -1]


def test_accumulated_batches_enter_in_their_order(build, samples_with):
    model, bank = build(), build().memory_bank
    for first in (0, 2):
        part = slice(first, first + 2)
        samples = samples_with(gt_speed=SPEEDS[part], sample_idx=VIDEOS[part])
        model(torch.randn(len(samples), 2, 3, 2, 4, 4), samples, mode='loss')
    appearance, speed = model.pending_keys[0::4], model.pending_keys[1::4]
    model.enqueue_pending_keys()
    bank = model.memory_bank
    assert torch.equal(bank.rows[:3], torch.cat(appearance)) and torch.equal(bank.column('speed')[:3], torch.cat(speed))
    assert bank.column('sample_idx').tolist() == [5, 6, 7, -1]


class Unfinished(OptimWrapper):
    """An optimiser in the middle of a step."""

    def should_update(self) -> bool:
        return False


def test_an_unfinished_step_is_resumed_with_its_columns(build, samples_with):
    model, other = build(), build()
    model(torch.randn(3, 2, 3, 2, 4, 4), samples_with(gt_speed=SPEEDS, sample_idx=VIDEOS), mode='loss')
    wrapper = Unfinished(torch.optim.SGD(model.parameters(), 0.1))
    state = process_state(SimpleNamespace(model=model, optim_wrapper=wrapper))
    restore_process(SimpleNamespace(model=other, logger=SimpleNamespace(info=lambda message: None)), state)
    for pretrainer in (model, other):
        pretrainer.enqueue_pending_keys()
    for name, values in model.memory_bank.state_dict().items():
        restored = other.memory_bank.get_buffer(name)
        assert torch.equal(values[:3], restored[:3]) if values.ndim else values == restored, name


def test_the_query_is_the_teachers_embedding_of_the_clips_that_the_student_sees(build, samples_with):
    model, clips, seen = build(), torch.randn(3, 2, 3, 2, 4, 4), []
    head = model.heads['speed']
    own_loss = head.loss
    head.loss = lambda embeddings, samples: (seen.append(embeddings), own_loss(embeddings, samples))[1]
    model(clips, samples_with(gt_speed=SPEEDS, sample_idx=VIDEOS), mode='loss')
    expected = model.embed_with_teacher(clips, ['appearance'])['appearance']
    torch.testing.assert_close(seen[0].query, expected)
    assert seen[0].student.shape == (3, 2, 4) and seen[0].bank is model.memory_bank


def one(**changes):
    return dict(student_views=(0,), teacher_views=(1,), **changes)


@pytest.mark.parametrize(
    ('bank', 'changes', 'message'),
    [
        (
            dict(),
            {},
            r"model.heads.speed: SpeedConsistencyHead reads columns .* \['speed'\]; .* model.memory_bank.embeddings",
        ),
        (
            dict(embeddings=dict(speed=4)),
            {},
            r"reads columns .* \['gt_speed', 'sample_idx'\]; .* model.memory_bank.labels",
        ),
        (
            dict(embeddings=dict(speed=4, pooled=4), labels=('gt_speed', 'sample_idx')),
            {},
            'model.memory_bank.embeddings.pooled names no embedding that a head compares',
        ),
        (
            None,
            dict(enqueue=('speed', 0)),
            r"model.heads.speed.query_name='appearance' .* model.enqueue=\('appearance', 0\)",
        ),
        (None, one(), r'model.heads.speed: .*clips that the student sees; add \[0\] to model.teacher_views'),
        (None, dict(memory_bank=None), 'model.heads.speed: SpeedConsistencyHead compares with the memory bank'),
        (None, dict(teacher_views=(1, 0, 0)), 'model.heads.appearance: ConsistencyHead compares view by view'),
        (
            dict(),
            dict(heads=dict(video=InfoNCEHead())),
            'model.heads.video: InfoNCEHead takes one student view, got 2; .*one_softmax=True',
        ),
        (
            None,
            dict(heads=dict(video=InfoNCEHead(one_softmax=True, teacher_views=(2,)))),
            'model.memory_bank.embeddings.speed names no embedding',
        ),
        (
            dict(),
            dict(heads=dict(video=InfoNCEHead(one_softmax=True, teacher_views=(2,)))),
            r'model.heads.video: teacher_views=\(2,\) must be positions among the 2 views of model.teacher_views',
        ),
    ],
)
def test_what_does_not_fit_together_is_refused_at_build_with_its_key(build, bank, changes, message):
    with pytest.raises(ValueError, match=message):
        build(bank, **changes)


def test_a_label_that_no_sample_has_is_named(build, samples_with):
    with pytest.raises(KeyError, match='sample_idx'):
        build()(torch.randn(3, 2, 3, 2, 4, 4), samples_with(gt_speed=SPEEDS), mode='loss')


@pytest.mark.parametrize('pass_per_view', [True, False])
def test_the_student_may_pass_view_by_view(build, pass_per_view, small_backbone):
    heads = dict(appearance=ConsistencyHead('appearance'))
    model = build(dict(), backbone=small_backbone(), heads=heads, pass_per_view=pass_per_view)
    model.train()(torch.randn(3, 2, 3, 2, 4, 4), mode='loss')
    assert model.backbone.bn.num_batches_tracked == (2 if pass_per_view else 1)
