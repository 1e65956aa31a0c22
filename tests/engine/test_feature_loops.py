"""tools/test.py with a loop that evaluates features."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from tiny_checkpoints import BACKBONE, SMALL, build, save, save_pretrained, write_videos

from videossl.apis import extract_features, load_backbone
from videossl.apis.running import test as testing
from videossl.errors import CheckpointError
from videossl.evaluation import evaluate_model, protocol_of
from videossl.features.clip_features import ClipFeatures

CONFIGS = Path(__file__).parents[2] / 'configs'
LAPTOP = str(CONFIGS / 'laptop' / 'features_r3d-10_16x1x1-64px_videos-rgb.py')
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
RUNS = itertools.count()


@pytest.fixture(autouse=True)
def scope_of_each_run():
    """A runner sets mmengine's default scope for the whole process; put it back."""
    with DefaultScope.overwrite_default_scope('videossl'):
        yield


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    return write_videos(tmp_path_factory.mktemp('videos'))


@pytest.fixture
def pretrained(tmp_path):
    return save_pretrained(tmp_path / 'pretrained.pth')


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


def test_tools_test_gives_the_same_for_a_pretraining_and_a_recogniser_of_one_backbone(
    pretrained, finetuned, videos, tmp_path
):
    metrics, work_dir = run_test(pretrained, videos, tmp_path)
    assert set(metrics) == METRICS and metrics['retrieval/R@1'] == 1.0
    log = '\n'.join(path.read_text() for path in work_dir.glob('*/*.log'))
    assert '| clip retrieval |' in log and 'train.txt (6 videos)' in log and 'test.txt (3 videos)' in log
    assert run_test(finetuned, videos, tmp_path)[0] == metrics
    by_tool = evaluate_model(
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


@pytest.mark.parametrize('says', [True, False], ids=['its config says which', 'it has no config'])
def test_the_net_gets_the_pixels_that_it_was_trained_on(pretrained, videos, tmp_path, says):
    blue_first = dict(type='ClipDataPreprocessor', mean=(0, 0, 0), std=(255, 255, 255), to_bgr=True)
    content = torch.load(pretrained, weights_only=True)
    text = f'model = dict(type="Pretrainer", backbone={BACKBONE}, data_preprocessor={blue_first})'
    content['meta'] = dict(cfg=text) if says else {}
    torch.save(content, pretrained)
    features = tmp_path / 'features'
    run_test(pretrained, videos, tmp_path, options=[f'test_cfg.features_dir={features}'])
    (saved,) = features.glob('test_*.npz')
    found = ClipFeatures.load(saved).features
    by_hand = load_backbone(pretrained, backbone=BACKBONE, data_preprocessor=blue_first if says else {})
    expected = extract_features(
        by_hand, videos / 'test.txt', videos, **protocol_of('auxskd', **SMALL).views(), precision='fp32', progress=False
    ).features
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_checkpoint_of_another_net_is_refused(videos, tmp_path):
    other = build(
        dict(
            type='Recognizer3D',
            backbone=dict(type='R3D', depth=18, base_channels=4),
            cls_head=dict(type='I3DHead', in_channels=32, num_classes=10),
        )
    )
    with pytest.raises(CheckpointError, match='R3D'):
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
