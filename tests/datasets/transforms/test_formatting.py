import numpy as np
import pytest
import torch
from mmaction.datasets.transforms import ThreeCrop
from mmaction.structures import ActionDataSample
from mmengine.dataset import pseudo_collate

from videossl.datasets.transforms import PackClips, SamplePace
from videossl.errors import ConfigError
from videossl.registry import MODELS

V, T, H, W = 3, 4, 6, 8


def sample(**more):
    frames = np.random.default_rng(0).integers(0, 256, (V * T, H, W, 3), dtype=np.uint8)
    return dict(imgs=list(frames), num_clips=V, clip_len=T, filename='a.mp4', **more)


def test_inputs_hold_clip_channel_frame_row_and_column_in_this_order():
    results = sample()
    inputs = PackClips().transform(dict(results))['inputs']
    assert inputs.shape == (V, 3, T, H, W)
    assert inputs.dtype == torch.uint8 and inputs.is_contiguous()
    for v, c, t, y, x in np.ndindex(V, 3, T, H, W):
        assert inputs[v, c, t, y, x] == results['imgs'][v * T + t][y, x, c]


def test_cropped_views_and_one_array_of_frames_pack_alike():
    frames = np.stack(sample()['imgs'])
    views = PackClips().transform(dict(imgs=[frame[1:4, 2:7] for frame in frames], clip_len=T))['inputs']
    array = PackClips().transform(dict(imgs=frames[:, 1:4, 2:7], clip_len=T))['inputs']
    assert torch.equal(views, array) and views.shape == (V, 3, T, 3, 5)


def test_after_three_crops_there_are_three_times_as_many_clips():
    results = ThreeCrop(crop_size=H).transform(sample(img_shape=(H, W)))
    inputs = PackClips().transform(results)['inputs']
    assert inputs.shape == (3 * V, 3, T, H, H)
    left, right, middle = inputs.split(V)
    assert not torch.equal(left, right) and torch.equal(left[..., 2:], right[..., :-2])
    assert torch.equal(middle[..., :-1], left[..., 1:])


def test_pretext_labels_become_int64_fields_one_per_clip_and_the_order_one_per_sample():
    packed = PackClips().transform(
        sample(gt_speed=np.array([0, 3, 1], dtype=np.int32), gt_segment=[2, 2, 0], gt_order=np.array(5))
    )
    data = packed['data_samples']
    assert data.gt_speed.tolist() == [0, 3, 1] and data.gt_segment.tolist() == [2, 2, 0] and data.gt_order.item() == 5
    assert all(label.dtype == torch.int64 for label in (data.gt_speed, data.gt_segment, data.gt_order))
    assert data.gt_order.shape == ()
    assert PackClips().transform(sample(gt_order=np.array([5])))['data_samples'].gt_order.shape == (1,)


def test_absent_labels_are_simply_absent():
    data = PackClips().transform(sample(gt_speed=None))['data_samples']
    assert not {'gt_speed', 'gt_segment', 'gt_order', 'gt_label', 'middle_frames'} & set(data.keys())


@pytest.mark.parametrize('label', [np.array([0, 1]), np.array(1), np.array([[0, 1, 2]])])
def test_a_label_of_the_wrong_length_is_refused(label):
    with pytest.raises(ValueError, match='gt_speed .*3 clips'):
        PackClips().transform(sample(gt_speed=label, clip_sampler=SamplePace()))


def test_a_label_that_is_not_a_whole_number_is_refused():
    with pytest.raises(ValueError, match='gt_speed must be of whole numbers'):
        PackClips().transform(sample(gt_speed=np.array([0.0, 1.5, 2.0])))


def test_every_label_is_packed_whoever_wrote_it_and_whatever_its_shape():
    data = PackClips().transform(sample(gt_pair=np.array([1, 0, 1]), gt_scene=np.array([7, 8]), gt_none=None))
    data = data['data_samples']
    assert data.gt_pair.tolist() == [1, 0, 1] and data.gt_scene.tolist() == [7, 8] and 'gt_none' not in data


@pytest.mark.parametrize('label, expected', [(4, [4]), ([1, 5], [1, 5])])
def test_the_action_label_is_packed_as_mmaction2_does(label, expected):
    assert PackClips().transform(sample(label=label))['data_samples'].gt_label.tolist() == expected


def test_meta_information_is_what_was_asked_for_and_known():
    data = PackClips().transform(sample(frame_interval=2, label=1))['data_samples']
    assert isinstance(data, ActionDataSample)
    assert (data.filename, data.num_clips, data.clip_len, data.frame_interval) == ('a.mp4', V, T, 2)
    assert 'total_frames' not in data
    assert set(PackClips(meta_keys=('clip_len',)).transform(sample())['data_samples'].metainfo_keys()) == {'clip_len'}


def test_middle_frames_become_channels_first():
    middle = np.random.default_rng(2).integers(0, 256, (V, H, W, 3), dtype=np.uint8)
    field = PackClips().transform(sample(middle_frames=middle))['data_samples'].middle_frames
    assert field.dtype == torch.uint8 and torch.equal(field, torch.from_numpy(middle).permute(0, 3, 1, 2))


def test_parsing_maps_become_fields_of_floats_and_of_whole_numbers():
    logits = np.random.default_rng(3).normal(size=(1, 5, 4, 4))
    mask = np.random.default_rng(4).integers(0, 2, (V, 4, 4), dtype=np.uint8)
    data = PackClips().transform(sample(parsing_logits=logits, parsing_mask=mask))['data_samples']
    assert data.parsing_logits.dtype == torch.float32 and data.parsing_mask.dtype == torch.int64
    assert np.allclose(data.parsing_logits, logits) and np.array_equal(data.parsing_mask, mask)


@pytest.mark.parametrize(
    'field, shape',
    [
        ('parsing_logits', (2, 5, 4, 4)),
        ('parsing_logits', (5, 4, 4)),
        ('parsing_mask', (4, 4)),
        ('parsing_mask', (2, 4, 4)),
    ],
)
def test_parsing_maps_of_another_number_of_clips_are_refused(field, shape):
    with pytest.raises(ValueError, match=f'{field} needs . axes'):
        PackClips().transform(sample(**{field: np.zeros(shape, dtype=np.int64)}))
    with pytest.raises(ValueError, match='parsing_mask must be of whole numbers'):
        PackClips().transform(sample(parsing_mask=np.zeros((1, 4, 4))))


def test_packed_samples_go_through_mmengines_collate_function():
    packed = [PackClips().transform(sample(gt_speed=[0, 1, 2], label=index)) for index in range(2)]
    batch = pseudo_collate(packed)
    assert torch.stack(batch['inputs']).shape == (2, V, 3, T, H, W)
    assert [data.gt_label.item() for data in batch['data_samples']] == [0, 1]


def test_a_batch_goes_into_mmaction2s_data_preprocessor():
    preprocessor = MODELS.build(
        dict(type='mmaction.ActionDataPreprocessor', mean=[128] * 3, std=[64] * 3, format_shape='NCTHW')
    )
    results = sample(label=1)
    batch = preprocessor(pseudo_collate([PackClips().transform(dict(results)) for _ in range(2)]))
    assert batch['inputs'].shape == (2, V, 3, T, H, W)
    assert batch['inputs'][1, 2, 0, 3, 4, 5] == (results['imgs'][2 * T + 3][4, 5, 0] - 128.0) / 64


def test_frames_that_are_no_whole_number_of_clips_or_differ_or_are_not_uint8_are_refused():
    results = sample()
    with pytest.raises(ValueError, match='11 frames .*clips of 4'):
        PackClips().transform({**results, 'imgs': results['imgs'][:-1]})
    with pytest.raises(ValueError, match='one size'):
        PackClips().transform({**results, 'imgs': results['imgs'][:-1] + [results['imgs'][-1][1:]]})
    with pytest.raises(ValueError, match='uint8'):
        PackClips().transform({**results, 'imgs': [frame.astype(np.float32) for frame in results['imgs']]})


def test_frames_without_pixels_are_refused():
    results = sample()
    with pytest.raises(ConfigError, match='frames have 0x.* pixels; set the size of the crop'):
        PackClips().transform({**results, 'imgs': [frame[:, :0] for frame in results['imgs']]})
