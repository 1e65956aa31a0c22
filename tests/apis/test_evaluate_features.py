"""From a checkpoint to retrieval, kNN and linear probe: the function, the tool, and tools/test.py."""

import itertools
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

from videossl.apis import evaluate_features as tool
from videossl.apis import extract_features, load_backbone
from videossl.apis.running import test as testing
from videossl.checkpoints import export_backbone
from videossl.checkpoints.hand_off import HandOffError
from videossl.errors import ConfigError
from videossl.evaluation import protocol_of
from videossl.registry import MODELS

CONFIGS = Path(__file__).parents[2] / 'configs'
LAPTOP = str(CONFIGS / 'laptop' / 'features_r3d-10_16x1x1-64px_videos-rgb.py')
BACKBONE = dict(type='R3D', depth=10, base_channels=4)
METRICS = {
    'retrieval/R@1',
    'retrieval/R@5',
    'retrieval/R@10',
    'retrieval/R@20',
    'retrieval/R@50',
    'knn/top1',
    'knn/top5',
    'linear_probe/top1',
    'linear_probe/top5',
}
SMALL = dict(num_clips=2, clip_len=4, size=32, resize=36)
RUNS = itertools.count()


@pytest.fixture(autouse=True)
def scope_of_each_run():
    """A runner sets mmengine's default scope for the whole process; put it back."""
    with DefaultScope.overwrite_default_scope('videossl'):
        yield


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    """Videos of one colour for each of three classes: train.txt has six, test.txt three, broken.txt those and one that is
    no video, unlabelled.txt no label."""
    folder = tmp_path_factory.mktemp('videos')
    for number in range(9):
        writer = cv2.VideoWriter(str(folder / f'{number}.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 25, (64, 64))
        colour = np.eye(3)[number % 3] * 200 + 5 * number
        for _ in range(12):
            writer.write(np.full((64, 64, 3), colour, dtype=np.uint8))
        writer.release()
    (folder / 'text.mp4').write_text('no video')
    lines = [f'{number}.mp4 {number % 3}\n' for number in range(9)]
    (folder / 'train.txt').write_text(''.join(lines[:6]))
    (folder / 'test.txt').write_text(''.join(lines[6:]))
    (folder / 'broken.txt').write_text(''.join([lines[6], 'text.mp4 0\n', *lines[7:]]))
    (folder / 'unlabelled.txt').write_text('0.mp4\n1.mp4\n')
    return folder


def build(config, seed=0):
    torch.manual_seed(seed)
    return MODELS.build(config)


def save(model, path, text=None):
    torch.save(dict(state_dict=model.state_dict(), meta={} if text is None else dict(cfg=text)), path)
    return str(path)


@pytest.fixture
def pretrained(tmp_path):
    """A checkpoint of a pretraining method, which holds its config as our tools write it."""
    heads = dict(speed=dict(type='SpeedHead', in_channels=32, num_speeds=4))
    model = build(dict(type='Pretrainer', backbone=BACKBONE, heads=heads))
    return save(model, tmp_path / 'pretrained.pth', f'model = dict(type="Pretrainer", backbone={BACKBONE})')


@pytest.fixture
def finetuned(tmp_path, pretrained):
    """A checkpoint of a recogniser with the same backbone, of seven classes."""
    model = build(
        dict(type='Recognizer3D', backbone=BACKBONE, cls_head=dict(type='I3DHead', in_channels=32, num_classes=7)), 1
    )
    weights = torch.load(pretrained, weights_only=True)['state_dict']
    model.backbone.load_state_dict(
        {name.removeprefix('backbone.'): value for name, value in weights.items() if name.startswith('backbone.')}
    )
    return save(model, tmp_path / 'finetuned.pth')


def run_test(checkpoint, videos, tmp_path, *others, options=()):
    """The metrics of tools/test.py with the laptop's config on small views, and the folder of its run."""
    work_dir, metrics = tmp_path / f'work{next(RUNS)}', tmp_path / 'metrics.json'
    testing.main(
        [
            LAPTOP,
            checkpoint,
            '--work-dir',
            str(work_dir),
            '--data-root',
            str(videos),
            '--ann-file',
            'test.txt',
            '--metrics-file',
            str(metrics),
            *others,
            '--cfg-options',
            f'experiment_name=features{next(RUNS)}',
            'model.backbone.base_channels=4',
            'model.cls_head.in_channels=32',
            'test_dataloader.num_workers=0',
            'default_hooks.precision.precision=fp32',
            'test_cfg.progress=False',
            'test_cfg.num_clips=2',
            'test_cfg.clip_len=4',
            'test_cfg.size=32',
            'test_cfg.resize=36',
            *options,
        ]
    )
    return json.loads(metrics.read_text()), work_dir


# ----------------------------------------------------------------------------------------------------------- the function
def test_one_extraction_of_each_split_serves_all_evaluations(pretrained, videos, monkeypatch):
    calls, extract = [], tool.extract_features

    def counted(model, split, *args, **kwargs):
        calls.append(Path(split).name)
        return extract(model, split, *args, **kwargs)

    monkeypatch.setattr(tool, 'extract_features', counted)
    results = tool.evaluate_model(
        load_backbone(pretrained),
        videos / 'train.txt',
        videos / 'test.txt',
        videos,
        protocol=protocol_of('auxskd', **SMALL),
        num_workers=0,
        progress=False,
    )
    assert calls == ['train.txt', 'test.txt']
    assert list(results) == ['retrieval', 'knn', 'linear_probe']
    assert results['retrieval']['R@1'] == results['linear_probe']['top1'] == 1.0, 'three colours are easy to tell apart'
    for result in results.values():
        for words in (
            'auxskd, changed: clips 2, clip len 4, size 32, resize 36: 2 clips x 1 crop,',
            '4 frames at interval 1',
            '32 px',
            'avg pooling',
            'train.txt (6 videos)',
            'test.txt (3 videos)',
        ):
            assert words in result['protocol']


def test_the_pooling_of_the_protocol_is_that_of_the_features(pretrained, videos):
    results = tool.evaluate_model(
        load_backbone(pretrained),
        videos / 'train.txt',
        videos / 'test.txt',
        videos,
        protocol=protocol_of('vcop', **SMALL),
        evaluations=['retrieval'],
        num_workers=0,
        progress=False,
    )
    assert 'max_1x2x2 pooling' in results['retrieval']['protocol']


def test_an_unreadable_test_video_counts_as_wrong_and_is_named(pretrained, videos):
    results = tool.evaluate_model(
        load_backbone(pretrained),
        videos / 'train.txt',
        videos / 'broken.txt',
        videos,
        protocol=protocol_of('auxskd', **SMALL),
        num_workers=0,
        progress=False,
    )
    assert [results['retrieval']['R@1'], results['knn']['top5'], results['linear_probe']['top1']] == [0.75] * 3
    for result in results.values():
        assert any('text.mp4' in note and '1 of 4' in note for note in result['notes'])


def test_features_that_are_kept_are_found_again_and_those_of_other_weights_are_not_taken_for_them(
    pretrained, videos, tmp_path, monkeypatch
):
    settings = dict(
        protocol=protocol_of('auxskd', **SMALL), features_dir=tmp_path / 'kept', num_workers=0, progress=False
    )
    splits = videos / 'train.txt', videos / 'test.txt', videos
    first = tool.evaluate_model(load_backbone(pretrained), *splits, **settings)
    assert len(list((tmp_path / 'kept').glob('*.npz'))) == 2
    other = load_backbone(pretrained)
    with torch.no_grad():
        next(other.parameters()).mul_(-1)
    tool.evaluate_model(other, *splits, **settings)
    assert len(list((tmp_path / 'kept').glob('*.npz'))) == 4

    monkeypatch.setattr('videossl.features.extraction.extract_missing', lambda *args: pytest.fail('extracted again'))
    assert tool.evaluate_model(load_backbone(pretrained), *splits, **settings) == first


def test_a_list_without_labels_is_refused_before_anything_is_extracted(pretrained, videos, monkeypatch):
    monkeypatch.setattr(tool, 'extract_features', lambda *args, **kwargs: pytest.fail('extracted'))
    with pytest.raises(ConfigError, match='train: unlabelled.txt has no labels'):
        tool.evaluate_model(load_backbone(pretrained), videos / 'unlabelled.txt', videos / 'test.txt', videos)


@pytest.mark.parametrize('split', ['gone.txt', 'unlabelled.txt', 'empty.txt'])
@pytest.mark.parametrize('place', ['train', 'test'])
def test_both_splits_are_looked_at_before_the_first_is_extracted(pretrained, videos, monkeypatch, split, place):
    (videos / 'empty.txt').write_text('')
    monkeypatch.setattr(tool, 'extract_features', lambda *args, **kwargs: pytest.fail('extracted'))
    splits = {**dict(train=videos / 'train.txt', test=videos / 'test.txt'), place: videos / split}
    with pytest.raises(ConfigError, match=f'^{place}: '):
        tool.evaluate_model(load_backbone(pretrained), splits['train'], splits['test'], videos)


def test_a_net_that_was_trained_on_other_clips_than_the_protocols_has_a_note(videos, tmp_path):
    train = (
        "train_dataloader = dict(dataset=dict(pipeline=[dict(type='SampleFrames', clip_len=8, frame_interval=1), "
        "dict(type='CenterCrop', crop_size=64)]))"
    )
    model = build(dict(type='Pretrainer', backbone=BACKBONE, heads={}))
    net = load_backbone(
        save(model, tmp_path / 'net.pth', f'model = dict(type="Pretrainer", backbone={BACKBONE})\n{train}')
    )
    results = tool.evaluate_model(
        net,
        videos / 'train.txt',
        videos / 'test.txt',
        videos,
        protocol=protocol_of('auxskd', **SMALL),
        evaluations=['knn'],
        num_workers=0,
        progress=False,
    )
    assert results['knn']['notes'][-1] == (
        'trained on 64 px, 8 frames a clip, evaluated at 32 px, 4 frames a clip; --size 64 '
        '--clip-len 8 evaluates as it was trained'
    )
    assert tool.notes_on_training(net, protocol_of('auxskd', size=64, clip_len=8)) == []
    assert (
        tool.notes_on_training(load_backbone(save(model.backbone, tmp_path / 'bare.pth'), BACKBONE), protocol_of())
        == []
    )


@pytest.mark.parametrize('form', ['.pth', '.safetensors'])
def test_an_exported_net_is_evaluated_as_the_checkpoint_it_came_from_and_with_its_pixels(form, videos, tmp_path):
    pixels = dict(type='ClipDataPreprocessor', mean=[0, 0, 0], std=[1, 1, 1], to_bgr=True)
    model = build(dict(type='Pretrainer', backbone=BACKBONE, heads={}, data_preprocessor=pixels))
    run = save(
        model, tmp_path / 'run.pth', f'model = dict(type="Pretrainer", backbone={BACKBONE}, data_preprocessor={pixels})'
    )
    export_backbone(run, tmp_path / f'clean{form}')
    views = dict(num_clips=1, clip_len=4, size=32, resize=36, num_workers=0, progress=False)
    before, after = (
        extract_features(load_backbone(path), videos / 'test.txt', **views) for path in (run, tmp_path / f'clean{form}')
    )
    np.testing.assert_array_equal(before.features, after.features)
    assert (
        before.protocol['pixels']
        == after.protocol['pixels']
        == dict(type='ClipDataPreprocessor', mean=[0, 0, 0], std=[1, 1, 1], to_bgr=True)
    )
    guessed = extract_features(
        load_backbone(save(model.backbone, tmp_path / 'bare.pth'), BACKBONE), videos / 'test.txt', **views
    )
    assert guessed.protocol['pixels']['assumed'] is True
    text = tool.evaluate_features(guessed, guessed, evaluations=['knn'], k=1)['knn']['protocol']
    assert "pixels assumed to be RGB with ImageNet's mean and std" in text and 'resized to 36, 32 px' in text
    assert f', {guessed.protocol["precision"]},' in text


# --------------------------------------------------------------------------------------------------------------- the tool
def test_the_tool_needs_no_config_and_writes_reports(pretrained, videos, tmp_path, capsys):
    reports = tmp_path / 'report.json', tmp_path / 'report.md'
    tool.main(
        [
            pretrained,
            '--data-root',
            str(videos),
            '--train-list',
            'train.txt',
            '--test-list',
            'test.txt',
            '--num-clips',
            '2',
            '--clip-len',
            '4',
            '--size',
            '32',
            '--resize',
            '36',
            '--num-workers',
            '0',
            '--protocol',
            'coclr',
            '--out',
            *map(str, reports),
        ]
    )
    assert 'clip retrieval' in capsys.readouterr().out
    results = json.loads(reports[0].read_text())
    assert set(results) == {'retrieval', 'knn', 'linear_probe'} and 'centred' in results['knn']['protocol']
    assert 'R@50' in reports[1].read_text()


@pytest.mark.parametrize(
    'options, expected',
    [
        ([], dict(size=112, resize=(171, 128), centre=False)),
        (['--size', '56'], dict(size=56, resize=(86, 64))),
        (['--size', '64', '--resize', '72'], dict(size=64, resize=72)),
        (
            ['--protocol', 'coclr', '--no-centre', '--average', 'score'],
            dict(centre=False, average='score', clip_len=32),
        ),
        (['--protocol', 'vcop', '--pooling', 'avg', '--crops', '10'], dict(pooling='avg', crops=10, average='score')),
    ],
)
def test_the_tool_changes_of_a_protocol_what_it_is_told(options, expected):
    args = tool.parse_args(['c.pth', '--data-root', 'd', '--train-list', 'a', '--test-list', 'b', *options])
    protocol = tool.protocol_from(args)
    assert {name: getattr(protocol, name) for name in expected} == expected


@pytest.mark.parametrize(
    'change, words',
    [
        (dict(checkpoint='gone.pth'), ['gone.pth']),
        ({'--train-list': 'gone.txt'}, ['gone.txt', 'does not exist']),
        ({'--train-list': 'unlabelled.txt'}, ['unlabelled.txt', 'no labels']),
        ({'--out': 'report.pdf'}, ['.json or .md', 'report.pdf']),
        ({'--num-clips': '0'}, ['num_clips']),
    ],
)
def test_what_the_tool_cannot_do_it_says_in_one_line(pretrained, videos, change, words):
    change = dict(change)
    options = {'--train-list': 'train.txt', '--test-list': 'test.txt', '--data-root': str(videos), '--num-workers': '0'}
    checkpoint = change.pop('checkpoint', pretrained)
    options.update(change)
    with pytest.raises(SystemExit) as stop:
        tool.main([checkpoint, *itertools.chain(*options.items())])
    assert all(word in str(stop.value.code) for word in words), stop.value.code


# ---------------------------------------------------------------------------------------------------------- tools/test.py
def test_tools_test_gives_the_same_for_a_pretraining_and_a_recogniser_of_one_backbone(
    pretrained, finetuned, videos, tmp_path
):
    metrics, work_dir = run_test(pretrained, videos, tmp_path)
    assert set(metrics) == METRICS and metrics['retrieval/R@1'] == 1.0
    log = '\n'.join(path.read_text() for path in work_dir.glob('*/*.log'))
    assert '| clip retrieval |' in log and 'train.txt (6 videos)' in log and 'test.txt (3 videos)' in log
    assert run_test(finetuned, videos, tmp_path)[0] == metrics
    by_tool = tool.evaluate_model(
        load_backbone(pretrained),
        videos / 'train.txt',
        videos / 'test.txt',
        videos,
        protocol=protocol_of('auxskd', **SMALL),
        num_workers=0,
        progress=False,
        precision='fp32',
    )
    assert {
        f'{name}/{key}': value
        for name, result in by_tool.items()
        for key, value in result.items()
        if isinstance(value, float)
    } == pytest.approx(metrics)


def test_a_checkpoint_of_another_net_is_refused(videos, tmp_path):
    other = build(
        dict(
            type='Recognizer3D',
            backbone=dict(type='R3D', depth=18, base_channels=4),
            cls_head=dict(type='I3DHead', in_channels=32, num_classes=10),
        )
    )
    with pytest.raises(HandOffError, match='R3D'):
        run_test(save(other, tmp_path / 'other.pth'), videos, tmp_path)


@pytest.mark.parametrize(
    'option, words',
    [
        ('test_cfg.train_list=None', ['train_list']),
        ('test_cfg.protocol=vsp', ['"vsp"', 'auxskd']),
        ('test_cfg.train_list=gone.txt', ['gone.txt', 'does not exist']),
        ('test_cfg.evaluations=[tsne]', ['evaluations', 'tsne']),
        ('test_cfg.clips=3', ['no setting clips', 'num_clips']),
    ],
)
def test_unusable_settings_of_the_loop_are_refused_by_name(pretrained, videos, tmp_path, option, words):
    with pytest.raises(ValueError) as error:
        run_test(pretrained, videos, tmp_path, options=[option])
    assert all(word in str(error.value) for word in words), error.value
