"""VideoDataset: mmaction2's conventions, draws as a function of seed and position, videos that cannot be read."""

import inspect
import logging
import pickle
import random
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from mmaction.datasets import VideoDataset as StockVideoDataset
from mmaction.evaluation import AccMetric
from mmaction.registry import DATASETS as STOCK_DATASETS
from mmengine.dataset import ConcatDataset, RepeatDataset, pseudo_collate
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from torch.utils.data import DataLoader

from videossl.datasets import VideoDataset
from videossl.datasets.parsing_store import ParsingInfo, map_path, write_parsing
from videossl.datasets.video_dataset import TransformRefusal, held_out_split, list_digest
from videossl.engine import Draw, DrawSampler
from videossl.errors import UserError
from videossl.registry import DATASETS

TRAIN_PIPELINE = [
    dict(type='VideoReaderInit'),
    dict(type='SampleSegmentPace', clip_len=16, num_segments=4, num_speeds=4),
    dict(type='DecodeClips'),
    dict(
        type='EachClip',
        transforms=[
            dict(type='RandomCrop', size=32),
            dict(type='Flip', flip_ratio=0.5),
            dict(type='VideoColorJitter', brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2),
        ],
    ),
    dict(type='PackClips'),
]
TEST_PIPELINE = [
    dict(type='VideoReaderInit'),
    dict(type='SampleFrames', clip_len=16, frame_interval=1, num_clips=10, test_mode=True),
    dict(type='DecodeClips'),
    dict(type='Resize', scale=(40, 36), keep_ratio=False),
    dict(type='CenterCrop', crop_size=(24, 28)),  # width, height
    dict(type='PackClips'),
]
STOCK_PIPELINE = [
    dict(type='DecordInit'),
    dict(type='SampleFrames', clip_len=4, frame_interval=2, num_clips=2, test_mode=True),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(32, 32), keep_ratio=False),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
UNREADABLE = [
    'zero_bytes.mp4',
    'text.mp4',
    'folder.mp4',
    'missing.mp4',
    'index_cut_off.mp4',
    'frames_cut_off.mp4',
    'hole_in_the_middle.mp4',
    'cut_off.avi',
]


@contextmanager
def logged():
    """The messages about videos that go to mmengine's logger."""
    messages = []
    handler = logging.Handler()
    handler.addFilter(lambda record: 'will be deprecated' not in record.getMessage())  # mmengine's, about itself
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    try:
        yield messages
    finally:
        logger.removeHandler(handler)


def write_list(folder, *lines, name='list.txt'):
    path = folder / name
    path.write_text(''.join(f'{line}\n' for line in lines), encoding='utf-8')
    return str(path)


def same(first, second):
    """Whether two samples are equal: pixels and labels."""
    samples = first['data_samples'], second['data_samples']
    return (
        torch.equal(first['inputs'], second['inputs'])
        and all(torch.equal(samples[0].get(key), samples[1].get(key)) for key in ('gt_speed', 'gt_segment'))
        and samples[0].metainfo['filename'] == samples[1].metainfo['filename']
    )


# ---------------------------------------------------------------------------------------------- mmaction2's conventions
def test_arguments_have_mmaction2s_names_order_and_defaults():
    stock = list(inspect.signature(StockVideoDataset.__init__).parameters.values())[1:]
    stock = [parameter for parameter in stock if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    ours = list(inspect.signature(VideoDataset.__init__).parameters.values())[1:]
    assert [parameter.name for parameter in ours[: len(stock)]] == [parameter.name for parameter in stock]
    for stock_parameter, parameter in zip(stock, ours):
        if stock_parameter.name not in ('ann_file', 'pipeline', 'data_prefix'):
            assert parameter.default == stock_parameter.default, parameter


def test_positional_arguments_mean_what_they_mean_in_mmaction2(tmp_path, good_videos):
    ann_file = write_list(tmp_path, '0.mp4 1', '3.mp4 0')
    arguments = (ann_file, [], dict(video=str(good_videos)), False, 2, 5, 'Flow', True, ' ')
    ours, stock = VideoDataset(*arguments), StockVideoDataset(*arguments)
    assert len(ours) == len(stock) == 2
    for index in range(2):
        assert ours.get_data_info(index) == stock.get_data_info(index)
    assert ours.test_mode and ours.num_classes == 2


def test_it_replaces_mmaction2s_dataset_in_a_stock_config(tmp_path, good_videos):
    ann_file = write_list(tmp_path, '0.mp4 1', '1.mp4 0')
    config = dict(ann_file=ann_file, data_prefix=dict(video=str(good_videos)), pipeline=STOCK_PIPELINE, test_mode=True)
    with DefaultScope.overwrite_default_scope('mmaction'):
        stock = STOCK_DATASETS.build(dict(config, type='VideoDataset'))
        ours = STOCK_DATASETS.build(dict(config, type='videossl.VideoDataset'))
        repeated = STOCK_DATASETS.build(
            dict(type='RepeatDataset', times=2, dataset=dict(config, type='videossl.VideoDataset'))
        )
    assert type(stock) is StockVideoDataset and type(ours) is VideoDataset and len(repeated) == 4
    for index in range(2):
        assert torch.equal(ours[index]['inputs'], stock[index]['inputs'])
        assert ours[index]['inputs'].shape == (2, 3, 4, 32, 32)
        assert ours[index]['data_samples'].gt_label == stock[index]['data_samples'].gt_label


def test_several_labels_a_video_are_read_as_mmaction2_reads_them(tmp_path, good_videos):
    ann_file = write_list(tmp_path, '0.mp4 1 3', '1.mp4 0')
    config = dict(
        ann_file=ann_file, data_prefix=dict(video=str(good_videos)), multi_class=True, num_classes=4, pipeline=[]
    )
    ours, stock = VideoDataset(**config), StockVideoDataset(**config)
    for index, expected in enumerate([[0, 1, 0, 1], [1, 0, 0, 0]]):
        assert ours.get_data_info(index)['label'].tolist() == expected
        assert stock.get_data_info(index)['label'].tolist() == expected
    with pytest.raises(ValueError, match='entry 2.*label 4 lies outside 0..3'):
        VideoDataset(**dict(config, ann_file=write_list(tmp_path, '0.mp4 1 3', '1.mp4 2 4')))
    with pytest.raises(ValueError, match='num_classes'):
        VideoDataset(**dict(config, num_classes=None))


def test_an_unlabelled_list_gives_samples_without_a_label(tmp_path, good_videos):
    ann_file = write_list(tmp_path, '0.mp4', '1.mp4')
    dataset = VideoDataset(ann_file, TRAIN_PIPELINE, dict(video=str(good_videos)))
    assert 'label' not in dataset.get_data_info(0)
    assert 'gt_label' not in dataset[Draw(0, 0, 0)]['data_samples']


def test_list_and_prefix_are_relative_to_data_root_unless_absolute(tmp_path, good_videos):
    (tmp_path / 'lists').mkdir()
    (tmp_path / 'videos').symlink_to(good_videos)
    absolute = write_list(tmp_path / 'lists', '0.mp4 0', f'{good_videos}/1.mp4 0')
    for ann_file in ('lists/list.txt', absolute):
        for prefix in ('videos', 'videos/', str(tmp_path / 'videos')):
            dataset = VideoDataset(ann_file, data_root=str(tmp_path), data_prefix=dict(video=prefix))
            names = [dataset.get_data_info(index)['filename'] for index in range(2)]
            assert names[0].replace('//', '/') == f'{tmp_path}/videos/0.mp4'
            assert names[1] == f'{good_videos}/1.mp4'


def test_without_a_list_the_folder_below_data_root_is_scanned(tmp_path, good_videos):
    (tmp_path / 'videos').symlink_to(good_videos)
    for config in (
        dict(data_root=str(good_videos)),
        dict(data_root=str(good_videos), ann_file=''),
        dict(data_root=str(tmp_path), data_prefix=dict(video='videos')),
    ):
        dataset = VideoDataset(**config)
        names = [dataset.get_data_info(index)['filename'] for index in range(len(dataset))]
        assert [name.rpartition('/')[2] for name in names] == ['0.mp4', '1.mp4', '2.mp4', '3.mp4']
        assert dataset[0]['filename'] == names[0]


# ------------------------------------------------------------------------------------------------------ held-out videos
@pytest.fixture
def forty_videos(tmp_path, good_videos):
    """Arguments for a list of 40 videos, labelled 0..39."""
    for number in range(40):
        (tmp_path / f'{number}.mp4').symlink_to(good_videos / '0.mp4')
    return dict(
        ann_file=write_list(tmp_path, *[f'{number}.mp4 {number}' for number in range(40)]), data_root=str(tmp_path)
    )


def labels_of(dataset):
    return [dataset.get_data_info(index)['label'] for index in range(len(dataset))]


@pytest.mark.parametrize('number', [1, 13, 39])
def test_the_held_out_part_and_the_rest_are_disjoint_and_exhaustive(forty_videos, number):
    rest, held_out = (
        labels_of(VideoDataset(**forty_videos, hold_out=dict(number=number, seed=632, use=use)))
        for use in ('train', 'held_out')
    )
    assert len(held_out) == number and sorted(rest + held_out) == list(range(40))
    assert rest == sorted(rest) and held_out == sorted(held_out)  # the list's order


def test_the_division_is_a_fixed_random_one(forty_videos):

    def held_out(seed):
        return labels_of(VideoDataset(**forty_videos, hold_out=dict(number=10, seed=seed, use='held_out')))

    np.random.seed(0)
    first = held_out(632)
    np.random.seed(1)
    assert held_out(632) == first
    assert first == [6, 10, 13, 14, 16, 21, 23, 24, 28, 34]  # a change of these changes everybody's results
    assert labels_of(VideoDataset(**forty_videos)) == list(range(40))
    divisions = [held_out_split(40, number=10, seed=seed, use='held_out') for seed in range(300)]
    assert divisions[7] == held_out(7) and len(set(map(tuple, divisions))) == 300
    counts = np.bincount(np.concatenate(divisions), minlength=40)
    assert abs(counts - 75).max() < 4.5 * np.sqrt(300 * 0.25 * 0.75)  # each video as often as any other


def test_samples_replacements_and_scanned_folders_keep_to_the_part(tmp_path, good_videos):
    for number in range(3):
        (tmp_path / f'good_{number}.mp4').symlink_to(good_videos / f'{number}.mp4')
        (tmp_path / f'text_{number}.mp4').write_text('no video')
    parts = [
        VideoDataset(
            data_root=str(tmp_path),
            pipeline=TRAIN_PIPELINE,
            max_broken_share=1,
            hold_out=dict(number=3, seed=1, use=use),
        )
        for use in ('train', 'held_out')
    ]
    names = [{part.get_data_info(index)['filename'] for index in range(3)} for part in parts]
    assert len(names[0] | names[1]) == 6
    for part, own in zip(parts, names):
        assert any('text' in name for name in own)
        seen = {part[Draw(index, index, 0)]['data_samples'].metainfo['filename'] for index in range(3)}
        assert seen and seen <= own


@pytest.mark.parametrize(
    'changed, named',
    [
        (dict(number=0), 'number must be an integer of at least 1'),
        (dict(number=2.5), 'number must be'),
        (dict(number=True), 'number must be'),
        (dict(seed=-1), 'seed must be an integer of at least 0'),
        (dict(seed=None), 'seed must be'),
        (dict(use='test'), 'use must be one of'),
        (dict(fraction=0.1), 'hold_out must be a dict'),
        (dict(number=40), 'list.txt: hold_out: number=40 of 40 videos leaves none to train on'),
        (dict(number=800), 'list.txt: hold_out: number=800 of 40 videos'),
    ],
)
def test_a_senseless_division_is_refused(forty_videos, changed, named):
    with pytest.raises(ValueError, match=named):
        VideoDataset(**forty_videos, hold_out={**dict(number=5, seed=0, use='train'), **changed})


@pytest.mark.parametrize('hold_out', [800, 'held_out', {}, dict(number=5, use='train')])
def test_a_division_that_is_not_said_in_full_is_refused(forty_videos, hold_out):
    with pytest.raises(ValueError, match='hold_out must be a dict'):
        VideoDataset(**forty_videos, hold_out=hold_out)


# ------------------------------------------------------------------------------------------------------------ bad lists
@pytest.mark.parametrize('label', [-1, 3, 100])
def test_a_label_outside_the_classes_names_list_entry_and_video(tmp_path, good_videos, label):
    ann_file = write_list(tmp_path, '0.mp4 0', '1.mp4 2', f'2.mp4 {label}')
    with pytest.raises(ValueError) as error:
        VideoDataset(ann_file, data_prefix=dict(video=str(good_videos)), num_classes=3)
    words = [ann_file, 'entry 3', '2.mp4', f'label {label}', '0..2', 'num_classes']
    assert all(word in str(error.value) for word in words), error.value
    assert len(VideoDataset(ann_file, data_prefix=dict(video=str(good_videos)))) == 3


def test_classes_without_labels_are_refused(tmp_path, good_videos):
    ann_file = write_list(tmp_path, '0.mp4', '1.mp4')
    with pytest.raises(ValueError, match='list.txt has no labels.*num_classes=3'):
        VideoDataset(ann_file, data_prefix=dict(video=str(good_videos)), num_classes=3)
    with pytest.raises(ValueError, match='scanned.*num_classes=3.*--ann-file'):
        VideoDataset(data_root=str(good_videos), num_classes=3)


def test_a_wrong_data_root_names_the_first_path_that_does_not_exist(tmp_path):
    ann_file = write_list(tmp_path, 'x/0.mp4 0', 'x/1.mp4 0')
    with pytest.raises(FileNotFoundError) as error:
        VideoDataset(ann_file, data_root=str(tmp_path / 'wrong'))
    words = [ann_file, str(tmp_path / 'wrong' / 'x' / '0.mp4'), '--data-root', 'data_prefix']
    assert all(word in str(error.value) for word in words), error.value
    with pytest.raises(FileNotFoundError, match=f'{tmp_path}/wrong/list.txt'):
        VideoDataset('list.txt', data_root=str(tmp_path / 'wrong'))
    with pytest.raises(FileNotFoundError, match=f'{tmp_path}/wrong/? does not exist'):
        VideoDataset(data_root=str(tmp_path / 'wrong'))


def test_paths_without_an_ending_mean_mp4_as_in_mmaction2(tmp_path, good_videos):
    ann_file = write_list(tmp_path, '0 1')
    dataset = VideoDataset(ann_file, TRAIN_PIPELINE, dict(video=str(good_videos)))
    assert dataset[Draw(0, 0, 0)]['inputs'].shape == (1, 3, 16, 32, 32)


def test_neither_list_nor_folder_is_refused_with_the_options_named():
    with pytest.raises(ValueError) as error:
        VideoDataset(pipeline=TRAIN_PIPELINE)
    assert all(word in str(error.value) for word in ['ann_file', 'data_root', '--data-root', '--ann-file'])


# ----------------------------------------------------------------------------------------------------------- the draws
def test_a_sample_is_a_function_of_seed_and_position(good_videos):
    dataset = VideoDataset(data_root=str(good_videos), pipeline=TRAIN_PIPELINE)
    samples = []
    for state in (0, 1):
        np.random.seed(state)
        random.seed(state)
        torch.manual_seed(state)
        samples.append(dataset[Draw(1, 17, 3)])
    again = VideoDataset(data_root=str(good_videos), pipeline=TRAIN_PIPELINE)[Draw(1, 17, 3)]
    assert same(*samples) and same(samples[0], again)
    assert not same(samples[0], dataset[Draw(1, 18, 3)])
    assert not same(samples[0], dataset[Draw(1, 17, 4)])


def test_every_generator_is_seeded_for_a_sample_and_put_back_afterwards(good_videos):

    def draw(results):
        results['drawn'] = (np.random.random(), random.random(), torch.rand(1).item())
        return results

    def fail(results):
        draw(results)
        raise KeyError('a mistake in a transform')

    np.random.seed(5)
    random.seed(5)
    torch.manual_seed(5)
    expected = np.random.random(), random.random(), torch.rand(1).item()
    for pipeline in ([draw], [fail]):
        dataset = VideoDataset(data_root=str(good_videos), pipeline=pipeline)
        np.random.seed(5)
        random.seed(5)
        torch.manual_seed(5)
        if pipeline == [draw]:
            first, second = dataset[Draw(0, 0, 0)]['drawn'], dataset[Draw(0, 1, 0)]['drawn']
            assert len({*first, *second, *expected}) == 9  # all differ
        else:
            with pytest.raises(KeyError):
                dataset[Draw(0, 0, 0)]
        assert (np.random.random(), random.random(), torch.rand(1).item()) == expected


def test_a_plain_index_draws_on_from_the_global_generators(good_videos):
    dataset = VideoDataset(data_root=str(good_videos), pipeline=TRAIN_PIPELINE)
    np.random.seed(0)
    first, second = dataset[0], dataset[0]
    np.random.seed(0)
    assert same(first, dataset[0]) and not same(first, second)


def load_epochs(dataset, num_workers, epochs=2, **kwargs):
    sampler = DrawSampler(dataset, shuffle=True, seed=7)
    loader = DataLoader(
        dataset, batch_size=2, sampler=sampler, num_workers=num_workers, collate_fn=pseudo_collate, **kwargs
    )
    batches = []
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        batches += list(loader)
    return [
        dict(inputs=inputs, data_samples=sample)
        for batch in batches
        for inputs, sample in zip(batch['inputs'], batch['data_samples'])
    ]


def test_the_number_of_workers_changes_nothing_and_epochs_differ(good_videos):
    dataset = VideoDataset(data_root=str(good_videos), pipeline=TRAIN_PIPELINE)
    reference = load_epochs(dataset, 0)
    assert len(reference) == 8
    for number, kwargs in ((1, {}), (2, dict(persistent_workers=True))):
        samples = load_epochs(dataset, number, **kwargs)
        assert all(same(*pair) for pair in zip(reference, samples, strict=True))
    by_name = sorted(reference, key=lambda sample: sample['data_samples'].metainfo['filename'])
    for first, second in zip(by_name[::2], by_name[1::2]):
        assert first['data_samples'].metainfo['filename'] == second['data_samples'].metainfo['filename']
        assert not same(first, second)


def test_repeats_of_a_video_are_drawn_afresh(good_videos):
    dataset = DATASETS.build(
        dict(
            type='RepeatDataset',
            times=3,
            dataset=dict(type='VideoDataset', data_root=str(good_videos), pipeline=TRAIN_PIPELINE, _scope_='videossl'),
        )
    )
    assert isinstance(dataset, RepeatDataset) and len(dataset) == 12
    samples = load_epochs(dataset, 0, epochs=1)
    by_name = sorted(samples, key=lambda sample: sample['data_samples'].metainfo['filename'])
    for place in range(0, 12, 3):
        one, two, three = by_name[place : place + 3]
        assert len({sample['data_samples'].metainfo['filename'] for sample in (one, two, three)}) == 1
        assert not same(one, two) and not same(two, three) and not same(one, three)


def test_draws_pass_through_a_concatenation_of_datasets(good_videos):
    single = VideoDataset(data_root=str(good_videos), pipeline=TRAIN_PIPELINE)
    both = ConcatDataset([single, single])
    assert same(both[Draw(5, 9, 2)], single[Draw(1, 9, 2)])
    assert not same(both[Draw(5, 8, 2)], single[Draw(1, 9, 2)])


def test_the_dataset_survives_pickling(good_videos):
    dataset = VideoDataset(data_root=str(good_videos), pipeline=TRAIN_PIPELINE)
    assert same(pickle.loads(pickle.dumps(dataset))[Draw(2, 3, 4)], dataset[Draw(2, 3, 4)])


# ------------------------------------------------------------------------------------------- videos that cannot be read
@pytest.mark.parametrize('name', UNREADABLE)
def test_in_training_an_unreadable_video_is_named_once_and_replaced_deterministically(
    tmp_path, good_videos, bad_videos, name
):
    bad = str(bad_videos / name)
    ann_file = write_list(tmp_path, f'{bad} 0', *[f'{good_videos}/{number}.mp4 1' for number in range(4)])
    # Evenly spread over the whole video, so that the damaged part is met.
    pipeline = [
        dict(type='VideoReaderInit'),
        dict(type='SampleFrames', clip_len=1, frame_interval=1, num_clips=16),
        *TRAIN_PIPELINE[2:],
    ]
    dataset = VideoDataset(ann_file, pipeline, num_classes=2)
    with logged() as messages:
        samples = [dataset[Draw(0, position, 1)] for position in range(6)]
    warnings = [message for message in messages if bad in message]
    assert len(warnings) == 1 and 'another video takes its place' in warnings[0], messages
    names = [sample['data_samples'].metainfo['filename'] for sample in samples]
    assert bad not in names and len(set(names)) > 1
    assert all(sample['data_samples'].gt_label.tolist() == [1] for sample in samples)
    np.random.seed(99)
    assert [dataset[Draw(0, position, 1)]['data_samples'].metainfo['filename'] for position in range(6)] == names


def test_two_workers_name_an_unreadable_video_once_over_all_epochs(tmp_path, good_videos, bad_videos):
    ann_file = write_list(tmp_path, f'{bad_videos}/text.mp4', f'{good_videos}/0.mp4')
    dataset = VideoDataset(ann_file, TRAIN_PIPELINE)
    handler = logging.FileHandler(tmp_path / 'log.txt')
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    try:
        assert len(load_epochs(dataset, 2, epochs=3)) == 6
    finally:
        logger.removeHandler(handler)
        handler.close()
    written = (tmp_path / 'log.txt').read_text()
    assert written.count('cannot read') == 1 and str(bad_videos / 'text.mp4') in written


@pytest.mark.parametrize('num_workers', [0, 1])
def test_a_transform_that_refuses_frames_is_named_with_the_video_and_their_size(good_videos, num_workers):
    resize, crop = dict(type='Resize', scale=(40, 36), keep_ratio=False), dict(type='RandomCrop', size=38)
    pipeline = [*TRAIN_PIPELINE[:3], dict(type='EachClip', transforms=[resize, crop]), TRAIN_PIPELINE[-1]]
    dataset = VideoDataset(None, pipeline, data_root=str(good_videos))
    with pytest.raises(
        TransformRefusal,
        match=r'\.mp4 does not get through the pipeline: RandomCrop\(size=38.*\) refuses frames '
        r'of \(width x height\) 40 x 36',
    ) as error:
        next(iter(DataLoader(dataset, batch_size=1, num_workers=num_workers, collate_fn=list)))
    assert isinstance(error.value, UserError)


def test_a_missing_video_is_said_to_be_missing(tmp_path, good_videos):
    ann_file = write_list(tmp_path, f'{good_videos}/0.mp4', f'{tmp_path}/gone.mp4')
    dataset = VideoDataset(ann_file, TRAIN_PIPELINE)
    with logged() as messages:
        dataset[Draw(1, 0, 0)]
    assert any(f'{tmp_path}/gone.mp4: the file does not exist' in message for message in messages), messages


def test_if_no_video_can_be_read_training_stops_and_names_the_last(tmp_path, bad_videos):
    ann_file = write_list(tmp_path, *[bad_videos / name for name in ('text.mp4', 'zero_bytes.mp4')])
    dataset = VideoDataset(ann_file, TRAIN_PIPELINE, max_replacements=5)
    with pytest.raises(RuntimeError) as error:
        dataset[Draw(0, 0, 0)]
    message = str(error.value)
    assert '5 videos in a row' in message
    assert str(bad_videos / 'text.mp4') in message or str(bad_videos / 'zero_bytes.mp4') in message


@pytest.mark.parametrize('number', [0, 1.5, True])
def test_a_number_of_replacements_that_tries_no_video_is_refused(good_videos, number):
    with pytest.raises(ValueError, match='max_replacements must be an integer of at least 1'):
        VideoDataset(data_root=str(good_videos), pipeline=TRAIN_PIPELINE, max_replacements=number)


def test_a_missing_decoder_is_not_blamed_on_the_videos(good_videos):

    class BrokenInit:
        def __call__(self, results):
            raise ImportError('Please run "pip install decord"')

    dataset = VideoDataset(data_root=str(good_videos), pipeline=[BrokenInit()])
    with pytest.raises(ImportError, match='pip install decord'):
        dataset[Draw(0, 0, 0)]


def test_a_mistake_in_a_transform_is_not_taken_for_an_unreadable_video(good_videos):

    def mistaken(results):
        raise ValueError('a mistake')

    dataset = VideoDataset(data_root=str(good_videos), pipeline=[dict(type='VideoReaderInit'), mistaken])
    with pytest.raises(ValueError, match='a mistake'):
        dataset[Draw(0, 0, 0)]


@pytest.mark.parametrize('name, num_frames', [('one_frame.mp4', 1), ('two_frames.mp4', 2)])
def test_videos_shorter_than_the_clip_are_sampled(tmp_path, bad_videos, name, num_frames):
    ann_file = write_list(tmp_path, bad_videos / name)
    dataset = VideoDataset(ann_file, TRAIN_PIPELINE)
    with logged() as messages:
        for position in range(8):
            sample = dataset[Draw(0, position, 0)]
            assert sample['inputs'].shape == (1, 3, 16, 32, 32)
            meta = sample['data_samples'].metainfo
            assert meta['filename'] == str(bad_videos / name) and meta['total_frames'] == num_frames
            assert set(meta['frame_inds'].tolist()) <= set(range(num_frames))
    assert not any('cannot read' in message for message in messages)


# ------------------------------------------------------------------------------------------------------------ test mode
def test_the_ten_clip_pipeline_gives_ten_clips_and_the_same_ones_every_time(good_videos, tmp_path):
    ann_file = write_list(tmp_path, '0.mp4 2')
    dataset = VideoDataset(ann_file, TEST_PIPELINE, dict(video=str(good_videos)), num_classes=3, test_mode=True)
    sample = dataset[0]
    assert sample['inputs'].shape == (10, 3, 16, 28, 24) and sample['inputs'].dtype == torch.uint8
    assert sample['data_samples'].gt_label.tolist() == [2]
    assert torch.equal(sample['inputs'], dataset[0]['inputs'])
    first_frames = np.asarray(sample['data_samples'].metainfo['frame_inds']).reshape(10, 16)[:, 0]
    assert first_frames[0] >= 0 and (np.diff(first_frames) >= 0).all() and first_frames[-1] <= 40 - 16


def test_in_test_mode_neither_a_missing_map_nor_the_map_of_a_broken_video_ends_the_run(
    tmp_path, good_videos, bad_videos
):
    record = dict(class_names=('a', 'b', 'c'), left_right_pairs=(), every=40, total_frames=40, side=4, teacher='toy')
    for video in ('0.mp4', 'text.mp4'):
        maps = [(0, np.broadcast_to(np.float32([-1, -2, -3]).reshape(3, 1, 1), (3, 4, 4)))]
        write_parsing(map_path(tmp_path / 'maps', video), maps, ParsingInfo(original_size=(64, 64), **record))
    list_file = tmp_path / 'list.txt'
    list_file.write_text(f'{good_videos}/0.mp4 0\n{good_videos}/1.mp4 1\n{bad_videos}/text.mp4 1\n')
    load = dict(type='LoadParsingMap', folder=str(tmp_path / 'maps'), size=2)
    pipeline = [*TRAIN_PIPELINE[:-1], load, TRAIN_PIPELINE[-1]]
    dataset = VideoDataset(str(list_file), pipeline, num_classes=2, test_mode=True)
    samples = [dataset[index]['data_samples'] for index in range(3)]
    assert [int(sample.gt_label) for sample in samples] == [0, 2, 2]
    assert [sample.parsing_logits.numpy()[0, :, 0, 0].tolist() for sample in samples] == [
        [-1, -2, -3],
        [0] * 3,
        [0] * 3,
    ]
    assert dataset.unreadable.tolist() == [False, True, True]


@pytest.mark.parametrize('name', UNREADABLE)
def test_in_test_mode_an_unreadable_video_keeps_its_place_as_black_frames_and_is_named(
    tmp_path, good_videos, bad_videos, name
):
    bad = str(bad_videos / name)
    ann_file = write_list(tmp_path, f'{good_videos}/0.mp4 1', f'{bad} 1', f'{good_videos}/1.mp4 0')
    dataset = VideoDataset(ann_file, TEST_PIPELINE, num_classes=2, test_mode=True)
    with logged() as messages:
        samples = [dataset[index] for index in range(3)]
        dataset[1]
    warnings = [message for message in messages if bad in message]
    assert len(messages) == len(warnings) == 1 and 'counts as wrong' in warnings[0], messages
    assert [sample['data_samples'].metainfo['filename'] for sample in samples] == [
        f'{good_videos}/0.mp4',
        bad,
        f'{good_videos}/1.mp4',
    ]
    assert [bool(sample['inputs'].any()) for sample in samples] == [True, False, True]
    assert samples[1]['inputs'].shape == samples[0]['inputs'].shape
    assert samples[0]['data_samples'].gt_label.tolist() == [1]
    assert samples[1]['data_samples'].gt_label.item() not in (0, 1)


@pytest.mark.parametrize('guess', [0, 1])
@pytest.mark.parametrize('num_classes', [2, None])
def test_an_unreadable_video_counts_as_wrong_whatever_is_predicted(
    tmp_path, good_videos, bad_videos, guess, num_classes
):
    ann_file = write_list(
        tmp_path, f'{good_videos}/0.mp4 0', f'{good_videos}/1.mp4 1', f'{bad_videos}/text.mp4 {guess}'
    )
    dataset = VideoDataset(ann_file, TEST_PIPELINE, num_classes=num_classes, test_mode=True)
    labels = [dataset[index]['data_samples'].gt_label for index in range(3)]
    metric = AccMetric(metric_options=dict(top_k_accuracy=dict(topk=(1, 2))))
    scores = torch.eye(2)[[0, 1, guess]]
    metric.process([], [dict(pred_score=score, gt_label=label) for score, label in zip(scores, labels)])
    result = metric.compute_metrics(metric.results)
    assert result['top1'] == result['top2'] == pytest.approx(2 / 3)
    if num_classes is not None:
        assert result['mean1'] < 1


def test_a_stock_pipeline_keeps_the_place_of_an_unreadable_video_too(tmp_path, good_videos, bad_videos):
    ann_file = write_list(
        tmp_path,
        f'{bad_videos}/frames_cut_off.mp4 0',
        f'{bad_videos}/hole_in_the_middle.mp4 0',
        f'{good_videos}/0.mp4 0',
    )
    dataset = VideoDataset(ann_file, STOCK_PIPELINE, test_mode=True)
    samples = [dataset[index] for index in range(3)]
    assert [sample['inputs'].shape for sample in samples] == [(2, 3, 4, 32, 32)] * 3
    assert [bool(sample['inputs'].any()) for sample in samples] == [False, False, True]


def test_a_pipeline_that_gives_none_gets_another_sample_as_in_mmengine(good_videos):
    calls = []

    def refuse_twice(results):
        calls.append(results['filename'])
        return None if len(calls) < 3 else results

    dataset = VideoDataset(data_root=str(good_videos), pipeline=[refuse_twice, dict(type='VideoReaderInit')])
    assert dataset[0]['total_frames'] == 40 and len(calls) == 3


def test_a_reader_of_ours_before_a_decoder_of_mmaction2_is_refused_when_built(tmp_path):
    (tmp_path / 'a.mp4').touch()

    def build(**reader):
        return VideoDataset(
            data_root=str(tmp_path),
            pipeline=[
                dict(type='VideoReaderInit', **reader),
                dict(type='SampleFrames', clip_len=2),
                dict(type='DecordDecode'),
            ],
        )

    with pytest.raises(ValueError, match='VideoReaderInit needs DecodeClips behind it, not DecordDecode'):
        build()
    build(backend='decord')  # opens with decord what mmaction2 reads with it


def test_the_digest_of_a_list_tells_paths_order_labels_and_hold_out_but_not_the_folder():
    def digest(names, folder='/data', labels=None):
        videos = [dict(filename=f'{folder}/{name}') for name in names]
        return list_digest([dict(video, label=1) for video in videos] if labels else videos, folder)

    reference = digest(['a.mp4', 'b.mp4'])
    assert digest(['a.mp4', 'b.mp4'], folder='/elsewhere') == reference
    others = [digest(['b.mp4', 'a.mp4']), digest(['a.mp4', 'c.mp4']), digest(['a.mp4', 'b.mp4'], labels=True)]
    assert len({reference, *others}) == 4


def test_a_data_set_has_the_digest_of_the_videos_that_are_left_to_it(tmp_path):
    for number in range(4):
        (tmp_path / f'{number}.mp4').write_text('')
    parts = [dict(number=2, seed=1, use=use) for use in ('train', 'held_out')]
    whole, *halves = (VideoDataset(data_root=str(tmp_path), hold_out=part).list_digest for part in (None, *parts))
    assert len({whole, *halves}) == 3
    assert whole == list_digest([dict(filename=f'{number}.mp4') for number in range(4)], str(tmp_path))
