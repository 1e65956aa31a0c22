"""tools/doctor.py: what is wrong with a machine, what holds a config back, and what it advises."""

import importlib.metadata
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from videossl import compat
from videossl.apis.doctor import command as doctor
from videossl.apis.doctor.data import (
    RateMeter,
    Stopwatch,
    Unreadable,
    endless_loader,
    leaves,
    time_reading,
    time_samples,
    watched,
)
from videossl.apis.doctor.machine import core_quota, machine, repairs, traps, versions
from videossl.apis.doctor.report import as_duration
from videossl.apis.doctor.step import AROUND, affordable, per_sample
from videossl.apis.doctor.verdict import (
    Timings,
    advice,
    data_rate,
    decoding_left,
    estimates,
    mean_of,
    training_rate,
    typical,
    wall,
    with_other_data,
)
from videossl.apis.running import launch
from videossl.datasets import VideoDataset
from videossl.datasets.moving_shapes import write_moving_shapes
from videossl.errors import ConfigError

ROOT = Path(__file__).parents[3]
LAPTOP = ROOT / 'configs' / 'laptop'
FAKE = Timings(
    data=dict(DecordInit=2.0, SampleFrames=1.0, DecodeClips=60.0, Resize=5.0, PackClips=2.0),
    groups=dict(DecordInit='open', SampleFrames='sample', DecodeClips='decode', Resize='augment', PackClips='pack'),
    step=dict(transfer=1.0, forward=3.0, backward=5.0, optimiser=1.0),
)
LARGE = dict(file_size=(240, 320), clip=(16, 112, 112), key_frames=12)


# ------------------------------------------------------------------------------------------------- verdicts on timings
def test_without_workers_data_and_step_take_turns():
    assert FAKE.data_ms == 70 and FAKE.step_ms == 10
    assert training_rate(FAKE) == pytest.approx(1000 / 80)
    found = wall(FAKE)
    assert (found.side, found.part) == ('data', 'decode') and found.share == pytest.approx(60 / 70)
    assert '88%' in found.text and '86%' in found.text and 'decoding' in found.text


def test_a_step_that_takes_longer_than_the_data_is_the_wall():
    found = wall(replace(FAKE, step=dict(transfer=10.0, forward=100.0, backward=290.0)))
    assert (found.side, found.part) == ('step', 'backward') and found.share == pytest.approx(0.725)


def test_with_workers_the_slower_side_counts():
    four = replace(FAKE, workers=4)
    assert data_rate(four, 4) == pytest.approx(4 / 0.07) and training_rate(four) == pytest.approx(4 / 0.07)
    assert wall(four).side == 'data'
    eight = replace(FAKE, workers=8)
    assert training_rate(eight) == pytest.approx(100) and wall(eight).side == 'step'


def test_what_was_measured_of_the_workers_replaces_what_was_computed():
    measured = replace(FAKE, workers=8, loader_rate=40.0)
    assert training_rate(measured) == 40 and wall(measured).side == 'data'
    assert data_rate(measured, 4) == pytest.approx(4 / 0.07)


def test_workers_that_take_the_cores_from_the_step_are_the_wall_and_the_main_process_the_way_out():
    fighting = replace(FAKE, workers=2, loader_rate=25.0, together_rate=5.0)
    assert wall(fighting).side == 'cores'
    first = advice(fighting, {})[0]
    assert 'num_workers=0' in first.text and first.gain == pytest.approx(12.5 / 5)
    assert wall(replace(fighting, together_rate=20.0)).side == 'data'
    assert not advice(replace(fighting, together_rate=20.0), {})


def test_a_slow_disk_counts_where_the_videos_do_not_stay_in_memory():
    found = wall(replace(FAKE, reading=200.0))
    assert (found.side, found.part) == ('data', 'disk') and found.share == pytest.approx(200 / 270)


def test_re_encoding_is_advised_with_a_gain_reckoned_from_the_decoding():
    first = advice(FAKE, LARGE)[0]
    assert 'compact.py' in first.text and '240' in first.text
    assert first.gain == pytest.approx(80 / 40)  # 60 ms of decoding become 20
    assert not advice(FAKE, dict(LARGE, file_size=(128, 171)))  # has been done
    assert '--short-side 128' in first.text  # 16/112 more than the clips
    assert 'key frames' in advice(FAKE, dict(LARGE, file_size=(128, 171), key_frames=250))[0].text
    slow_step = replace(FAKE, step=dict(forward=1000.0))
    assert not advice(slow_step, LARGE)  # 60 of 1070 ms are not worth it


def test_decoding_goes_with_the_pixels_and_with_the_way_from_the_key_frame():
    clip = (16, 70, 70)  # for which files have a short side of 80
    assert decoding_left(dict(clip=clip, file_size=(100, 200))) == pytest.approx(0.64)
    assert decoding_left(dict(clip=clip, file_size=(80, 100), key_frames=40, frames=20)) == pytest.approx(26 / 40)
    assert decoding_left(dict(clip=clip, file_size=(100, 200), key_frames=40, frames=20)) == pytest.approx(0.64 * 0.65)
    assert decoding_left(dict(clip=clip, file_size=(40, 40), key_frames=1)) == 1
    assert decoding_left(dict(clip=clip, file_size=(1080, 1920), key_frames=250)) == pytest.approx(1 / 3)


def test_a_cheaper_pipeline_speeds_measured_workers_up_in_proportion():
    faster = with_other_data(replace(FAKE, workers=2, loader_rate=20.0), data=dict(DecodeClips=35.0))
    assert faster.loader_rate == pytest.approx(40)


def test_more_workers_are_advised_up_to_what_the_step_takes_and_the_machine_allows():
    (entry,) = advice(replace(FAKE, workers=1), dict(allowed_workers=15))
    assert 'num_workers=7 ' in entry.text and entry.gain == pytest.approx(7)
    (entry,) = advice(replace(FAKE, workers=1), dict(allowed_workers=3))
    assert 'num_workers=3 ' in entry.text and entry.gain == pytest.approx(3)
    assert not advice(replace(FAKE, workers=7), dict(allowed_workers=15))


def test_small_clips_are_advised_on_cpus_only_and_where_the_step_is_slow():
    slow = replace(FAKE, data=dict(DecodeClips=10.0), step=dict(forward=306.25))
    facts = dict(device='cpu', clip=(16, 112, 112), laptop_config='configs/laptop/small.py')
    (entry,) = advice(slow, facts)
    assert 'configs/laptop/small.py' in entry.text
    assert entry.gain == pytest.approx(316.25 / 110)  # 112 x 112 is 3.0625 times 64 x 64
    assert not advice(slow, dict(facts, device='cuda')) and not advice(slow, dict(facts, clip=(16, 64, 64)))


def test_advice_with_a_known_gain_comes_first_the_largest_leading():
    slow = replace(FAKE, step=dict(forward=300.0))
    facts = dict(LARGE, device='cpu', cores=8, threads=1, precision='fp32', bf16=True, memory=100, peak_memory=90)
    found = advice(slow, facts)
    assert [entry.gain is None for entry in found] == [False, False, True, True, True]
    assert found[0].gain > found[1].gain and '64x64' in found[0].text
    unknown = ' '.join(entry.text for entry in found[2:])
    assert 'bf16' in unknown and 'OMP_NUM_THREADS' in unknown and 'batch_size' in unknown and '90%' in unknown


def test_emulated_bf16_is_advised_against():
    assert 'fp32' in advice(FAKE, dict(precision='bf16', bf16=False))[0].text
    assert not advice(FAKE, dict(precision='bf16', bf16=True)) and not advice(FAKE, dict(precision='fp32', bf16=False))


def test_estimates_are_samples_over_rate():
    assert estimates(rate=50, samples_per_epoch=6000, epochs=20) == dict(epoch_seconds=120, schedule_seconds=2400)


def test_the_typical_run_is_a_median_whose_parts_add_up():
    runs = [dict(a=1.0, b=9.0), dict(a=100.0, b=100.0), dict(a=5.0, b=6.0)]
    assert typical(runs) == dict(a=5, b=6)
    assert typical(runs[:2]) == dict(a=50.5, b=54.5) and typical(runs[:1]) == dict(a=1, b=9)
    assert mean_of([dict(a=2.0), dict(a=4.0, b=6.0)]) == dict(a=3, b=3)


def test_parts_that_go_over_the_weights_count_once_for_a_full_batch():
    iteration = dict(forward=40.0, optimiser=40.0, **{AROUND: 20.0})
    assert per_sample(iteration, size=4, full=20) == dict(forward=10, optimiser=2, **{AROUND: 1})


def test_the_batch_that_is_timed_fits_the_time():
    assert affordable(10.0, full=30, seconds=2) == 30  # 4 x 30 x 10 ms
    assert affordable(100.0, full=30, seconds=2) == 5
    assert affordable(1e5, full=30, seconds=2) == 2 and affordable(1e5, full=1, seconds=2) == 1


def test_the_rate_of_a_loader_leaves_out_the_batches_that_were_ready():
    meter = RateMeter(skip=2, seconds=4)
    for now in (0.0, 0.001, 0.002, 1.002, 2.002, 3.002, 4.002):
        assert not meter.done
        meter.arrived(5, now)
    assert meter.done and meter.rate == pytest.approx(5)


def test_a_loader_too_slow_to_become_steady_still_has_a_rate():
    meter = RateMeter(skip=50, seconds=1)
    for now in (0.0, 3.0, 6.0):
        meter.arrived(6, now)
    assert meter.done and meter.rate == pytest.approx(2)


@pytest.mark.parametrize(
    'seconds, text', [(3.14159, '3.14 seconds'), (150, '2.5 minutes'), (9000, '2.5 hours'), (864000, '10.0 days')]
)
def test_durations_are_told_in_fitting_units(seconds, text):
    assert as_duration(seconds) == text


# --------------------------------------------------------------------------------------------------------- the machine
SOUND = {
    'torch': '2.13.0+cpu (CPU build)',
    'mmcv-lite': '2.1.0',
    'decord': '0.6.0',
    'opencv-python': '5.0.0.93',
    'opencv-contrib-python': '5.0.0.93',
}
ROOMY = dict(
    device='cpu',
    cores=8,
    threads=8,
    omp_num_threads=None,
    core_quota=None,
    disk_free=2**40,
    shared_memory=2**34,
    nvidia_driver=False,
)


def found_traps(found=(), facts=(), **arguments):
    return [trap for trap in traps({**SOUND, **dict(found)}, {**ROOMY, **dict(facts)}, **arguments) if trap.found]


def test_a_sound_machine_has_no_trap():
    assert not found_traps() and not found_traps(torchvision_needs='2.13.0')


@pytest.mark.parametrize(
    'found, facts, remedy',
    [
        ({'opencv-python-headless': '4.8.0'}, {}, 'opencv-python-headless 4.8.0'),
        ({'mmcv': '2.1.0'}, {}, 'folder mmcv'),
        ({'mmcv-lite': '2.2.0'}, {}, 'mmcv-lite>=2.0.1,<2.2'),
        ({'decord2': '3.4.0'}, {}, 'imported as decord'),
        ({'torch': '2.5.1 (CPU build)'}, {}, '2.6'),
        ({}, dict(nvidia_driver=True), 'CUDA build'),
        ({}, dict(core_quota=2.5), 'OMP_NUM_THREADS=2'),
        ({}, dict(omp_num_threads='1', threads=1), '1 of 8 cores'),
        ({}, dict(shared_memory=2**26), '--shm-size'),
        ({}, dict(disk_free=2**20), '--work-dir'),
    ],
)
def test_each_trap_is_found_alone_with_its_remedy(found, facts, remedy):
    (trap,) = found_traps(found, facts)
    assert remedy in trap.remedy


def test_a_torchvision_of_another_torch_is_a_trap():
    (trap,) = found_traps({'torchvision': '0.20.1'}, torchvision_needs='2.5.1')
    assert '0.20.1' in trap.remedy and '2.5.1' in trap.remedy and '2.13.0' in trap.remedy


def test_the_limit_of_a_container_is_read(tmp_path):
    assert core_quota(str(tmp_path)) is None
    (tmp_path / 'cpu').mkdir()
    for name, value in (('quota', -1), ('period', 100000)):
        (tmp_path / 'cpu' / f'cpu.cfs_{name}_us').write_text(f'{value}\n')
    assert core_quota(str(tmp_path)) is None
    (tmp_path / 'cpu' / 'cpu.cfs_quota_us').write_text('50000\n')
    assert core_quota(str(tmp_path)) == 0.5
    (tmp_path / 'cpu.max').write_text('250000 100000\n')
    assert core_quota(str(tmp_path)) == 2.5
    (tmp_path / 'cpu.max').write_text('max 100000\n')
    assert core_quota(str(tmp_path)) is None


def test_versions_and_repairs_are_those_of_this_process():
    assert versions()['mmengine'] == importlib.metadata.version('mmengine') and torch.__version__ in versions()['torch']
    assert set(repairs()) == set(compat.applied)
    assert 'mmaction2#2714' in repairs().get('stub_missing_drn', 'mmaction2#2714')
    assert all(reason and '``' not in reason and '\n' not in reason for reason in repairs().values())
    assert 1 <= machine()['cores'] <= os.cpu_count()


# ------------------------------------------------------------------------------------------------------- measured, small
@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp('videos')
    write_moving_shapes(folder, num_train=6, num_test=2, size=64, num_frames=32, num_classes=2, workers=1)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob('*.mp4'))
    (folder / 'some.txt').write_text(''.join(f'{name} 0\n' for name in names))
    (folder / 'videos' / 'broken video.mp4').write_bytes(b'no video')
    (folder / 'with_broken.txt').write_text(''.join(f'{name}\n' for name in [*names[:3], 'videos/broken video.mp4']))
    (folder / 'only_broken.txt').write_text('videos/broken video.mp4\n')
    return folder


@pytest.fixture(scope='module')
def aux_skd(tmp_path_factory):
    """auxSKD with a sixteenth of the width and small clips."""
    path = tmp_path_factory.mktemp('configs') / 'tiny.py'
    path.write_text(f"""_base_ = ['{LAPTOP / 'aux-skd_r3d-10_16x1x1-64px-20e_videos-rgb.py'}']
model = dict(backbone=dict(base_channels=4), necks=dict(projection=dict(in_channels=32)))
train_pipeline = _base_.train_pipeline
train_pipeline[3]['transforms'][0]['scale'] = (40, 36)
train_pipeline[3]['transforms'][1]['size'] = 32
train_dataloader = dict(batch_size=2, dataset=dict(dataset=dict(pipeline=train_pipeline)))
""")
    return str(path)


def run(capsys, *arguments):
    doctor.main(list(map(str, arguments)))
    return ' '.join(capsys.readouterr().out.split())


@pytest.fixture(scope='module')
def measured(aux_skd, videos, tmp_path_factory):
    """Report and output of one measurement on a list with a broken video, from an empty folder."""
    folder = tmp_path_factory.mktemp('from_here')
    before = os.getcwd()
    threads = torch.get_num_threads()
    os.chdir(folder)
    try:
        torch.set_num_threads(1)
        args = doctor.parse_args(
            [aux_skd, '--data-root', str(videos), '--ann-file', 'with_broken.txt', '--seconds', '2']
        )
        console = doctor.Console(width=200, record=True, file=open(os.devnull, 'w'))
        report = doctor.diagnose(args, console)
        return report, console.export_text(), sorted(folder.rglob('*'))
    finally:
        os.chdir(before)
        torch.set_num_threads(threads)


def test_every_section_is_printed(measured):
    text = measured[1]
    for heading in (
        'versions',
        'machine',
        'repaired in this process',
        'known traps',
        'data, ms per sample',
        'from the disk',
        'training step, ms per sample',
        'samples/s',
        'the wall:',
        'time:',
        'peak memory:',
        'what to change:',
    ):
        assert heading in text
    for part in (
        'VideoReaderInit',
        'SampleSegmentPace',
        'DecodeClips',
        'EachClip: Resize',
        'EachClip: Flip',
        'PackClips',
        'transfer',
        'forward',
        'backward',
        'optimiser',
        'teacher, bank and hooks',
    ):
        assert part in text


def test_parts_add_up_to_the_whole_and_rates_follow_from_them(measured):
    report = measured[0]['measurement']
    timings, data, step, rates = report['timings'], report['data'], report['step'], report['rates']
    assert min(timings['data'].values()) > -1e-3 and min(timings['step'].values()) > -1e-3
    assert sum(timings['data'].values()) == pytest.approx(data['sample_ms'])
    assert data['sample_ms'] + timings['collate'] + timings['reading'] == pytest.approx(data['data_ms'])
    assert sum(timings['step'].values()) == pytest.approx(step['step_ms'])
    assert rates['training_computed'] == pytest.approx(1e3 / (data['data_ms'] + step['step_ms']))
    assert rates['data'][0] == pytest.approx(1e3 / data['data_ms']) and rates['step'] == pytest.approx(
        1e3 / step['step_ms']
    )
    assert set(timings['data']) - {'everything else'} == set(timings['groups']) - {'everything else'}
    rate = rates['training_measured'] or rates['training_computed']
    estimate = report['estimate']
    assert estimate['samples_per_epoch'] == 40 and estimate['epochs'] == 20  # ten draws of each of the four
    assert estimate['epoch_seconds'] == pytest.approx(40 / rate)
    assert estimate['schedule_seconds'] == pytest.approx(20 * estimate['epoch_seconds'])


def test_the_measurement_knows_the_videos_and_names_the_broken_one(measured):
    data = measured[0]['measurement']['data']
    assert data['clip'] == (16, 32, 32) and data['clips'] == 2 and data['file_size'] == (64, 64)
    assert data['videos_in_list'] == 4 and data['videos_measured'] == 3 and 16 <= data['frames'] <= 32
    (line,) = data['unreadable']
    assert 'broken video.mp4' in line and 'broken video.mp4' in measured[1]
    assert data['reading']['bytes'] > 0 and data['reading']['cold_ms'] > 0


def test_nothing_is_written_where_training_would_write(measured):
    assert measured[2] == []


def test_the_report_is_plain_values(measured):
    back = json.loads(json.dumps(measured[0]))
    assert back['versions']['videossl'] and back['traps'] and back['measurement']['wall']['side'] in ('data', 'step')


def test_fine_tuning_is_measured_too_and_written_as_json(capsys, videos, tmp_path):
    text = run(
        capsys,
        LAPTOP / 'finetune_r3d-10_16x1x1-64px-20e_videos-rgb.py',
        '--data-root',
        videos,
        '--ann-file',
        'some.txt',
        '--seconds',
        '1',
        '--json',
        tmp_path / 'report.json',
        '--cfg-options',
        'model.backbone.base_channels=4',
        'model.cls_head.in_channels=32',
        'train_dataloader.batch_size=2',
    )
    report = json.loads((tmp_path / 'report.json').read_text())
    assert 'SampleFrames' in text and 'SampleFrames' in report['measurement']['timings']['data']
    assert report['measurement']['step']['full_batch'] == 2
    assert [path.name for path in tmp_path.iterdir()] == ['report.json']


def test_without_a_config_the_machine_alone_is_described(capsys):
    text = run(capsys)
    assert 'mmaction2' in text and 'repaired in this process' in text and 'known traps' in text
    assert 'training step, ms' not in text and 'the wall:' not in text


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['configs/laptop/vspp_r3d-10_16x1x1-64px-20e_videos-rgp.py'], 'did you mean'),
        (
            [
                str(LAPTOP / 'vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py'),
                '--cfg-options',
                'train_dataloader.bach_size=2',
            ],
            'did you mean "batch_size"',
        ),
        ([str(LAPTOP / 'vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py'), '--data-root', 'nowhere'], 'nowhere'),
        (['--data-root', 'somewhere'], '--data-root needs a config'),
        (['--cfg-options', 'a=1'], '--cfg-options needs a config'),
        (['--seconds', '0.1'], '--seconds must be at least'),
        (['--json', 'no/such/folder/report.json'], '--json: there is no folder'),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_message_alone(arguments, message, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, 'argv', ['doctor.py', *arguments])
    with pytest.raises(SystemExit) as error:
        doctor.command()
    told = capsys.readouterr().err
    assert error.value.code == 1 and message in told and 'Traceback' not in told


def test_a_list_of_broken_videos_alone_ends_with_their_names(aux_skd, videos, capsys):
    with pytest.raises(ConfigError, match='broken video.mp4|videos that were tried cannot be read'):
        doctor.main([aux_skd, '--data-root', str(videos), '--ann-file', 'only_broken.txt', '--seconds', '1'])


def test_a_run_counted_in_iterations_with_workers_is_measured_and_its_schedule_told(
    capsys, videos, tmp_path, monkeypatch
):
    """Two workers on however few cores, so that their part of the report is there."""
    monkeypatch.setattr(
        launch,
        'share_cores',
        lambda loader, name, asked=False: loader.update(num_workers=2, pin_memory=False) or torch.get_num_threads(),
    )
    config = tmp_path / 'three_iterations.py'
    config.write_text(
        f"_base_ = ['{LAPTOP / 'vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py'}']\n"
        "train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=3)\n"
    )
    text = run(
        capsys,
        config,
        '--data-root',
        videos,
        '--ann-file',
        'some.txt',
        '--seconds',
        '1',
        '--json',
        tmp_path / 'report.json',
        '--cfg-options',
        'model.backbone.base_channels=4',
        'model.heads.speed.in_channels=32',
        'model.heads.segment.in_channels=32',
        'train_dataloader.batch_size=2',
    )
    report = json.loads((tmp_path / 'report.json').read_text())['measurement']
    assert report['timings']['loader_rate'] > 0 and report['timings']['together_rate'] > 0
    assert report['estimate']['epochs'] == pytest.approx(3 / 40)  # of ten draws of eight videos in batches of two
    assert report['estimate']['samples_per_epoch'] == 80
    assert 'data, 2 workers (as training does here)' in text and 'both, with the real loader' in text


# ----------------------------------------------------------------------------------------------------- how it is measured
def loader_of(videos, ann_file='some.txt'):
    pipeline = [
        dict(type='DecordInit'),
        dict(type='SampleFrames', clip_len=4, frame_interval=1, num_clips=2),
        dict(type='DecodeClips'),
        dict(type='EachClip', transforms=[dict(type='Flip'), dict(type='Flip'), dict(type='RandomGray')]),
        dict(type='PackClips'),
    ]
    dataset = VideoDataset(ann_file, pipeline, data_root=str(videos))
    return torch.utils.data.DataLoader(dataset, 3, collate_fn=lambda batch: batch)


def test_watching_changes_no_sample_and_leaves_the_pipeline_as_it_was(videos):
    dataset = loader_of(videos).dataset
    before = list(dataset.pipeline.transforms)

    def sample():
        np.random.seed(3)
        return dataset[1]['inputs']

    expected, stopwatch = sample(), Stopwatch()
    with watched(dataset, stopwatch):
        assert torch.equal(sample(), expected)
    assert all(now is then for now, then in zip(dataset.pipeline.transforms, before, strict=True))
    assert list(stopwatch.times) == [
        'DecordInit',
        'SampleFrames',
        'DecodeClips',
        'EachClip: Flip',
        'EachClip: Flip (2)',
        'EachClip: RandomGray',
        'EachClip',
        'PackClips',
    ]
    assert min(stopwatch.times.values()) > 0 and stopwatch.attempts == 1
    assert stopwatch.seen['filename'].endswith('.mp4') and stopwatch.seen['file_size'] == (64, 64)
    assert stopwatch.groups['EachClip: Flip'] == 'augment' and stopwatch.groups['PackClips'] == 'pack'
    stopwatch.start()
    sample()
    assert not stopwatch.times  # nothing is watched any more


def test_samples_are_made_in_one_thread_which_is_undone(videos):
    torch.set_num_threads(2)
    seen = []
    loader = loader_of(videos)
    loader.dataset.pipeline.transforms.append(lambda results: seen.append(torch.get_num_threads()) or results)
    times = time_samples(loader, 0.2, Unreadable())
    assert set(seen) == {1} and torch.get_num_threads() == 2
    assert len(times.samples) == len(times.files) and times.rounds > 1


def test_a_broken_video_is_left_out_however_often_it_is_drawn(videos):
    loader = loader_of(videos, ann_file='with_broken.txt')  # no sampler that numbers its draws, and no log to filter
    times = time_samples(loader, 0.3, Unreadable())
    assert times.files and not any('broken' in path for path in times.files)


def test_data_sets_are_found_inside_wrappers():
    class Wrapper:
        def __init__(self, **content):
            vars(self).update(content)

    first, second = Wrapper(), Wrapper()
    assert leaves(Wrapper(datasets=[Wrapper(dataset=first), second])) == [first, second] and leaves(first) == [first]


def test_a_loader_without_an_end_goes_on_over_the_epochs(videos):
    batches = iter(endless_loader(loader_of(videos), 3))
    assert sum(len(next(batches)) for _ in range(4)) == 12  # of 8 videos


def test_reading_gives_both_times_and_the_size(tmp_path):
    (tmp_path / 'a').write_bytes(bytes(3 * 2**20 + 1))
    found = time_reading([str(tmp_path / 'a')], 1.0)
    assert found['bytes'] == 3 * 2**20 + 1 and found['cold_ms'] > 0 and found['cached_ms'] > 0
    assert time_reading([], 1.0) is None


def test_the_tool_lists_versions_even_where_videossl_cannot_be_imported(tmp_path):
    (tmp_path / 'videossl').mkdir()
    (tmp_path / 'videossl' / '__init__.py').write_text("raise ImportError('mmcv is too new')")
    environment = dict(os.environ, PYTHONPATH=str(tmp_path))
    ended = subprocess.run(
        [sys.executable, str(ROOT / 'tools' / 'doctor.py')],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1 and 'mmcv is too new' in ended.stderr and 'Traceback' not in ended.stderr
    assert f'mmengine        {importlib.metadata.version("mmengine")}' in ended.stdout
