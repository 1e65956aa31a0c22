"""Features of videos: the right numbers in the right places, whatever is broken, cut off or changed."""

import cv2
import decord
import numpy as np
import pytest
import torch
from extraction_making import CONFIG, MEAN, NAMES, STD
from mmengine.config import Config
from torch import nn

from videossl.apis import extract_features, init_model, load_backbone
from videossl.datasets import VideoDataset
from videossl.errors import ConfigError
from videossl.features import extraction as feature_extraction


# --------------------------------------------------------------------------------------------------------- the numbers
def clips_by_hand(path, clips, clip_len, interval, resize):
    """RGB frames [clips, clip_len, h, w, 3] at even distances, a clip that is too long for the video going round."""
    reader = decord.VideoReader(str(path))
    last_start = max(len(reader) - ((clip_len - 1) * interval + 1), 0)
    starts = [last_start // 2] if clips == 1 else [round(number * last_start / (clips - 1)) for number in range(clips)]
    places = [[(start + interval * step) % len(reader) for step in range(clip_len)] for start in starts]
    return [
        [cv2.resize(reader[place].asnumpy(), resize, interpolation=cv2.INTER_LINEAR) for place in clip]
        for clip in places
    ]


def encode_by_hand(backbone, frames, top, left, size, mirrored=False):
    pixels = torch.from_numpy(np.stack(frames)[:, top : top + size, left : left + size]).double()
    if mirrored:
        pixels = pixels.flip(2)
    blue_first = torch.stack([pixels[..., 2], pixels[..., 1], pixels[..., 0]])
    normal = (blue_first - torch.tensor(MEAN).double().view(3, 1, 1, 1)) / torch.tensor(STD).double().view(3, 1, 1, 1)
    with torch.no_grad():
        return backbone(normal.float()[None])[0]


def test_features_are_those_computed_by_hand(run, videos, model):
    features = run()
    assert features.features.shape == (5, 3, 32) and features.features.dtype == np.float32
    for video, name in enumerate(NAMES):
        for clip, frames in enumerate(clips_by_hand(videos / name, 3, 4, 2, (48, 40))):
            expected = encode_by_hand(model.backbone, frames, 4, 8, 32).mean((1, 2, 3))
            np.testing.assert_allclose(features.features[video, clip], expected, rtol=1e-4, atol=1e-5)
    assert features.paths == NAMES and features.labels.tolist() == [10, 11, 12, 13, 14] and features.readable.all()
    assert np.abs(features.features[0, 0] - features.features[1, 0]).max() > 0.01, 'the net does not tell videos apart'


# 48 x 32 pixels: the two ends and the middle of the long side.
THREE = [(0, 0, False), (0, 16, False), (0, 8, False)]
# 48 x 40 pixels: four corners (mmaction2's steps are quarters, rounded down) and the centre, and their mirror images.
FIVE = [(0, 0), (0, 16), (8, 0), (8, 16), (4, 8)]


@pytest.mark.parametrize(
    ('crops', 'resize', 'places'),
    [
        (3, (48, 32), THREE),
        (5, (48, 40), [(*place, False) for place in FIVE]),
        (10, (48, 40), [(*place, mirrored) for place in FIVE for mirrored in (False, True)]),
    ],
)
def test_views_come_clip_after_clip_and_crop_after_crop(run, videos, model, crops, resize, places):
    features = run(crops=crops, num_clips=2, resize=resize, batch_size=7)
    assert features.features.shape == (5, 2 * crops, 32)
    for clip, frames in enumerate(clips_by_hand(videos / '1.mp4', 2, 4, 2, resize)):
        for crop, (top, left, mirrored) in enumerate(places):
            expected = encode_by_hand(model.backbone, frames, top, left, 32, mirrored).mean((1, 2, 3))
            np.testing.assert_allclose(features.features[1, clip * crops + crop], expected, rtol=1e-4, atol=1e-5)


def test_arguments_and_protocol_agree(run, model):
    features = run(num_clips=1, clip_len=8, frame_interval=1, size=40, resize=44, pooling='max_1x2x2', split='split 1')
    # 40 pixels, halved four times: 3 x 3; 8 frames, halved three times: 1; the maximum of 2 x 2 leaves one pixel.
    assert features.features.shape == (5, 1, 32)
    wanted = dict(
        num_clips=1,
        crops=1,
        clip_len=8,
        frame_interval=1,
        size=40,
        resize=44,
        pooling='max_1x2x2',
        split='split 1',
        precision='fp32',
        config=None,
        checkpoint=None,
        pixels=dict(type='ClipDataPreprocessor', mean=list(MEAN), std=list(STD), to_bgr=True),
    )
    assert {key: features.protocol[key] for key in wanted} == wanted
    assert run().protocol['split'] == 'list.txt'


@pytest.mark.parametrize('batch_size', [1, 2, 6, 9, 100])
def test_neither_the_batch_size_nor_a_last_batch_that_is_short_changes_anything(run, batch_size):
    np.testing.assert_allclose(run(batch_size=batch_size).features, run(batch_size=15).features, rtol=1e-4, atol=1e-6)


def test_the_order_is_that_of_the_list_and_a_video_may_come_twice(run, videos, tmp_path):
    order = [4, 1, 1, 0, 3]
    (tmp_path / 'other.txt').write_text(''.join(f'{NAMES[number]} {number}\n' for number in order))
    straight, mixed = run(), run(videos=tmp_path / 'other.txt', data_root=videos)
    assert mixed.paths == [NAMES[number] for number in order] and mixed.labels.tolist() == order
    np.testing.assert_allclose(mixed.features, straight.features[order], rtol=1e-4, atol=1e-6)


def test_the_model_is_left_as_it_was(run, model):
    model.train()
    try:
        weights = {name: value.clone() for name, value in model.state_dict().items()}
        layout = model.backbone.stem.conv.weight.stride()
        run(precision='bf16')
        assert model.training and model.backbone.training
        assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
        assert model.backbone.stem.conv.weight.stride() == layout
        assert model.eval().backbone(torch.zeros(1, 3, 4, 16, 16)).dtype == torch.float32
    finally:
        model.eval()


def test_bf16_is_close_to_fp32_and_recorded(run):
    exact, rough = run(precision='fp32'), run(precision='bf16')
    assert rough.protocol['precision'] == 'bf16' and rough.features.dtype == np.float32
    error = np.abs(exact.features - rough.features).max() / exact.features.std()
    assert 1e-5 < error < 0.1


def test_two_workers_give_the_same_and_tell_what_was_unreadable(run, videos, tmp_path, monkeypatch):
    (tmp_path / 'broken.mp4').write_text('no video')
    (tmp_path / 'list.txt').write_text(f'{videos}/0.mp4 1\nbroken.mp4 2\n{videos}/3.mp4 3\n{videos}/4.mp4 4\n')
    alone = run(videos=tmp_path / 'list.txt', batch_size=3)
    monkeypatch.setattr(feature_extraction, 'share_cores', lambda settings, name: None)
    helped = run(videos=tmp_path / 'list.txt', batch_size=3, num_workers=2)
    assert helped.readable.tolist() == alone.readable.tolist() == [True, False, True, True]
    np.testing.assert_array_equal(helped.features, alone.features)


def test_branches_are_joined(run, videos):
    branched = dict(type='BranchedBackbone', output='branches', backbone=CONFIG['model']['backbone'])
    branches = init_model(Config(dict(CONFIG, model=dict(CONFIG['model'], backbone=branched))), device='cpu')
    features = extract_features(branches, videos / 'list.txt', num_clips=1, progress=False)
    assert features.features.shape == (5, 1, 64)
    (frames,) = clips_by_hand(videos / '3.mp4', 1, 4, 2, (48, 40))
    expected = torch.cat(
        [
            part.mean((1, 2, 3))
            for part in (
                encode_by_hand(lambda clip: branches.backbone(clip)[name], frames, 4, 8, 32)
                for name in ('human', 'contrast')
            )
        ]
    )
    np.testing.assert_allclose(features.features[3, 0], expected, rtol=1e-4, atol=1e-5)


# ------------------------------------------------------------------------------------------- models of other kinds
def test_a_backbone_from_a_checkpoint_alone_gives_the_same(run, videos, model, tmp_path):
    config = Config(CONFIG)
    torch.save(dict(meta=dict(cfg=config.pretty_text), state_dict=model.state_dict()), tmp_path / 'epoch_1.pth')
    backbone = load_backbone(tmp_path / 'epoch_1.pth')
    features = extract_features(backbone, videos / 'list.txt', progress=False)
    np.testing.assert_array_equal(features.features, run().features)
    assert features.protocol['checkpoint'] == str(tmp_path / 'epoch_1.pth')
    assert features.protocol['weights_sha256'] == run().protocol['weights_sha256']


def test_a_stock_recognizer_of_mmaction2_is_served(videos):
    config = Config(
        dict(
            default_scope='mmaction',
            model=dict(
                type='Recognizer3D',
                backbone=dict(type='videossl.R3D', depth=10, base_channels=4),
                cls_head=dict(type='I3DHead', in_channels=32, num_classes=3),
                data_preprocessor=dict(
                    type='ActionDataPreprocessor', mean=MEAN, std=STD, to_rgb=True, format_shape='NCTHW'
                ),
            ),
        )
    )
    stock = init_model(config, device='cpu')
    features = extract_features(
        stock,
        videos / 'list.txt',
        num_clips=2,
        clip_len=4,
        frame_interval=2,
        size=32,
        resize=(48, 40),
        precision='fp32',
        progress=False,
    )
    frames = clips_by_hand(videos / '3.mp4', 2, 4, 2, (48, 40))[1]
    expected = encode_by_hand(stock.backbone, frames, 4, 8, 32).mean((1, 2, 3))  # to_rgb swaps, from RGB to BGR here
    np.testing.assert_allclose(features.features[3, 1], expected, rtol=1e-4, atol=1e-5)


def test_any_backbone_does(videos):
    net = nn.Sequential(nn.Conv3d(3, 2, 3), nn.ReLU())
    features = extract_features(net, [videos / '0.mp4'], num_clips=2, size=16, progress=False)
    assert features.features.shape == (1, 2, 2) and features.protocol['pixels']['mean'] == [123.675, 116.28, 103.53]
    assert net.training


# ------------------------------------------------------------------------------------------------- what the videos are
def test_videos_may_be_named_in_many_ways(run, videos, monkeypatch):
    whole = run()
    for named in (videos, str(videos), [videos / name for name in NAMES], tuple(str(videos / name) for name in NAMES)):
        features = run(videos=named)
        np.testing.assert_array_equal(features.features, whole.features)
        assert features.labels is None
    assert run(videos=videos).paths == NAMES and run(videos=videos).protocol['split'] == videos.name
    assert run(videos=NAMES, data_root=videos).paths == NAMES
    single = run(videos=videos / '1.mp4')
    assert single.paths == [str(videos / '1.mp4')]
    np.testing.assert_allclose(single.features[0], whole.features[1], rtol=1e-4, atol=1e-6)


def test_a_data_set_and_the_config_of_one_give_paths_and_labels(run, videos):
    wrapped = dict(
        type='RepeatDataset',
        times=3,
        dataset=dict(
            type='VideoDataset',
            ann_file='list.txt',
            data_root=str(videos),
            num_classes=20,
            pipeline=[dict(type='Unknown')],
            hold_out=dict(number=2, seed=0, use='held_out'),
        ),
    )
    held_out = run(videos=wrapped)
    assert len(held_out) == 2 and set(held_out.paths) < set(NAMES)
    assert held_out.labels.tolist() == [10 + NAMES.index(path) for path in held_out.paths]
    assert held_out.protocol['split'] == 'list.txt'
    dataset = VideoDataset('list.txt', data_root=str(videos))
    np.testing.assert_array_equal(run(videos=dataset).features, run().features)
    assert run(videos=dataset).labels.tolist() == [10, 11, 12, 13, 14]


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(batch_size=0), 'batch_size must be'),
        (dict(num_workers=-1), 'num_workers must be'),
        (dict(save_every=0), 'save_every must be'),
        (dict(precision='fp8'), 'precision must be one of'),
        (dict(precision='fp16'), 'precision fp16 is for GPUs'),
        (dict(pooling='sum'), 'pooling must be one of'),
        (dict(size=64), None),
        (dict(out='features.csv'), 'npz or .parquet'),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_decoded(run, decoded, settings, message):
    if message is None:
        run(**settings)
        assert decoded, 'the test would not have noticed'
        return
    with pytest.raises(ConfigError, match=message):
        run(**settings)
    assert not decoded


# ------------------------------------------------------------------------------------------------------- broken videos
def test_a_broken_video_in_the_middle_keeps_its_place_and_label(run, videos, tmp_path):
    whole = (videos / '1.mp4').read_bytes()
    (tmp_path / 'cut.mp4').write_bytes(whole[: len(whole) // 2])
    (tmp_path / 'text.mp4').write_text('no video')
    (tmp_path / 'list.txt').write_text(f'{videos}/0.mp4 5\ncut.mp4 6\n{videos}/3.mp4 7\nmissing.mp4 8\ntext.mp4 9\n')
    features = run(videos=tmp_path / 'list.txt', batch_size=6)
    assert features.readable.tolist() == [True, False, True, False, False]
    assert features.labels.tolist() == [5, 6, 7, 8, 9] and features.unreadable == ['cut.mp4', 'missing.mp4', 'text.mp4']
    assert not features.features[~features.readable].any()
    np.testing.assert_allclose(features.features[[0, 2]], run().features[[0, 3]], rtol=1e-4, atol=1e-6)
