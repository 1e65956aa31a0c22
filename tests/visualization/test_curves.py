"""Curves are read as mmengine's visualiser writes them, and drawn without a display."""

import json

import cv2
import pytest

from videossl.visualization import plot_curves, read_scalars


def write_run(work_dir, name, entries, cut_off=''):
    folder = work_dir / name / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text(''.join(json.dumps(entry) + '\n' for entry in entries) + cut_off)


def test_a_resumed_run_is_one_curve_with_the_newest_entry_of_each_step(tmp_path):
    write_run(tmp_path, '20250101_120000', [dict(loss=3.0, step=1), dict(loss=2.0, step=2), dict(loss=9.0, step=3)])
    write_run(tmp_path, '20250101_130000', [dict(loss=1.0, step=3), dict(loss=0.5, step=4)])
    points = [(entry['step'], entry['loss']) for entry in read_scalars(tmp_path)]
    assert points == [(1, 3.0), (2, 2.0), (3, 1.0), (4, 0.5)]


@pytest.mark.parametrize('cut_off', ['{"loss": 1.0, "st', '{', '\0\0\0', '{"loss": 1.0, "step": 2, "acc_speed": 0.'])
def test_the_cut_off_last_line_of_a_killed_run_is_ignored(tmp_path, cut_off):
    write_run(tmp_path, '20250101_120000', [dict(loss=3.0, step=1)], cut_off)
    assert [entry['step'] for entry in read_scalars(tmp_path)] == [1]


def test_entries_of_tests_are_no_part_of_the_training_curve(tmp_path):
    write_run(tmp_path, '20250101_120000', [dict(loss=3.0, step=1)])
    write_run(tmp_path, '20250101_130000', [{'acc/top1': 0.5, 'step': 0}])
    assert [entry['step'] for entry in read_scalars(tmp_path)] == [1]


def test_a_folder_without_a_run_has_no_scalars(tmp_path):
    assert read_scalars(tmp_path) == [] and read_scalars(tmp_path / 'missing') == []


@pytest.mark.parametrize(
    'runs',
    [
        {},
        dict(aux=[]),
        dict(vspp=[dict(step=1, loss=1.0, acc_speed=0.2), dict(step=2, loss=0.5, acc_speed=0.4)], aux=[dict(step=1)]),
        dict(diverged=[dict(step=1, loss=float('nan'), acc_speed=float('nan'))]),
    ],
)
def test_a_picture_is_written_whatever_was_logged(tmp_path, recwarn, runs):
    plot_curves(runs, tmp_path / 'curves.png', dict(acc_speed=0.25))
    assert cv2.imread(str(tmp_path / 'curves.png')) is not None
    assert not recwarn.list


def test_an_accuracy_of_an_unknown_head_gets_a_panel_of_its_own(tmp_path):
    known = dict(step=1, loss=1.0, acc_speed=0.2)
    plot_curves(dict(vspp=[known]), tmp_path / 'one.png')
    plot_curves(dict(vspp=[dict(known, acc_rotation=0.3)]), tmp_path / 'two.png')
    one, two = (cv2.imread(str(tmp_path / name)) for name in ('one.png', 'two.png'))
    assert two.shape[1] == 2 * one.shape[1]


def test_more_than_three_panels_stand_in_rows_of_three(tmp_path):
    shapes = {}
    for number in (3, 4, 6, 7):
        path = tmp_path / f'{number}.png'
        plot_curves(dict(run=[dict(step=1, **{f'acc_{head}': 0.5 for head in range(number)})]), path)
        shapes[number] = cv2.imread(str(path)).shape[:2]
    height, width = shapes[3]
    assert shapes[4] == shapes[6] == (2 * height, width)
    assert shapes[7] == (3 * height, width)


def test_what_the_evaluation_hook_measured_is_on_the_curve_at_its_step(tmp_path):
    write_run(
        tmp_path,
        '20250101_120000',
        [
            dict(loss=3.0, step=1),
            {'epoch': 1, 'eval/R@1': 0.25, 'eval/knn_top1': 0.5, 'step': 2},
            dict(loss=2.0, step=2),
            {'epoch': 2, 'eval/R@1': 0.75, 'eval/knn_top1': 0.625, 'step': 3},
        ],
    )
    entries = read_scalars(tmp_path)
    assert [(entry['step'], entry.get('loss'), entry.get('eval/R@1')) for entry in entries] == [
        (1, 3.0, None),
        (2, 2.0, 0.25),
        (3, None, 0.75),
    ]
    plot_curves(dict(hook=entries), tmp_path / 'curves.png', keys=['eval/knn_top1', 'eval/R@1'])
    assert cv2.imread(str(tmp_path / 'curves.png')) is not None
    with pytest.raises(ValueError, match='eval/knn_top5; they have .*loss.*eval/R@1, eval/knn_top1'):
        plot_curves(dict(hook=entries), tmp_path / 'curves.png', keys=['eval/knn_top5'])
