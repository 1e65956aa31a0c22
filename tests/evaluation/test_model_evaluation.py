"""From a checkpoint to retrieval, kNN and linear probe."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_checkpoints import BACKBONE, SMALL, build, save, save_pretrained, write_videos

from videossl.apis import extract_features, load_backbone
from videossl.checkpoints import export_backbone
from videossl.errors import ConfigError
from videossl.evaluation import evaluate_features, evaluate_model, model_evaluation, protocol_of


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    return write_videos(tmp_path_factory.mktemp('videos'))


@pytest.fixture
def pretrained(tmp_path):
    return save_pretrained(tmp_path / 'pretrained.pth')


def test_one_extraction_of_each_split_serves_all_evaluations(pretrained, videos, monkeypatch):
    calls, extract = [], model_evaluation.extract_features

    def counted(model, split, *args, **kwargs):
        calls.append(Path(split).name)
        return extract(model, split, *args, **kwargs)

    monkeypatch.setattr(model_evaluation, 'extract_features', counted)
    results = evaluate_model(
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
    results = evaluate_model(
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
    results = evaluate_model(
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
    kept = dict(features_dir=tmp_path / 'kept', precision='fp32')
    settings = dict(protocol=protocol_of('auxskd', **SMALL), num_workers=0, progress=False, **kept)
    splits = videos / 'train.txt', videos / 'test.txt', videos
    first = evaluate_model(load_backbone(pretrained), *splits, **settings)
    assert len(list((tmp_path / 'kept').glob('*.npz'))) == 2
    other = load_backbone(pretrained)
    with torch.no_grad():
        next(other.parameters()).mul_(-1)
    evaluate_model(other, *splits, **settings)
    assert len(list((tmp_path / 'kept').glob('*.npz'))) == 4
    # All that an extraction compares with what is there, or the folder would refuse its own call.
    evaluate_model(load_backbone(pretrained), *splits, **{**settings, 'precision': 'bf16'})
    assert len(list((tmp_path / 'kept').glob('*.npz'))) == 6
    (videos / 'renamed.txt').write_text((videos / 'test.txt').read_text())
    evaluate_model(load_backbone(pretrained), splits[0], videos / 'renamed.txt', videos, **settings)
    assert len(list((tmp_path / 'kept').glob('*.npz'))) == 7

    monkeypatch.setattr('videossl.features.extraction.encode_videos', lambda *args: pytest.fail('extracted again'))
    assert evaluate_model(load_backbone(pretrained), *splits, **settings) == first


def test_a_list_without_labels_is_refused_before_anything_is_extracted(pretrained, videos, monkeypatch):
    monkeypatch.setattr(model_evaluation, 'extract_features', lambda *args, **kwargs: pytest.fail('extracted'))
    with pytest.raises(ConfigError, match='train: unlabelled.txt has no labels'):
        evaluate_model(load_backbone(pretrained), videos / 'unlabelled.txt', videos / 'test.txt', videos)


@pytest.mark.parametrize('split', ['gone.txt', 'unlabelled.txt', 'empty.txt'])
@pytest.mark.parametrize('place', ['train', 'test'])
def test_both_splits_are_looked_at_before_the_first_is_extracted(pretrained, videos, monkeypatch, split, place):
    (videos / 'empty.txt').write_text('')
    monkeypatch.setattr(model_evaluation, 'extract_features', lambda *args, **kwargs: pytest.fail('extracted'))
    splits = {**dict(train=videos / 'train.txt', test=videos / 'test.txt'), place: videos / split}
    with pytest.raises(ConfigError, match=f'^{place}: '):
        evaluate_model(load_backbone(pretrained), splits['train'], splits['test'], videos)


def test_a_net_that_was_trained_on_other_clips_than_the_protocols_has_a_note(videos, tmp_path):
    train = (
        "train_dataloader = dict(dataset=dict(pipeline=[dict(type='SampleFrames', clip_len=8, frame_interval=1), "
        "dict(type='CenterCrop', crop_size=64)]))"
    )
    model = build(dict(type='Pretrainer', backbone=BACKBONE, heads={}))
    net = load_backbone(
        save(model, tmp_path / 'net.pth', f'model = dict(type="Pretrainer", backbone={BACKBONE})\n{train}')
    )
    results = evaluate_model(
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
    assert model_evaluation.notes_on_training(net, protocol_of('auxskd', size=64, clip_len=8)) == []
    assert (
        model_evaluation.notes_on_training(
            load_backbone(save(model.backbone, tmp_path / 'bare.pth'), BACKBONE), protocol_of()
        )
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
    text = evaluate_features(guessed, guessed, evaluations=['knn'], k=1)['knn']['protocol']
    assert "pixels assumed to be RGB with ImageNet's mean and std" in text and 'resized to 36, 32 px' in text
    assert f', {guessed.protocol["precision"]},' in text
