"""The benchmarks run as they stand, on small data; what they share computes what it says."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / 'benchmarks'
SCRIPTS = sorted(path.name for path in FOLDER.glob('*.py') if '__main__' in path.read_text(encoding='utf-8'))
IN_FP32 = {
    'auxiliary_step.py',
    'bank_size.py',
    'feature_extraction.py',
    'files_against_memory.py',
    'step_profile.py',
    'training_step.py',
}
QUICK = ('auxiliary_step.py',)  # always tried, the others with the slow tests


@pytest.fixture
def shared(monkeypatch) -> None:
    """Lets a test import the files of benchmarks/, as the scripts do."""
    monkeypatch.syspath_prepend(str(FOLDER))


@pytest.mark.parametrize(
    'script', [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in SCRIPTS]
)
def test_benchmark_ends_well_and_prints_a_ratio_or_a_table(script, tmp_path):
    ran = subprocess.run(
        [sys.executable, str(FOLDER / script), '--quick'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=220,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    rows_of_figures = re.findall(r'^.*\d\.\d.*\d\.\d.*$', ran.stdout, re.MULTILINE)
    assert re.search(r'ratio \d+\.\d+ \(\d+\.\d+ to \d+\.\d+\)', ran.stdout) or len(rows_of_figures) >= 3, ran.stdout
    assert 'nan' not in ran.stdout.split()


def test_the_scripts_that_are_always_tried_are_there():
    assert set(QUICK) <= set(SCRIPTS)


@pytest.mark.skipif(shutil.which('make') is None, reason='there is no make')
def test_make_bench_runs_every_script_and_nothing_else_and_those_that_train_in_fp32_too():
    planned = subprocess.run(['make', '-n', 'bench'], cwd=ROOT, capture_output=True, text=True, timeout=60).stdout
    named = shlex.split(re.search(r'for script in (.*); do', planned).group(1))
    once, twice = named[: len(SCRIPTS)], named[len(SCRIPTS) :]
    assert once == [f'benchmarks/{script}' for script in SCRIPTS]
    assert twice == [f'benchmarks/{script} --precision fp32' for script in SCRIPTS if script in IN_FP32]


def test_make_bench_fails_when_a_script_fails_and_runs_the_others_all_the_same(tmp_path):
    loop = (ROOT / 'Makefile').read_text().split('bench: $(STAMP)')[1].split('\n\n')[0]
    recipe = loop.partition('\n')[2].replace('@failed', 'failed').replace('$$', '$')
    recipe = recipe.replace('$(BENCHMARKS)', 'bad.py good.py').replace(
        "$(IN_FP32:%='% --precision fp32')", "'good.py again'"
    )
    recipe = recipe.replace('$(VENV)/bin/python', f'"{sys.executable}"')
    (tmp_path / 'bad.py').write_text('raise SystemExit(3)')
    (tmp_path / 'good.py').write_text('import sys; print("a", "figure", *sys.argv[1:])')
    ran = subprocess.run(
        ['bash', '-c', recipe.replace('$(BENCH_ARGS)', '--quick')], cwd=tmp_path, capture_output=True, text=True
    )
    assert ran.returncode == 1 and 'failed: bad.py\n' in ran.stdout
    assert 'a figure --quick' in ran.stdout and 'a figure again --quick' in ran.stdout


def test_ratios_are_of_neighbours_and_the_median_stands_first(shared):
    from measuring import ratios, take_turns, with_spread

    slow, fast = [(4.0, 9.0), (6.0, 9.0), (5.0, 9.0)], [(2.0, 3.0), (2.0, 1.0), (1.0, 9.0)]
    assert ratios(slow, fast) == [2.0, 3.0, 5.0]
    assert ratios(slow, fast, 1) == [3.0, 9.0, 1.0]
    assert with_spread(ratios(slow, fast)) == '3.00 (2.00 to 5.00)'
    turns = []
    spent = take_turns({'a': lambda run: turns.append(('a', run)), 'b': lambda run: turns.append(('b', run))}, 2)
    assert turns == [('a', 0), ('b', 0), ('a', 1), ('b', 1)]
    assert {name: len(pairs) for name, pairs in spent.items()} == dict(a=2, b=2)


def test_multiplications_are_those_of_the_net_forward_and_backward(shared):
    from training_runs import gigamacs

    net = torch.nn.Sequential(torch.nn.Conv3d(3, 5, (3, 1, 1), bias=False), torch.nn.Conv3d(5, 7, 1, bias=False))
    one, two = 3 * 3 * 5 * 2 * 4 * 4, 5 * 7 * 2 * 4 * 4  # at 2 x 4 x 4 positions
    assert gigamacs(net, (3, 4, 4, 4), backward=False) == pytest.approx((one + two) / 1e9)
    assert gigamacs(net, (3, 4, 4, 4)) == pytest.approx((2 * one + 3 * two) / 1e9)  # clips need no gradient
    assert net[0].weight.device.type == 'cpu' and net[0].weight.requires_grad


def test_the_profile_finds_kinds_multiplications_and_bytes(shared):
    from step_profile import ADDITIONS, MULTIPLY, PRODUCTS, Ledger

    clips, weight = torch.randn(2, 3, 4, 5, 5), torch.randn(7, 3, 1, 1, 1, requires_grad=True)
    with Ledger() as ledger:
        outputs = torch.nn.functional.conv3d(clips, weight)
        (outputs + outputs).sum().backward()
        torch.zeros(2, 3).addmm_(torch.ones(2, 4), torch.ones(4, 3))
    forward, backward, _ = MULTIPLY
    assert ledger.gmac[forward] == ledger.gmac[backward] == pytest.approx(2 * 100 * 3 * 7 / 1e9)
    assert ledger.gmac[PRODUCTS] == pytest.approx(2 * 4 * 3 / 1e9)
    assert ledger.gigabytes[ADDITIONS] >= 3 * outputs.nbytes / 1e9
    assert min(ledger.seconds.values()) > 0


def test_plain_port_turns_hues_as_the_colour_circle_has_them(shared):
    from training_step import hue_shifted, jittered

    red = Image.fromarray(np.full((2, 2, 3), (255, 0, 0), np.uint8))
    assert np.abs(np.asarray(hue_shifted(red, 1 / 3)).astype(int) - (0, 255, 0)).max() <= 3
    assert np.array_equal(hue_shifted(red, 1.0), red)
    grey = Image.fromarray(np.full((2, 2, 3), 90, np.uint8))
    assert np.array_equal(hue_shifted(grey, 0.2), grey)
    assert np.array_equal(jittered(red, brightness=0, contrast=0, saturation=0, hue=0), red)


@pytest.fixture(scope='module')
def videos(tmp_path_factory) -> Path:
    sys.path.insert(0, str(FOLDER))
    try:
        from rendered_videos import render_videos
    finally:
        sys.path.remove(str(FOLDER))
    folder = tmp_path_factory.mktemp('videos')
    render_videos(folder, 1, 64)
    return folder


def test_plain_port_reads_the_clips_of_the_shipped_config(shared, videos):
    from training_step import CONFIGS, plain_dataset

    from videossl.datasets import VideoDataset

    dataset = plain_dataset(CONFIGS['R3D-10'][0], videos)
    assert dataset.jitter['probability'] == 0.8 and dataset.jitter['hue'] == 0.2
    dataset.jitter = dict(probability=0)
    dataset.crop = 112
    np.random.seed(3)
    clip, speed, segment = dataset[0]
    assert clip.shape == (3, 16, 112, 112) and clip.dtype == torch.float32
    # The same frames, resized by OpenCV and cut at the same place.
    np.random.seed(3)
    labels = dataset.sampler(dict(total_frames=64, start_index=0))
    left, top = np.random.randint(171 - 112 + 1), np.random.randint(128 - 112 + 1)
    flip = np.random.random() < 0.5
    ours = VideoDataset(
        data_root=str(videos),
        pipeline=[
            dict(type='DecordInit'),
            lambda results: {**results, **labels},
            dict(type='DecodeClips', scale=(171, 128)),
            dict(type='PackClips'),
        ],
    )[0]
    pixels = ours['inputs'][0, :, :, top : top + 112, left : left + 112].float()
    pixels = pixels.flip(-1) if flip else pixels
    assert (speed, segment) == (int(labels['gt_speed'][0]), int(labels['gt_segment'][0]))
    mean, std = (torch.tensor(values)[:, None, None, None] for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    # Pillow averages over more pixels when it shrinks, OpenCV interpolates between the nearest.
    assert ((clip * std + mean) * 255 - pixels).abs().mean() < 6
