"""Clip sheets show the frames that were picked, the ones played faster, and the clips as the model gets them."""

import re

import numpy as np
import pytest

from videossl.compat import config_directory
from videossl.datasets import SamplePace, SampleSegmentPace, VideoDataset
from videossl.models import MomentumPretrainer
from videossl.registry import MODELS
from videossl.visualization import ClipSample, Sampling, draw_clip_sheet, sampling_of, write_clip_sheets
from videossl.visualization.clip_sheet import ALTERED_COLOR, index_page, thumbnail_row

CONFIG = f'{config_directory()}/laptop/vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py'
ORANGE = np.array([int(ALTERED_COLOR[place : place + 2], 16) for place in (1, 3, 5)])
PLAIN = [dict(type='Resize', scale=(24, 24), keep_ratio=False)]


def dataset(videos, sampler, transforms=PLAIN):
    return VideoDataset(
        data_root=str(videos),
        pipeline=[
            dict(type='DecordInit'),
            sampler,
            dict(type='DecodeClips'),
            dict(type='EachClip', transforms=transforms),
            dict(type='PackClips'),
        ],
    )


def axes_named(figure, name):
    return [axes for axes in figure.axes if axes.get_label() == name]


@pytest.mark.parametrize(
    ('sampler', 'views'),
    [
        (dict(type='SampleSegmentPace'), 1),
        (dict(type='SampleSegmentPace', num_views=2, clip_len=20), 2),
        (dict(type='SamplePace', num_views=2), 2),
        (dict(type='SampleClipOrder', clip_len=8, gap=2), 3),
        (dict(type='SampleClipOrder', clip_len=8, num_views=2), 2),
        (dict(type='SampleRelativeSpeed'), 3),
        (dict(type='SampleFrames', clip_len=16, frame_interval=1, num_clips=1), 1),
    ],
    ids=lambda value: value['type'] if isinstance(value, dict) else str(value),
)
def test_every_sampler_has_a_sheet_with_a_tick_and_a_thumbnail_for_each_frame(videos, sampler, views):
    data = dataset(videos, sampler)
    packed = data[0]
    sample = ClipSample.from_packed(packed)
    figure = draw_clip_sheet(sample, sampling_of(data.pipeline.transforms))
    numbers = packed['data_samples'].frame_inds.reshape(views, -1)
    (timeline,) = axes_named(figure, 'timeline')
    ticks = [collection for collection in timeline.collections if hasattr(collection, 'get_segments')]
    for view in range(views):
        shown = [
            int(label.get_text()) for axes in axes_named(figure, f'view {view}') for label in axes.get_xticklabels()
        ]
        assert shown == numbers[view].tolist()
        drawn = [segment[0][0] for segment in ticks[2 * view].get_segments()]
        assert drawn == numbers[view].tolist()
    assert not axes_named(figure, f'view {views}')
    # A frame's grey is four times its number: the thumbnails are the frames that stand below them.
    assert np.abs(sample.clips.mean(axis=(2, 3, 4)) - 4 * numbers).max() < 3


@pytest.mark.parametrize('segment', range(4))
def test_on_the_time_line_exactly_the_segments_frames_are_shaded(segment, pixels):
    frames = np.cumsum(np.where(np.arange(16) // 4 == segment, 3, 1)) + 4
    sample = ClipSample(
        np.zeros((1, 16, 8, 8, 3), np.uint8),
        frames[None],
        50,
        'x.mp4',
        dict(gt_speed=np.array([2]), gt_segment=np.array([segment])),
    )
    figure = draw_clip_sheet(sample, Sampling(SampleSegmentPace()))
    figure.set_dpi(200)
    picture = pixels(figure)
    (timeline,) = axes_named(figure, 'timeline')

    def colour(frame):  # a little below the ticks, inside the shaded band
        x, y = timeline.transData.transform((frame, -0.38))
        return picture[len(picture) - 1 - round(y), round(x)].astype(int)

    first, last = frames[4 * segment], frames[4 * segment + 3]
    shaded = [frame for frame in range(50) if (colour(frame) != 255).any()]
    assert shaded == list(range(first, last + 1))
    half = np.rint(255 - 0.5 * (255 - ORANGE))
    assert np.abs(colour((first + last) // 2) - half).max() <= 2


def test_frames_that_are_played_faster_are_framed(videos):
    row = thumbnail_row(np.full((3, 4, 5, 3), 7, np.uint8), [False, True, False], gap=2)
    assert row.shape == (8, 27, 3)
    assert (row[0, 9:18] == ORANGE).all() and (row[0, :9] == 255).all() and (row[0, 18:] == 255).all()
    assert (row[2:6, 11:16] == 7).all()


def test_thumbnails_show_crop_flip_and_colour_as_the_model_gets_them(videos):
    data = dataset(
        videos,
        dict(type='SamplePace', clip_len=4),
        [
            dict(type='Resize', scale=(24, 24), keep_ratio=False),
            dict(type='RandomCrop', size=12),
            dict(type='VideoColorJitter', brightness=0.8, contrast=0, saturation=0, hue=0, probability=1.0),
        ],
    )
    np.random.seed(0)
    packed = data[0]
    sample = ClipSample.from_packed(packed)
    assert sample.clips.shape == (1, 4, 12, 12, 3)
    assert (sample.clips[0].transpose(3, 0, 1, 2) == packed['inputs'][0].numpy()).all()


def test_views_have_the_roles_that_the_model_gives_them():
    model = dict(type='MomentumPretrainer', student_views=(0,), teacher_views=(2,))
    assert list(sampling_of([], model).roles) == ['student', 'not used', 'teacher']
    assert list(sampling_of([], dict(type='videossl.MomentumPretrainer')).roles) == ['student', 'teacher']
    assert list(sampling_of([], dict(type='Pretrainer')).roles) == []
    assert list(sampling_of([], dict(type='UnheardMomentumPretrainer')).roles) == []

    class OwnMethod(MomentumPretrainer):
        pass

    assert list(sampling_of([], dict(model, type=OwnMethod)).roles) == ['student', 'not used', 'teacher']
    try:
        MODELS.register_module(module=OwnMethod)
        assert list(sampling_of([], dict(model, type='OwnMethod')).roles) == ['student', 'not used', 'teacher']
    finally:
        MODELS.module_dict.pop('OwnMethod')


def test_the_sampler_is_found_in_a_pipeline_of_configs_and_of_transforms():
    pipeline = dict(open=dict(type='VideoReaderInit'), sample=dict(type='SampleSegmentPace', num_segments=3))
    assert sampling_of(pipeline).sampler.num_segments == 3
    assert sampling_of([dict(type='videossl.SamplePace')]).sampler.num_speeds == 4
    assert sampling_of([dict(type='SampleFrames', clip_len=1), dict(type='Unheard')]).sampler is None
    sampler = SamplePace()
    assert sampling_of([print, sampler]).sampler is sampler


def test_a_page_lists_the_pictures_by_relative_links_and_shows_names_as_text(videos, tmp_path, read_picture):
    data = dataset(videos, dict(type='SampleClipOrder', clip_len=8, gap=2))
    samples = (ClipSample.from_packed(data[number]) for number in range(2))
    pictures = write_clip_sheets(
        samples, tmp_path / 'new' / 'sheets', sampling_of(data.pipeline.transforms), 'vcop', dpi=40
    )
    page = (tmp_path / 'new' / 'sheets' / 'index.html').read_text()
    assert re.findall('src="(.*?)"', page) == ['sample_1.png', 'sample_2.png'] == [path.name for path in pictures]
    assert len(re.findall('<li>order . of 6', page)) == 2 and page.count('in time</li>') == 2 + 6
    assert all(read_picture(path).std() > 0 for path in pictures)
    assert '<script' not in index_page('t', [('a.png', '<script>&.mp4', [])]).lower()


def test_samples_that_cannot_be_shown_are_refused(videos):
    with pytest.raises(ValueError, match='PackClips'):
        ClipSample.from_packed(dict(imgs=[]))
    data = dataset(videos, dict(type='SamplePace'))
    data.pipeline.transforms[-1].meta_keys = ('filename',)
    with pytest.raises(ValueError, match='frame_inds, total_frames.*meta_keys'):
        ClipSample.from_packed(data[0])


def test_the_tool_writes_the_same_sheets_for_the_same_seed(analysis_tool, videos, tmp_path, read_picture):
    tool = analysis_tool('browse_clips')
    for name in ('one', 'two'):
        tool.main([CONFIG, '--data-root', str(videos), '--samples', '1', '--out', str(tmp_path / name)])
    one, two = (read_picture(tmp_path / name / 'sample_1.png') for name in ('one', 'two'))
    assert (one == two).all()


@pytest.mark.parametrize(
    ('arguments', 'message'), [(['--samples', '0'], '--samples'), (['--data-root', 'missing'], 'missing')]
)
def test_the_tool_refuses_what_it_cannot_show(analysis_tool, tmp_path, arguments, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        analysis_tool('browse_clips').main([CONFIG, '--out', str(tmp_path / 'out'), *arguments])
    assert not (tmp_path / 'out').exists()


def test_the_legend_speaks_of_shading_only_where_there_is_some():
    legends = []
    for speed in (0, 2):
        sample = ClipSample(
            np.zeros((1, 16, 8, 8, 3), np.uint8), np.arange(16)[None], 50, 'x.mp4', dict(gt_speed=np.array([speed]))
        )
        (timeline,) = axes_named(draw_clip_sheet(sample, Sampling(SamplePace())), 'timeline')
        legends.append(timeline.get_xlabel())
    assert legends == ['frame of the video', 'frame of the video; shaded: altered']


def test_the_sheet_of_a_fine_tuning_gives_the_class(videos):
    (videos / 'labelled.txt').write_text('a.mp4 7\n')
    data = VideoDataset(
        data_root=str(videos),
        ann_file='labelled.txt',
        pipeline=[
            dict(type='DecordInit'),
            dict(type='SampleFrames', clip_len=8, frame_interval=1, num_clips=1),
            dict(type='DecodeClips'),
            dict(type='PackClips'),
        ],
    )
    figure = draw_clip_sheet(ClipSample.from_packed(data[0]), title='name')
    assert figure.get_suptitle().splitlines() == ['name', 'a.mp4, 60 frames', 'class 7']
