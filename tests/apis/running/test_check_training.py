"""Faults that only show when model, hooks and data come together are found before any video is decoded."""

import os
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.dataset import InfiniteSampler, RepeatDataset
from mmengine.runner import EpochBasedTrainLoop
from torch import nn
from torch.utils.data import DataLoader

from videossl.apis.running import check_training as module
from videossl.apis.running.check_training import (
    Draws,
    check_batch_norm,
    check_batches,
    check_classes,
    check_clip_len,
    check_hooks,
    check_labels,
    check_memory,
    check_training,
    check_views,
    draw_labels,
    innermost_datasets,
    warn_of_long_clips,
    warn_of_missing_classes,
)
from videossl.compat import config_directory
from videossl.datasets import VideoDataset, pipeline_steps
from videossl.engine import DrawSampler, MemoryBankHook, MomentumTeacherHook
from videossl.errors import ConfigError
from videossl.models import (
    CyclePredictionHead,
    FrameDropAdversary,
    MemoryBank,
    MomentumPretrainer,
    NTXentHead,
    OrderHead,
    PredictorNeck,
    Pretrainer,
    ProjectionNeck,
    RankingHead,
    ReconstructionHead,
    RegressionHead,
    SegmentHead,
    SimilarityDistillHead,
    SpeedHead,
)
from videossl.registry import MODELS, TRANSFORMS

PACK = dict(type='PackClips')
DECODE = [dict(type='DecodeClips'), dict(type='EachClip', transforms=[])]
SEGMENT_PACE = dict(type='SampleSegmentPace', clip_len=16, num_segments=4, num_speeds=4)


def pipeline(*transforms) -> SimpleNamespace:
    """A data set that has nothing but a pipeline."""
    built = [TRANSFORMS.build(dict(transform, _scope_='videossl')) for transform in transforms]
    return SimpleNamespace(pipeline=SimpleNamespace(transforms=built))


def drawn(*sampler, pack=PACK) -> Draws:
    return draw_labels(pipeline(dict(type='DecordInit'), *sampler, *DECODE, pack))


def with_heads(**heads) -> SimpleNamespace:
    return SimpleNamespace(heads=heads)


def warnings_to(found: list) -> SimpleNamespace:
    return SimpleNamespace(logger=SimpleNamespace(warning=found.append))


# -------------------------------------------------------------------------------------------------------------- labels
def test_the_labels_of_a_sampler_are_known_without_a_video():
    sample = drawn(SEGMENT_PACE)
    assert sample.labels == dict(gt_speed=3, gt_segment=3)
    assert sample.num_clips == 1 and sample.sampler == 'SampleSegmentPace'
    assert drawn(dict(SEGMENT_PACE, num_views=2)).num_clips == 2
    assert drawn(dict(type='SampleClipOrder', tuple_len=3)).labels == dict(gt_order=5)


def test_flow_asked_for_on_clips_of_one_frame():
    dataset = pipeline(dict(type='SamplePace', clip_len=1), *DECODE, dict(type='MotionStatistics'), PACK)
    with pytest.raises(ConfigError, match=r'MotionStatistics needs clips of 2 .* SamplePace .*pipeline\.sample'):
        check_clip_len(dataset, draw_labels(dataset))
    dataset = pipeline(dict(type='SamplePace', clip_len=2), *DECODE, dict(type='MotionStatistics'), PACK)
    sample = draw_labels(dataset)
    check_clip_len(dataset, sample)
    assert 'gt_motion_statistics' in sample.labels
    check_labels(with_heads(motion=RegressionHead(8, 14, 'gt_motion_statistics'), speed=SpeedHead(8)), sample)
    check_labels(with_heads(speed=RegressionHead(8, 1, 'gt_speed')), sample)  # a number, not a class
    with pytest.raises(ConfigError, match='reads "gt_appearance_statistics"'):
        check_labels(with_heads(appearance=RegressionHead(8, 13, 'gt_appearance_statistics')), sample)


@pytest.mark.parametrize(('videos', 'repeats', 'needed'), [(20, 1, 2), (14, 2, 3), (1, 10, 30)])
def test_too_few_samples_for_a_batch_and_by_which_options_there_are_enough(videos, repeats, needed):
    def runner(repeats, size=30, drop_last=True):
        sampler = DrawSampler(range(videos), seed=0, repeats=repeats)
        loader = DataLoader(range(videos), size, sampler=sampler, drop_last=drop_last)
        return SimpleNamespace(train_loop=SimpleNamespace(dataloader=loader))

    with pytest.raises(ConfigError) as error:
        check_batches(runner(repeats))
    samples = videos * repeats
    words = f'{samples} samples make no batch of 30 ({videos} in the data set, each drawn {repeats} times an epoch)'
    options = (f'.sampler.repeats={needed} ', f'.batch_size={samples} ', '.drop_last=False')
    assert all(word in str(error.value) for word in (words, *options))
    for enough in (runner(needed), runner(repeats, samples), runner(repeats, drop_last=False)):
        check_batches(enough)
    with pytest.raises(ConfigError):
        check_batches(runner(needed - 1))


def test_an_endless_sampler_makes_batches_of_few_samples_and_epochs_without_an_end():
    for endless in ENDLESS:
        batches = loader(3, 8, drop_last=True, sampler=endless)
        assert len(batches) == 0 and len(next(iter(batches))) == 8
        check_batches(SimpleNamespace(train_loop=SimpleNamespace(dataloader=batches)))
        by_epoch = EpochBasedTrainLoop(SimpleNamespace(visualizer=SimpleNamespace()), batches, max_epochs=1)
        with pytest.raises(ConfigError, match='Sampler never ends'):
            check_batches(SimpleNamespace(train_loop=by_epoch))


def test_looking_at_a_sampler_leaves_the_random_numbers_alone():
    np.random.seed(3)
    expected = np.random.rand()
    np.random.seed(3)
    drawn(SEGMENT_PACE)
    assert np.random.rand() == expected


def test_nothing_is_said_of_a_pipeline_that_reads_more_than_the_number_of_frames():
    class NeedsFile:
        def __call__(self, results):
            return open(results['filename'])

    dataset = pipeline(SEGMENT_PACE, *DECODE)
    dataset.pipeline.transforms.insert(0, NeedsFile())
    assert draw_labels(dataset) is None
    assert draw_labels(SimpleNamespace()) is None
    assert draw_labels(pipeline(PACK)) is None


@pytest.mark.parametrize(
    ('head', 'sampler', 'label'),
    [
        (OrderHead(8), SEGMENT_PACE, 'gt_order'),
        (SegmentHead(8), dict(type='SamplePace', clip_len=16), 'gt_segment'),
        (SpeedHead(8), dict(type='SampleClipOrder', tuple_len=3), 'gt_speed'),
        (NTXentHead('same_pace'), dict(type='SampleClipOrder', tuple_len=3), 'gt_speed'),
    ],
)
def test_a_head_that_reads_a_label_which_no_sampler_writes(head, sampler, label):
    sample = drawn(sampler)
    with pytest.raises(ConfigError) as error:
        check_labels(with_heads(mine=head), sample)
    words = [
        'model.heads.mine',
        type(head).__name__,
        f'"{label}"',
        'train_dataloader.dataset.pipeline',
        sampler['type'],
    ]
    assert all(word in str(error.value) for word in words), error.value


def test_a_memory_bank_that_reads_a_label_which_no_sampler_writes():
    sample = drawn(SEGMENT_PACE)
    check_labels(SimpleNamespace(memory_bank=SimpleNamespace(labels=('gt_speed', 'sample_idx'))), sample)
    with pytest.raises(ConfigError, match='model.memory_bank.labels: no transform of .* writes "gt_order"'):
        check_labels(SimpleNamespace(memory_bank=SimpleNamespace(labels=('gt_order',))), sample)


def classes_refused(head, *sampler, later=(), resume=False) -> list[str]:
    """What is said of a head: warnings, or the error."""
    found: list[str] = []
    runner = SimpleNamespace(**vars(warnings_to(found)), _resume=resume)
    try:
        check_classes(
            runner, with_heads(mine=head), [pipeline(dict(type='DecordInit'), *sampler, *DECODE, *later, PACK)]
        )
    except ConfigError as error:
        return [f'error: {error}']
    return found


@pytest.mark.parametrize(
    ('label', 'classes', 'sampler', 'later'),
    [
        ('gt_speed', 6, dict(SEGMENT_PACE, num_speeds=6), ()),
        ('gt_segment', 4, SEGMENT_PACE, ()),
        ('gt_speed', 4, dict(type='SamplePace', clip_len=64, num_speeds=4), ()),
        ('gt_speed', 2, dict(type='SampleSpeediness', clip_len=64), ()),
        ('gt_transformation', 3, dict(type='SampleTransformations'), ()),
        ('gt_rotation', 4, dict(type='SampleTransformations', num_views=1, with_rotation=True), ()),
        ('gt_operation', 5, dict(type='SampleCloze'), [dict(type='ApplyClozeOperation')]),
        ('gt_transform', 4, dict(type='SampleTemporalTransform'), ()),
        ('gt_rate', 4, dict(type='SampleTemporalTransform', clip_len=64), ()),
        ('gt_rate', 3, dict(type='SamplePlaybackRate', rates=(1, 2, 4)), ()),
        ('gt_tuple', 2, dict(type='SampleFrameTuple', margin=15, wrong_share=0.75), ()),
        ('gt_order', 6, dict(type='SamplePaceOrder', speeds=(-1, 1, 4)), ()),
        ('gt_order', 24, dict(type='SampleClipOrder', tuple_len=4, clip_len=1), ()),
    ],
)
def test_a_head_with_more_or_fewer_classes_than_are_drawn(label, classes, sampler, later):
    for number in (classes - 1, classes, classes + 1):
        head = SimpleNamespace(label=label, num_classes=number)
        found = classes_refused(head, sampler, later=later)
        words = f'has {number} classes, but {sampler["type"]} draws {label} of {classes} (0 to {classes - 1})'
        assert found == [] if number == classes else 'error: model.heads.mine: ' in found[0] and words in found[0]


def test_heads_of_a_fixed_label_say_how_many_classes_they_have():
    order = dict(type='SampleClipOrder', tuple_len=4, clip_len=1)
    assert not classes_refused(OrderHead(8, tuple_len=4), order)
    for head, sampler in ((True, False), (False, True)):
        found = classes_refused(OrderHead(8, tuple_len=4, up_to_reversal=head), dict(order, up_to_reversal=sampler))
        assert 'OrderHead has' in found[0]
    rates = dict(type='SamplePlaybackRate', rates=(1, 2, 4))
    assert not classes_refused(ReconstructionHead(8, rates=(1, 2, 4)), rates)
    assert 'ReconstructionHead has 4 classes' in classes_refused(ReconstructionHead(8), rates)[0]


def test_classes_that_are_never_drawn_do_not_stop_a_run_that_goes_on():
    head = RankingHead(8, num_classes=4)
    assert classes_refused(head, dict(type='SampleTransformations'))[0].startswith('error: ')
    (warning,) = classes_refused(head, dict(type='SampleTransformations'), resume=True)
    assert warning.startswith('model.heads.mine: RankingHead has 4 classes')


def test_classes_of_several_data_sets_are_counted_together():
    few, many = (pipeline(dict(type='SamplePace', num_speeds=number), *DECODE, PACK) for number in (2, 4))
    check_classes(SimpleNamespace(), with_heads(speed=SpeedHead(8)), [few, many])
    with pytest.raises(ConfigError, match='gt_speed of 2'):
        check_classes(SimpleNamespace(), with_heads(speed=SpeedHead(8)), [few, few])


@pytest.mark.parametrize(
    ('transforms', 'teacher', 'missing'),
    [
        ([dict(type='EachClip', transforms=[])], True, 'middle_frames'),
        ([dict(type='EachClip', transforms=[], keep_middle_frame=True)], True, None),
        ([dict(type='EachClip', transforms=[], keep_middle_frame=True)], False, 'parsing_logits or parsing_mask'),
        ([dict(type='EachClip', transforms=[]), dict(type='LoadParsingMap', folder='maps')], False, None),
        ([dict(type='EachClip', transforms=[]), dict(type='LoadShapeMask')], False, None),
    ],
)
def test_the_parsing_head_needs_frames_for_its_teacher_or_maps(transforms, teacher, missing):
    class Teacher(nn.Module):
        num_classes, class_names, left_right_pairs = 2, ('background', 'person'), ()

    head = MODELS.build(
        dict(
            type='ParsingDistillHead',
            in_channels=8,
            num_classes=2,
            _scope_='videossl',
            teacher=Teacher() if teacher else None,
        )
    )
    sample = draw_labels(
        pipeline(
            dict(type='SampleRelativeSpeed', clip_len=16, speeds=(2,)), dict(type='DecodeClips'), *transforms, PACK
        )
    )
    if missing is None:
        check_labels(with_heads(parsing=head), sample)
    else:
        with pytest.raises(ConfigError, match=f'model.heads.parsing: ParsingDistillHead reads "{missing}"'):
            check_labels(with_heads(parsing=head), sample)


def test_too_few_clips_for_the_views():
    model = SimpleNamespace(student_views=[0], teacher_views=[1])
    check_views(model, drawn(dict(SEGMENT_PACE, num_views=2)))
    with pytest.raises(ConfigError, match='2 clips .*SampleSegmentPace.*num_views'):
        check_views(model, drawn(SEGMENT_PACE))


def test_clips_too_short_for_the_adversary():
    model = SimpleNamespace(adversary=FrameDropAdversary())
    check_views(model, drawn(SEGMENT_PACE))
    with pytest.raises(ConfigError, match=r'model.adversary.ratio=0.25 of clips of 1 frame\(s\).*clip_len'):
        check_views(model, drawn(dict(type='SamplePace', clip_len=1, num_speeds=1)))


def test_the_size_of_a_clip_is_known_without_a_video():
    crop = dict(type='EachClip', transforms=[dict(type='RandomCrop', size=112)])
    draws = draw_labels(pipeline(dict(type='DecordInit'), SEGMENT_PACE, dict(type='DecodeClips'), crop, PACK))
    assert draws.size == (112, 112) and draws.clip_len == 16
    assert drawn(SEGMENT_PACE).size is None  # that of the video


def test_clips_for_which_there_is_no_memory_are_refused_before_decoding(monkeypatch, small_backbone):
    monkeypatch.setattr(module, 'device_memory', lambda: 2**30)
    model = Pretrainer(small_backbone(), heads=dict(speed=SpeedHead(4)))
    draws = Draws('SampleSegmentPace', 1, 16, (112, 112), {})
    check_memory(model, draws, batch_size=30)
    draws.clip_len = 5000
    with pytest.raises(ConfigError, match='30 clips of 5000 frames.*clip_len of SampleSegmentPace'):
        check_memory(model, draws, batch_size=30)
    draws.size = None
    check_memory(model, draws, batch_size=30)
    found = []
    warn_of_long_clips(warnings_to(found), draws)
    assert len(found) == 1 and '5000 frames' in found[0]
    draws.clip_len = 64
    warn_of_long_clips(warnings_to(found), draws)
    assert len(found) == 1


METHODS = [
    'laptop/vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py',
    'laptop/video-pace_r3d-10_16x1x1-64px-20e_videos-rgb.py',
    'video_pace/video-pace_r2plus1d-10_same-pace_16x1x1-18e_ucf101-rgb.py',
    'laptop/vcop_r3d-10_16x1x1-64px-20e_videos-rgb.py',
    'laptop/aux-skd_r3d-10_16x1x1-64px-20e_videos-rgb.py',
    'laptop/rspnet_r3d-10_16x1x1-64px-20e_videos-rgb.py',
    'laptop/human-prior_r3d-10_16x1x1-64px-20e_moving-shapes-rgb.py',
    'laptop/transrank_r3d-10_16x1x1-64px-20e_videos-rgb.py',
    'laptop/vcp_r3d-10_16x1x1-64px-20e_videos-rgb.py',
    'laptop/prp_r3d-10_16x1x1-64px-20e_videos-rgb.py',
    'laptop/opn_caffenet_1x1x1-64px-20e_videos-rgb.py',
]


@pytest.mark.parametrize('name', METHODS)
def test_a_config_of_each_method_passes(name):
    config = Config.fromfile(os.path.join(config_directory(), name))
    dataset = config.train_dataloader.dataset
    sample = draw_labels(pipeline(*pipeline_steps(dataset.pipeline)))
    heads = {key: MODELS.build(dict(head, _scope_='videossl')) for key, head in config.model.heads.items()}
    model = SimpleNamespace(heads=heads)
    if 'memory_bank' in config.model:
        model.student_views, model.teacher_views = (
            config.model.get('student_views', [0]),
            config.model.get('teacher_views', [1]),
        )
    assert sample.num_clips >= 1
    check_labels(model, sample)
    check_classes(SimpleNamespace(), model, [pipeline(*pipeline_steps(dataset.pipeline))])
    check_views(model, sample)


# --------------------------------------------------------------------------------------------------------------- hooks
def test_a_hook_that_the_method_needs_is_named(small_backbone):
    model = aux_skd(small_backbone)
    with pytest.raises(ConfigError) as error:
        check_hooks(model, [MomentumTeacherHook()])
    words = ['custom_hooks: MomentumPretrainer needs MemoryBankHook; add', "dict(type='MemoryBankHook')", '_base_']
    assert all(word in str(error.value) for word in words), error.value

    class OwnBankHook(MemoryBankHook):
        pass

    check_hooks(model, [MomentumTeacherHook(), OwnBankHook()])
    check_hooks(Pretrainer(small_backbone(), heads=dict(speed=SpeedHead(4))), [])


def aux_skd(small_backbone, bank_size: int = 8) -> MomentumPretrainer:
    return MomentumPretrainer(
        small_backbone(),
        heads=dict(distill=SimilarityDistillHead()),
        necks=dict(projection=ProjectionNeck(4, 6)),
        predictors=dict(projection=PredictorNeck(6, 8, 6)),
        memory_bank=MemoryBank(bank_size, 6),
    )


# ------------------------------------------------------------------------------------------------------- batches of one
def loader(samples: int, batch_size: int, drop_last: bool = False, sampler=DrawSampler) -> DataLoader:
    data = range(samples)
    return DataLoader(data, batch_size, drop_last=drop_last, sampler=sampler(data, seed=0))


ENDLESS = [InfiniteSampler, partial(DrawSampler, endless=True)]


def test_a_batch_of_one_that_a_batch_norm_refuses(small_backbone):
    model, found = aux_skd(small_backbone), []
    with pytest.raises(
        ConfigError, match=r'one sample.* model.predictors.projection.layers.1 .*set train_dataloader.batch_size$'
    ):
        check_batch_norm(warnings_to(found), model, loader(8, 1), num_clips=2)
    with pytest.raises(ConfigError, match='9 samples .*drop_last=True'):
        check_batch_norm(warnings_to(found), model, loader(9, 4), num_clips=2)
    check_batch_norm(warnings_to(found), model, loader(9, 4, drop_last=True), num_clips=2)
    check_batch_norm(warnings_to(found), model, loader(8, 4), num_clips=2)
    for endless in ENDLESS:
        batches = loader(9, 4, sampler=endless)
        assert [len(batch) for batch, _ in zip(batches, range(7))] == [4] * 7
        check_batch_norm(warnings_to(found), model, batches, num_clips=2)
    assert found == []


def test_a_batch_of_one_that_a_predictor_within_a_head_refuses(small_backbone):
    """It takes one of the three views at a time."""
    heads = dict(cycle=CyclePredictionHead(6, 8, 'projection'))
    model = MomentumPretrainer(
        small_backbone(), heads, dict(projection=ProjectionNeck(4, 6)), student_views=(0, 1, 2), teacher_views=(0, 1, 2)
    )
    with pytest.raises(ConfigError, match=r'one sample.* model.heads.cycle.forwards.layers.1 '):
        check_batch_norm(warnings_to([]), model, loader(8, 1), num_clips=3)
    check_batch_norm(warnings_to([]), model, loader(8, 2), num_clips=3)


def test_what_is_refused_is_what_torch_refuses(small_backbone):
    """A norm over the samples of a batch, and not one that has pixels or several clips as well."""
    found = []
    model = Pretrainer(nn.Sequential(small_backbone(), nn.BatchNorm3d(4)), heads=dict(speed=SpeedHead(4)))
    check_batch_norm(warnings_to(found), model, loader(8, 1), num_clips=1)
    assert len(found) == 1 and 'train_dataloader.batch_size=1' in found[0] and 'norm_eval' in found[0]
    model.necks['pooled'].norm = nn.BatchNorm1d(4)
    check_batch_norm(warnings_to(found), model, loader(9, 4), num_clips=2)
    with pytest.raises(ConfigError, match='model.necks.pooled.norm'):
        check_batch_norm(warnings_to(found), model, loader(9, 4), num_clips=1)


# ----------------------------------------------------------------------------------------------------------- the videos
def test_a_video_that_is_repeated_is_one_video():
    class Videos:
        metainfo = {}

        def __init__(self, size):
            self.size = size

        def full_init(self):
            pass

        def __len__(self):
            return self.size

    first, second = Videos(3), Videos(4)
    joint = SimpleNamespace(datasets=[RepeatDataset.__new__(RepeatDataset), second])
    joint.datasets[0].dataset = first
    assert innermost_datasets(joint) == [first, second] and innermost_datasets(first) == [first]


@pytest.fixture
def labelled(tmp_path):
    """A function from the lines of a list to a data set; the videos are empty files."""

    def build(lines: str, **arguments) -> VideoDataset:
        for line in lines.splitlines():
            (tmp_path / line.split()[0]).touch()
        (tmp_path / 'list.txt').write_text(lines)
        return VideoDataset('list.txt', data_root=str(tmp_path), **arguments)

    return build


@pytest.mark.parametrize('arguments', [{}, dict(multi_class=True)])
def test_a_class_without_a_video_is_named(labelled, arguments):
    found = []
    warn_of_missing_classes(warnings_to(found), labelled('a.mp4 0\nb.mp4 3\nc.mp4 0\n', num_classes=5, **arguments))
    assert len(found) == 1 and 'list.txt: 3 of 5 classes have no video' in found[0] and ': 1, 2, 4. Classes' in found[0]
    warn_of_missing_classes(warnings_to(found), labelled('a.mp4 0\nb.mp4 1\n', num_classes=2, **arguments))
    assert len(found) == 1


def test_a_list_without_labels_has_no_missing_class(labelled):
    found = []
    warn_of_missing_classes(warnings_to(found), labelled('a.mp4\n'))
    assert found == []


# -------------------------------------------------------------------------------------------------------- all of it
def test_the_whole_check_finds_what_is_wrong_with_a_run(small_backbone, labelled):
    dataset = labelled(
        ''.join(f'{number}.mp4\n' for number in range(6)),
        pipeline=[dict(type='DecordInit'), dict(SEGMENT_PACE, num_views=2), *DECODE, PACK],
    )
    found = []
    runner = warnings_to(found)
    runner.model, runner.hooks = aux_skd(small_backbone), [MomentumTeacherHook(), MemoryBankHook()]
    runner.train_loop = SimpleNamespace(dataloader=DataLoader(dataset, 2, sampler=DrawSampler(dataset, seed=0)))
    check_training(runner)
    assert found == []
    runner.hooks.pop()
    with pytest.raises(ConfigError, match='MemoryBankHook'):
        check_training(runner)
