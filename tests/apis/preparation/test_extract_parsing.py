"""Stored parsing of whole data sets: complete, resumable, and as good as the network itself."""

import random

import av
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from videossl.apis.preparation import extract_parsing as api
from videossl.datasets import VideoDataset
from videossl.datasets.parsing_store import ParsingInfo, map_path, read_map, verify
from videossl.errors import ConfigError
from videossl.models import Embeddings, ParsingDistillHead
from videossl.registry import MODELS

HEIGHT, WIDTH, NUM_FRAMES = 64, 80, 12


def write_video(path, seed=0, num_frames=NUM_FRAMES):
    """A smooth pattern that glides: no picture is its own mirror image."""
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=25, options=dict(preset='ultrafast', crf='4', threads='1'))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, 'yuv420p'
        for time in range(num_frames):
            wave = 128 + 110 * np.sin(2 * np.pi * (x + 2 * time + 11 * seed) / 48 + 0.8 * np.sin(y / 12 + seed))
            frame = np.stack([wave, wave, 3 * y + 20], axis=-1).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        container.mux(stream.encode())


@MODELS.register_module(name='SlopeTeacher')
class SlopeTeacher(nn.Module):
    """Where the picture becomes brighter to the right is left, where it becomes darker, right; below is background.

    In a mirror image every slope is turned round: what it says of the mirror image is what it says of the picture,
    mirrored, with left and right exchanged. Only the slope's direction counts, so the picture's size does not matter.
    """

    num_classes = 3
    class_names = ('Background', 'Left-arm', 'Right-arm')
    left_right_pairs = ((1, 2),)

    def __init__(self):
        super().__init__()
        self.frames_seen = 0
        self.stop_after = None
        slope = torch.tensor([-1.0, 0.0, 1.0]).repeat(3, 1)
        self.register_buffer('slopes', torch.stack([slope, slope.t()])[:, None] / 6)

    def forward(self, frames):
        assert frames.dtype == torch.uint8
        self.frames_seen += len(frames)
        if self.stop_after is not None and self.frames_seen > self.stop_after:
            raise KeyboardInterrupt
        pixels = F.pad(frames.float(), [1, 1, 1, 1], mode='replicate')
        along = F.conv2d(pixels[:, :1], self.slopes)
        direction = along[:, :1] / (along.square().sum(1, keepdim=True) + 1).sqrt()
        background = pixels[:, 2:, 1:-1, 1:-1] / 128
        return torch.cat([background, 3 * direction, -3 * direction], dim=1)


@pytest.fixture(scope='module')
def all_videos(tmp_path_factory):
    root = tmp_path_factory.mktemp('videos')
    for seed, name in enumerate(('a/one.mp4', 'a/two.mp4', 'one.mp4')):
        write_video(root / name, seed)
    return root


@pytest.fixture
def teacher():
    return SlopeTeacher()


VIDEOS = ['a/one.mp4', 'a/two.mp4', 'one.mp4']


# ---------------------------------------------------------------------------------------- what is stored, and how
def test_every_nth_frame_of_every_video_is_stored_at_the_side_asked_for(all_videos, teacher, tmp_path):
    report = api.extract_parsing(teacher, str(all_videos), str(tmp_path), every=5, side=16, device='cpu', batch_size=2)
    assert report.written == VIDEOS and report.skipped == [] and report.unreadable == []
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob('*.npz'))
    assert files == [f'{video}.npz' for video in VIDEOS]
    assert report.bytes == sum(path.stat().st_size for path in tmp_path.rglob('*.npz'))
    info = verify(tmp_path / 'one.mp4.npz')
    assert info == ParsingInfo(
        class_names=SlopeTeacher.class_names,
        left_right_pairs=((1, 2),),
        every=5,
        total_frames=NUM_FRAMES,
        original_size=(HEIGHT, WIDTH),
        side=16,
        teacher=info.teacher,
    )
    assert info.teacher.startswith('SlopeTeacher (weights ')
    video = api.OpenedVideo(str(all_videos / 'one.mp4'))
    for frame in (0, 5, 10):
        stored, _ = read_map(tmp_path / 'one.mp4.npz', frame)
        assert stored.shape == (3, 16, 20)
        with torch.no_grad():
            expected = F.interpolate(teacher(video.frames([frame])), (16, 20), mode='bilinear', antialias=True)
        assert np.abs(np.exp(stored) - expected.softmax(1)[0].numpy()).max() < 0.04


def test_only_the_videos_of_a_list_are_parsed_each_once(all_videos, teacher, tmp_path):
    (tmp_path / 'list.txt').write_text('a/two.mp4 0\none.mp4 1\na/two.mp4 2\n')
    report = api.extract_parsing(
        teacher, str(all_videos), str(tmp_path / 'maps'), str(tmp_path / 'list.txt'), 6, 16, 'cpu'
    )
    assert report.written == ['a/two.mp4', 'one.mp4']


def test_the_size_is_told_before_the_work_begins(all_videos, teacher, tmp_path, capsys):
    api.extract_parsing(teacher, str(all_videos), str(tmp_path), every=5, side=16, device='cpu')
    printed = capsys.readouterr().out
    # 3 videos of 3 frames, each 3 classes of 16 x 20 pixels: 8640 bytes.
    assert '(8.6 kB before compression)' in printed
    assert printed.index('the maps will take about') < printed.index('Parsing')


@pytest.mark.parametrize(
    ('number', 'text'), [(0, '0 bytes'), (999, '999 bytes'), (1500, '1.5 kB'), (2.34e10, '23 GB'), (5.5e15, '5500 TB')]
)
def test_sizes_are_readable(number, text):
    assert api.readable_size(number) == text


# -------------------------------------------------------------------------------------------------------- resumption
def arguments(videos, out, *more):
    return [
        '--data-root',
        str(videos),
        '--out',
        str(out),
        '--teacher',
        'SlopeTeacher',
        '--every',
        '5',
        '--side',
        '16',
        '--device',
        'cpu',
        '--batch-size',
        '1',
        *more,
    ]


def test_an_interrupted_extraction_goes_on_where_it_stopped(all_videos, tmp_path, monkeypatch, capsys):
    interrupted = SlopeTeacher()
    interrupted.stop_after = 3 + 3 + 2  # a frame of each for the estimate, the first video, most of the second
    monkeypatch.setattr(api, 'build_teacher', lambda args: (interrupted, 'SlopeTeacher'))
    with pytest.raises(KeyboardInterrupt):
        api.main(arguments(all_videos, tmp_path))
    assert [path.name for path in tmp_path.rglob('*') if path.is_file()] == ['one.mp4.npz'], 'half a file was left'
    first = (tmp_path / 'a' / 'one.mp4.npz').stat().st_mtime_ns

    again = SlopeTeacher()
    monkeypatch.setattr(api, 'build_teacher', lambda args: (again, 'SlopeTeacher'))
    api.main(arguments(all_videos, tmp_path))
    assert again.frames_seen == 2 + 6, 'a finished video was parsed again'
    assert (tmp_path / 'a' / 'one.mp4.npz').stat().st_mtime_ns == first
    assert '2 videos parsed' in capsys.readouterr().out

    api.main(arguments(all_videos, tmp_path))
    assert again.frames_seen == 2 + 6
    assert '0 videos parsed (0 bytes), 3 were there already, 0 could not be read' in capsys.readouterr().out


def test_a_damaged_file_is_made_again_and_nothing_else(all_videos, teacher, tmp_path, capsys):
    settings = dict(every=5, side=16, device='cpu')
    api.extract_parsing(teacher, str(all_videos), str(tmp_path), **settings)
    path = map_path(tmp_path, 'a/two.mp4')
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    report = api.extract_parsing(teacher, str(all_videos), str(tmp_path), **settings)
    assert report.written == ['a/two.mp4'] and report.skipped == ['a/one.mp4', 'one.mp4']
    assert 'two.mp4.npz is damaged or cut off, and is made again' in capsys.readouterr().out
    assert verify(path).total_frames == NUM_FRAMES


def test_maps_of_other_settings_are_neither_kept_nor_overwritten(all_videos, teacher, tmp_path):
    api.extract_parsing(teacher, str(all_videos), str(tmp_path), every=5, side=16, device='cpu')
    with pytest.raises(ConfigError, match='every: 5 there, 4 wanted; side: 16 there, 12 wanted.*--out'):
        api.extract_parsing(teacher, str(all_videos), str(tmp_path), every=4, side=12, device='cpu')
    with pytest.raises(
        ConfigError, match=r'teacher: SlopeTeacher \(weights \w+\) there, SlopeTeacher new.pth .* wanted'
    ):
        api.extract_parsing(
            teacher, str(all_videos), str(tmp_path), every=5, side=16, device='cpu', teacher_name='SlopeTeacher new.pth'
        )
    other = SlopeTeacher()
    other.slopes.mul_(2)
    with pytest.raises(
        ConfigError, match=r'teacher: SlopeTeacher \(weights \w+\) there, SlopeTeacher \(weights \w+\) wanted'
    ):
        api.extract_parsing(other, str(all_videos), str(tmp_path), every=5, side=16, device='cpu')


def test_what_a_killed_run_left_half_written_is_removed(all_videos, teacher, tmp_path):
    api.extract_parsing(teacher, str(all_videos), str(tmp_path), every=5, side=16, device='cpu')
    leftover = tmp_path / 'a' / '.one.mp4.npz.0123abcd.tmp'
    leftover.write_bytes(b'half')
    api.extract_parsing(teacher, str(all_videos), str(tmp_path), every=5, side=16, device='cpu')
    assert not leftover.exists() and len(list(tmp_path.rglob('*.npz'))) == 3


# ------------------------------------------------------------------------------------------------------ broken videos
def test_broken_videos_are_named_counted_and_left_out(all_videos, tmp_path, capsys):
    videos = tmp_path / 'videos'
    write_video(videos / 'good.mp4')
    content = (all_videos / 'one.mp4').read_bytes()
    (videos / 'cut.mp4').write_bytes(content[: len(content) // 2])
    (videos / 'text.mp4').write_text('this is no video\n' * 50)
    (videos / 'empty.avi').write_bytes(b'')
    api.main(arguments(videos, tmp_path / 'maps'))
    printed = capsys.readouterr().out
    assert '1 videos parsed' in printed and '3 could not be read' in printed
    assert all(f'{name}: ' in printed for name in ('cut.mp4', 'text.mp4', 'empty.avi'))
    assert [path.name for path in (tmp_path / 'maps').rglob('*') if path.is_file()] == ['good.mp4.npz']


def test_a_folder_of_broken_videos_alone_ends_without_a_crash(tmp_path, capsys):
    videos = tmp_path / 'videos'
    videos.mkdir()
    (videos / 'text.mp4').write_text('no video')
    api.main(arguments(videos, tmp_path / 'maps'))
    printed = capsys.readouterr().out
    assert 'the size of the maps is not known' in printed and '1 could not be read' in printed


# -------------------------------------------------------------------------------------------------------- the arguments
def test_a_teacher_can_come_from_a_file(all_videos, tmp_path, capsys):
    (tmp_path / 'teacher.py').write_text("teacher = dict(type='SlopeTeacher')\n")
    argv = arguments(all_videos, tmp_path / 'maps')
    at = argv.index('--teacher')
    api.main(argv[:at] + ['--teacher-config', str(tmp_path / 'teacher.py')] + argv[at + 2 :])
    assert '3 videos parsed' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        (['--teacher-config', 'teacher.py'], 'either by --teacher NAME'),
        (['--teacher', 'SCHP'], 'checkpoint'),
        (['--teacher', 'Nobody'], 'cannot be built.*Nobody'),
        (['--teacher', 'PoolNeck'], 'PoolNeck is no parsing network for this: it has no num_classes'),
        (['--every', '0'], 'every must be an integer of at least 1'),
        (['--side', '-3'], 'side must be an integer of at least 1'),
        (['--ann-file', 'nowhere.txt'], 'nowhere.txt'),
        (['--data-root', '/nowhere/at/all'], '/nowhere/at/all'),
    ],
)
def test_arguments_that_cannot_be_meant_end_with_a_sentence(all_videos, tmp_path, more, message):
    with pytest.raises((ConfigError, OSError), match=f'(?s){message}'):
        api.main(arguments(all_videos, tmp_path, *more))


def test_a_list_that_leads_out_of_the_folder_is_refused(all_videos, tmp_path):
    (tmp_path / 'list.txt').write_text('a/one.mp4\n../elsewhere.mp4\n')
    with pytest.raises(ConfigError, match='elsewhere.mp4 is no path below the folder'):
        api.videos_to_parse(str(all_videos), str(tmp_path / 'list.txt'))


# ------------------------------------------------------------------------------------- stored maps against the network
def loss_and_target(videos, folder, teacher, flip, left_right_pairs=None):
    """The loss on two samples with the network running, and with stored maps; the targets too."""
    pipeline = [
        dict(type='DecordInit'),
        dict(type='SamplePace', clip_len=4, num_speeds=2),
        dict(type='DecodeClips'),
        dict(
            type='EachClip',
            keep_middle_frame=True,
            transforms=[
                dict(type='RandomCrop', size=40),
                dict(type='Resize', scale=(56, 56), keep_ratio=False),
                dict(type='Flip', flip_ratio=float(flip)),
                dict(type='VideoColorJitter', brightness=0.9, contrast=0.9, saturation=0.9, hue=0.4, probability=1),
            ],
        ),
        dict(type='LoadParsingMap', folder=str(folder), size=28, left_right_pairs=left_right_pairs),
        dict(type='PackClips'),
    ]
    random.seed(0)
    np.random.seed(0)
    dataset = VideoDataset(data_root=str(videos), pipeline=pipeline)
    samples = [dataset[index]['data_samples'] for index in range(len(dataset))]
    assert all(sample.clip_geometry[0]['flip'] is flip for sample in samples)

    torch.manual_seed(0)
    arguments = dict(in_channels=4, num_classes=3, size=28, decoder_channels=(4, 4, 4))
    online = ParsingDistillHead(teacher=teacher, **arguments)
    offline = ParsingDistillHead(**arguments)
    with torch.no_grad():
        online.classifier.bias.copy_(
            torch.tensor([0.0, 2.0, -2.0])
        )  # not indifferent, or left and right would cost alike
    offline.load_state_dict(online.state_dict())
    student = torch.randn(len(samples), 1, 4, 1, 4, 4)
    losses, targets = [], []
    for head in (online, offline):
        head.eval()
        losses.append(head.loss(Embeddings(student), data_samples=samples)['loss_parsing'].item())
        targets.append(head._target(samples, torch.empty(len(samples), 3, 28, 28)))
    return losses, targets


@pytest.fixture(scope='module')
def stored_maps(all_videos, tmp_path_factory):
    folder = tmp_path_factory.mktemp('maps')
    api.extract_parsing(SlopeTeacher(), str(all_videos), str(folder), every=1, side=HEIGHT, device='cpu')
    return folder


@pytest.mark.parametrize('flip', [False, True])
def test_stored_maps_give_the_loss_of_the_network_on_a_cropped_and_flipped_clip(all_videos, stored_maps, teacher, flip):
    losses, targets = loss_and_target(all_videos, stored_maps, teacher, flip)
    assert losses[0] == pytest.approx(losses[1], rel=0.005)
    assert (targets[0] - targets[1]).abs().mean() < 0.02
    assert targets[0].std(dim=(0, 2, 3))[1:].min() > 0.3, 'the network says the same everywhere'


def test_without_the_exchange_of_left_and_right_they_would_not(all_videos, stored_maps, teacher):
    losses, targets = loss_and_target(all_videos, stored_maps, teacher, flip=True, left_right_pairs=[])
    assert abs(losses[0] - losses[1]) > 0.1 * losses[0]
    assert (targets[0] - targets[1]).abs().mean() > 0.4
