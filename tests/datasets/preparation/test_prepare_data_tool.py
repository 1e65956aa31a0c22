"""The tool as its users run it: what it prints and writes, and that training reads what it wrote."""

import os
import runpy
import shutil
from pathlib import Path

import pytest
from mmengine.config import Config

from videossl.apis.preparation.prepare import main
from videossl.compat import config_directory
from videossl.datasets import VideoDataset, read_annotations
from videossl.datasets.preparation import kinetics100
from videossl.errors import UserError

ROOT = Path(__file__).resolve().parents[3]
UCF_CLASSES = ['Surfing', 'Archery']
PIPELINE = [
    dict(type='DecordInit'),
    dict(type='SampleFrames', clip_len=4, frame_interval=1, num_clips=1, test_mode=True),
    dict(type='DecodeClips'),
    dict(type='PackClips'),
]


def write(path, content='x'):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding='utf-8')
    return path


def run(capsys, *arguments):
    main([str(argument) for argument in arguments])
    return capsys.readouterr().out


def refused(*arguments):
    with pytest.raises((UserError, OSError)) as stopped:
        main([str(argument) for argument in arguments])
    return str(stopped.value)


def state(folder):
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob('*')}


def lists_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file())


@pytest.fixture
def ucf101(tmp_path, good_videos):
    """A folder laid out as the configs expect: annotations/, videos/ with two of four videos of each split."""
    root = tmp_path / 'data' / 'ucf101'
    write(root / 'annotations' / 'classInd.txt', '1 Surfing\n2 Archery\n')
    for split in (1, 2, 3):
        for name, parts in (('train', (1, 2, 3)), ('test', (1, 2, 3))):
            lines = [
                f'{one}/v_{one}_g0{group}_c01.avi'
                for one in UCF_CLASSES
                for group in parts
                if (group == split) == (name == 'test')
            ]
            write(root / 'annotations' / f'{name}list0{split}.txt', '\n'.join(lines) + '\n')
    for number, video in enumerate(
        ('Archery/v_Archery_g01_c01', 'Archery/v_Archery_g02_c01', 'Surfing/v_Surfing_g03_c01')
    ):
        target = root / 'videos' / f'{video}.mp4'
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(good_videos / f'{number}.mp4', target)
    return root


def test_training_reads_the_lists_with_the_right_labels(ucf101, capsys):
    before = state(ucf101 / 'videos')
    run(capsys, 'ucf101', '--out', ucf101)
    assert state(ucf101 / 'videos') == before
    config = Config.fromfile(os.path.join(config_directory(), '_base_', 'datasets', 'videos.py')).ucf101.train
    dataset = VideoDataset(
        config.ann_file, PIPELINE, config.data_prefix, num_classes=2, data_root=str(ucf101), test_mode=True
    )
    dataset.full_init()
    samples = [
        (os.path.basename(dataset.get_data_info(index)['filename']), dataset.get_data_info(index)['label'])
        for index in range(len(dataset))
    ]
    assert samples == [('v_Surfing_g03_c01.mp4', 0), ('v_Archery_g02_c01.mp4', 1)]
    packed = dataset[1]
    assert packed['inputs'].shape == (1, 3, 4, 64, 64)
    assert int(packed['data_samples'].gt_label) == 1


def test_counts_stand_beside_the_published_ones_and_missing_videos_are_named(ucf101, capsys):
    printed = run(capsys, 'ucf101', '--out', ucf101)
    assert [line.split() for line in printed.splitlines()[:3]] == [
        ['list', 'videos', 'missing', 'published'],
        ['ucf101_train_split_1_videos', '2', '2', '9,537'],
        ['ucf101_val_split_1_videos', '1', '1', '3,783'],
    ]
    assert 'name 6 videos of 2 classes; published: 13,320 of 101' in printed
    missing = ['Surfing/v_Surfing_g02_c01.avi', 'Archery/v_Archery_g03_c01.avi', 'Surfing/v_Surfing_g01_c01.avi']
    assert '3 videos are missing:\n' + ''.join(f'  {video}\n' for video in missing) in printed
    lines = (ucf101 / 'missing.txt').read_text().splitlines()
    assert len(lines) == 3 * 3  # each video is in one part of each split
    assert 'ucf101_train_split_1_videos Surfing/v_Surfing_g02_c01.avi' in lines
    assert (ucf101 / 'classes.txt').read_text() == 'Surfing\nArchery\n'
    assert f'written to {ucf101}' in printed


def test_when_missing_videos_arrive_the_same_command_completes_the_lists(ucf101, capsys):
    run(capsys, 'ucf101', '--out', ucf101)
    for video in ('Surfing/v_Surfing_g01_c01', 'Surfing/v_Surfing_g02_c01', 'Archery/v_Archery_g03_c01'):
        write(ucf101 / 'videos' / f'{video}.avi')
    assert 'missing:' not in run(capsys, 'ucf101', '--out', ucf101)
    assert not (ucf101 / 'missing.txt').exists()
    assert len(read_annotations(str(ucf101 / 'ucf101_train_split_1_videos.txt'))) == 4


def test_only_twenty_missing_videos_are_printed(tmp_path, capsys):
    for split in (1, 2, 3):
        write(
            tmp_path / 'annotations' / f'run_test_split{split}.txt',
            ''.join(f'{n:02d}.avi {1 + n % 2}\n' for n in range(30)),
        )
    write(tmp_path / 'videos' / 'run' / '00.avi')
    printed = run(capsys, 'hmdb51', '--out', tmp_path)
    assert '29 videos are missing' in printed and 'and 9 more, all named in missing.txt' in printed
    assert printed.count('  run/') == 20
    assert len((tmp_path / 'missing.txt').read_text().splitlines()) == 3 * 29
    assert 'hmdb51_val_split_1_videos is not written, as none of its videos is there' in printed
    assert 'hmdb51_val_split_1_videos.txt' not in lists_in(tmp_path)


def test_a_dry_run_writes_nothing(ucf101, capsys):
    before = state(ucf101)
    printed = run(capsys, 'ucf101', '--out', ucf101, '--dry-run')
    assert 'nothing was written' in printed and '3 videos are missing' in printed
    run(
        capsys,
        'ucf101',
        '--annotations',
        ucf101 / 'annotations',
        '--videos',
        ucf101 / 'videos',
        '--out',
        ucf101 / 'new',
        '--dry-run',
    )
    assert state(ucf101) == before


def test_lists_can_be_made_without_the_videos(ucf101, capsys):
    shutil.rmtree(ucf101 / 'videos')
    printed = run(capsys, 'ucf101', '--out', ucf101, '--no-videos')
    assert read_annotations(str(ucf101 / 'ucf101_val_split_2_videos.txt')) == [
        ('Surfing/v_Surfing_g02_c01.avi', 0),
        ('Archery/v_Archery_g02_c01.avi', 1),
    ]
    assert printed.splitlines()[1].split() == ['ucf101_train_split_1_videos', '4', '?', '9,537']
    assert 'name the folder of the videos with --videos' in refused('ucf101', '--out', ucf101)


def test_somebody_elses_list_is_not_replaced_unasked(ucf101, capsys):
    foreign = write(ucf101 / 'ucf101_val_split_1_videos.txt', 'mine 1\n')
    before = state(ucf101)
    assert '--overwrite' in refused('ucf101', '--out', ucf101)
    assert state(ucf101) == before
    run(capsys, 'ucf101', '--out', ucf101, '--overwrite')
    assert foreign.read_text() == 'Archery/v_Archery_g01_c01.mp4 1\n'
    run(capsys, 'ucf101', '--out', ucf101)  # now it is the tool's own


@pytest.fixture
def kinetics400(tmp_path):
    """The 100 classes of the list with a video of 10 bytes each, two with 1000, and two other classes of 20 and 2000;
    folders with spaces."""
    root = tmp_path / 'data' / 'kinetics400'
    for name in (*kinetics100.CLASSES, 'zumba', 'abseiling'):
        size = dict(yawning=1000, applauding=1000, zumba=20, abseiling=2000).get(name, 10)
        write(root / 'videos_train' / name.replace('_', ' ') / f'{name[:4]}_000010_000020.mp4', 'x' * size)
    write(root / 'videos_val' / 'yawning' / 'v.mp4')
    return root


def test_kinetics_400_from_class_folders(kinetics400, capsys):
    printed = run(capsys, 'kinetics400', '--out', kinetics400)
    assert lists_in(kinetics400) == [
        'classes.txt',
        'kinetics400_train_list_videos.txt',
        'kinetics400_val_list_videos.txt',
        'prepared.json',
    ]
    entries = read_annotations(str(kinetics400 / 'kinetics400_train_list_videos.txt'))
    classes = (kinetics400 / 'classes.txt').read_text().splitlines()
    assert len(entries) == len(classes) == 102 and classes == sorted(classes)
    assert ('using segway/usin_000010_000020.mp4', classes.index('using_segway')) in entries
    assert read_annotations(str(kinetics400 / 'kinetics400_val_list_videos.txt')) == [
        ('yawning/v.mp4', classes.index('yawning'))
    ]
    assert 'there are 102 classes, not 400' in printed and '240,436' in printed


def test_kinetics_100_by_the_list(kinetics400, tmp_path, capsys):
    out = tmp_path / 'data' / 'kinetics100'
    printed = run(capsys, 'kinetics100', '--kinetics400', kinetics400, '--out', out)
    assert (out / 'classes.txt').read_text().splitlines() == list(kinetics100.CLASSES)
    entries = read_annotations(str(out / 'kinetics100_train_list_videos.txt'))
    assert sorted(label for _, label in entries) == list(range(100))
    assert ('applauding/appl_000010_000020.mp4', 1) in entries
    assert '32,552' in printed
    # What is printed makes the config find the videos.
    link = next(line for line in printed.splitlines() if 'ln -s' in line).split('ln -s ')[1]
    os.symlink(*link.split())
    config = Config.fromfile(os.path.join(config_directory(), '_base_', 'datasets', 'videos.py')).kinetics100
    dataset = VideoDataset(config.ann_file, [], config.data_prefix, num_classes=100, data_root=str(out))
    assert len(dataset) == 100 and os.path.exists(dataset.get_data_info(99)['filename'])
    again = run(capsys, 'kinetics100', '--kinetics400', kinetics400, '--out', out)
    assert 'videos_val: ln -s' in again and 'videos_train: ln -s' not in again


def test_kinetics_100_by_size_says_how_it_differs_from_the_list(kinetics400, tmp_path, capsys):
    printed = run(capsys, 'kinetics100', '--by', 'size', '--kinetics400', kinetics400, '--out', tmp_path / 'out')
    classes = (tmp_path / 'out' / 'classes.txt').read_text().splitlines()
    # 98 classes of 10 bytes, zumba with 20, and of two with 1000 the alphabetically first.
    assert set(classes) == set(kinetics100.CLASSES) - {'yawning'} | {'zumba'} and classes == sorted(classes)
    assert 'share 99 with the list of auxSKD; only here: zumba; only in the list: yawning' in printed
    shutil.rmtree(kinetics400 / 'videos_train' / 'abseiling')
    for name in ('drawing', 'zumba'):
        shutil.rmtree(kinetics400 / 'videos_train' / name)
    assert 'cannot be chosen from 99' in refused(
        'kinetics100', '--by', 'size', '--kinetics400', kinetics400, '--out', tmp_path / 'out'
    )


def test_kinetics_from_csv_files_without_class_folders(tmp_path, capsys):
    rows = [
        'label,youtube_id,time_start,time_end,split',
        'yawning,A,0,10,train',
        '"air drumming",B,5,15,train',
        'zumba,C,0,10,train',
        'yawning,A,0,10,train',
    ]
    csv_file = write(tmp_path / 'train.csv', '\n'.join(rows))
    write(tmp_path / 'in' / 'A_000000_000010.mp4')
    write(tmp_path / 'in' / 'B.mp4')
    printed = run(capsys, 'kinetics400', '--train-csv', csv_file, '--train-videos', tmp_path / 'in', '--out', tmp_path)
    assert (tmp_path / 'kinetics400_train_list_videos.txt').read_text() == 'A_000000_000010.mp4 1\nB.mp4 0\n'
    assert (tmp_path / 'classes.txt').read_text().split() == ['air_drumming', 'yawning', 'zumba']
    assert (tmp_path / 'missing.txt').read_text() == 'kinetics400_train_list_videos zumba/C_000000_000010.mp4\n'
    assert '1 row repeats another one' in printed and '1 class has no training video: zumba' in printed
    printed = run(capsys, 'kinetics400', '--train-csv', csv_file, '--no-videos', '--out', tmp_path / 'other')
    assert (
        'air_drumming/B_000005_000015.mp4 0\n' in (tmp_path / 'other' / 'kinetics400_train_list_videos.txt').read_text()
    )
    assert '--train-csv' in refused('kinetics400', '--train-videos', tmp_path / 'in', '--out', tmp_path / 'third')
    assert '--train-videos' in refused('kinetics400', '--out', tmp_path / 'third')


def test_something_v1_frames_are_refused(tmp_path):
    write(tmp_path / 'annotations' / 'something-something-v1-labels.csv', 'Holding something\n')
    for part in ('train', 'validation'):
        write(tmp_path / 'annotations' / f'something-something-v1-{part}.csv', f'{len(part)};Holding something\n')
    write(tmp_path / 'videos' / '5' / '00001.jpg')
    assert 'ffmpeg' in refused('something-v1', '--out', tmp_path)
    write(tmp_path / 'encoded' / '5.mp4')
    main(['something-v1', '--out', str(tmp_path), '--videos', str(tmp_path / 'encoded')])
    assert (tmp_path / 'sthv1_train_list_videos.txt').read_text() == '5.mp4 0\n'


def test_a_folder_is_divided_and_read_by_training(tmp_path, good_videos, capsys):
    names = ['with space/käse g1 a.mp4', 'with space/g2 b.mp4', 'böse/g1 c.mp4', 'böse/g2 d.mp4']
    for number, name in enumerate(names):
        (tmp_path / 'in' / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(good_videos / f'{number}.mp4', tmp_path / 'in' / name)
    printed = run(
        capsys,
        'folder',
        tmp_path / 'in',
        '--out',
        tmp_path / 'out',
        '--fractions',
        'train=0.5',
        'test=0.5',
        '--group',
        'g[0-9]',
    )
    assert '4 videos of 2 classes, from 2 sources' in printed
    for part in ('train', 'test'):
        dataset = VideoDataset(
            f'{part}.txt', PIPELINE, dict(video='../in'), num_classes=2, data_root=str(tmp_path / 'out'), test_mode=True
        )
        infos = [dataset.get_data_info(index) for index in range(len(dataset))]
        assert sorted(info['label'] for info in infos) == [0, 1]
        assert all(('böse' in info['filename']) == (info['label'] == 0) for info in infos)
        assert len({('g1' in info['filename']) for info in infos}) == 1
        assert [int(dataset[index]['data_samples'].gt_label) for index in range(2)] == [info['label'] for info in infos]


def test_where_a_line_of_text_would_be_ambiguous_the_list_is_json_lines(tmp_path, good_videos, capsys):
    shutil.copytree(good_videos, tmp_path / 'in')
    (tmp_path / 'in' / '0.mp4').rename(tmp_path / 'in' / ' odd\n.mp4')
    printed = run(capsys, 'folder', tmp_path / 'in', '--unlabelled', '--out', tmp_path / 'out')
    assert 'videos.jsonl' in printed
    dataset = VideoDataset(
        'videos.jsonl', PIPELINE, dict(video='../in'), data_root=str(tmp_path / 'out'), test_mode=True
    )
    assert len(dataset) == 4
    assert all(dataset[index]['inputs'].any() for index in range(4))  # none is a black stand-in
    assert not (tmp_path / 'out' / 'classes.txt').exists()


def test_videos_outside_of_class_folders_are_refused_unless_no_labels_are_wanted(tmp_path, capsys):
    write(tmp_path / 'in' / 'loose.mp4')
    write(tmp_path / 'in' / 'a' / 'b.mp4')
    assert 'loose.mp4 lies in no class folder' in refused('folder', tmp_path / 'in', '--out', tmp_path / 'out')
    run(capsys, 'folder', tmp_path / 'in', '--out', tmp_path / 'out', '--unlabelled')
    assert (tmp_path / 'out' / 'videos.txt').read_text() == 'a/b.mp4\nloose.mp4\n'


def test_a_class_too_small_for_a_list_is_named(tmp_path, capsys):
    for name in ('a/1', 'a/2', 'a/3', 'a/4', 'lonely/1'):
        write(tmp_path / 'in' / f'{name}.mp4')
    printed = run(capsys, 'folder', tmp_path / 'in', '--out', tmp_path / 'out')
    assert 'test has no video of 1 classes, which are too small for it: lonely' in printed


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['--fractions', 'train'], 'not a name and a share'),
        (['--fractions', 'train=0.5', 'train=0.5'], 'there twice'),
        (['--fractions', 'train=0.5'], 'add up to 1'),
        (['--group', 'no such text'], 'not found in 1 of 1 paths'),
        (['--unlabelled', '--group', 'a'], '--group has no use'),
    ],
)
def test_arguments_that_make_no_sense_are_refused(tmp_path, arguments, message):
    write(tmp_path / 'in' / 'a' / 'b.mp4')
    assert message in refused('folder', tmp_path / 'in', '--out', tmp_path / 'out', *arguments)
    assert not (tmp_path / 'out').exists()


def test_folders_without_videos_are_refused(ucf101):
    shutil.rmtree(ucf101 / 'videos')
    write(ucf101 / 'videos' / 'UCF101.rar')
    assert 'Archives must be unpacked' in refused('ucf101', '--out', ucf101)
    write(ucf101 / 'videos' / 'other.mp4')
    assert 'none of the videos is there' in refused('ucf101', '--out', ucf101)
    assert 'there is no folder' in refused('folder', ucf101 / 'nowhere', '--out', ucf101)
    for arguments in (['--check', '--no-videos'], ['--check', '--dry-run'], ['--workers', '0']):
        with pytest.raises(SystemExit) as stopped:
            main(['ucf101', *arguments])
        assert stopped.value.code == 2


def test_check_names_what_cannot_be_read_and_leaves_it_in_the_list(ucf101, capsys):
    write(ucf101 / 'videos' / 'Surfing' / 'v_Surfing_g01_c01.avi', 'no video')
    printed = run(capsys, 'ucf101', '--out', ucf101, '--check', '--workers', '1')
    assert '1 of 4 videos cannot be read' in printed
    assert 'v_Surfing_g01_c01.avi: ' in (ucf101 / 'unreadable.txt').read_text()
    assert ('Surfing/v_Surfing_g01_c01.avi', 0) in read_annotations(str(ucf101 / 'ucf101_val_split_1_videos.txt'))
    assert len((ucf101 / 'checked.jsonl').read_text().splitlines()) == 4
    (ucf101 / 'videos' / 'Surfing' / 'v_Surfing_g01_c01.avi').unlink()
    assert 'all 3 videos can be read' in run(capsys, 'ucf101', '--out', ucf101, '--check', '--workers', '1')
    assert not (ucf101 / 'unreadable.txt').exists()


@pytest.mark.parametrize('dataset', ['ucf101', 'hmdb51', 'kinetics100', 'kinetics400'])
def test_lists_have_the_names_and_folders_that_the_configs_expect(dataset, tmp_path, capsys):
    config = Config.fromfile(os.path.join(config_directory(), '_base_', 'datasets', 'videos.py'))[dataset]
    parts = [config[part] for part in ('train', 'test')] if 'train' in config else [config]
    assert {part.data_root for part in parts} == {f'data/{dataset}'}
    if dataset.startswith('kinetics'):
        csv_file = write(tmp_path / 'k.csv', 'label,youtube_id\nyawning,A\n')
        run(capsys, dataset, '--train-csv', csv_file, '--no-videos', '--out', tmp_path / 'out')
    elif dataset == 'ucf101':
        write(tmp_path / 'a' / 'classInd.txt', '1 A\n')
        for split in (1, 2, 3):
            write(tmp_path / 'a' / f'trainlist0{split}.txt', 'A/1.avi 1\n')
            write(tmp_path / 'a' / f'testlist0{split}.txt', 'A/2.avi\n')
        run(capsys, dataset, '--annotations', tmp_path / 'a', '--no-videos', '--out', tmp_path / 'out')
    else:
        for split in (1, 2, 3):
            write(tmp_path / 'a' / f'run_test_split{split}.txt', '1.avi 1\n2.avi 2\n')
        run(capsys, dataset, '--annotations', tmp_path / 'a', '--no-videos', '--out', tmp_path / 'out')
    for part in parts:
        assert (tmp_path / 'out' / part.ann_file).exists()


def test_the_tool_is_the_same_command(tmp_path, capsys, monkeypatch):
    write(tmp_path / 'in' / 'a' / 'b.mp4')
    monkeypatch.setattr(
        'sys.argv',
        ['prepare.py', 'folder', str(tmp_path / 'in'), '--out', str(tmp_path / 'out'), '--fractions', 'all=1'],
    )
    runpy.run_path(str(ROOT / 'tools' / 'data' / 'prepare.py'), run_name='__main__')
    assert (tmp_path / 'out' / 'all.txt').read_text() == 'a/b.mp4 0\n'


def test_hidden_folders_are_no_classes(tmp_path, capsys):
    for path in ('run/a.mp4', 'jump/b.mp4', '.ipynb_checkpoints/a.mp4', '__MACOSX/run/._a.mp4', 'run/._a.mp4'):
        write(tmp_path / 'videos' / path)
    out = tmp_path / 'out'
    run(capsys, 'folder', tmp_path / 'videos', '--out', out, '--fractions', 'all=1')
    assert (out / 'classes.txt').read_text() == 'jump\nrun\n'
    assert read_annotations(str(out / 'all.txt')) == [('jump/b.mp4', 0), ('run/a.mp4', 1)]
