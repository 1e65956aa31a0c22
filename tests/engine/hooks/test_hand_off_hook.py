"""A stage starts from another's checkpoint; a resumed run keeps its own weights."""

import pytest
import torch

from videossl.errors import CheckpointError


@pytest.fixture
def checkpoint(build_aux_skd, tmp_path):
    """Path of a checkpoint of an auxiliary stage."""
    path = str(tmp_path / 'stage.pth')
    torch.save(dict(state_dict=build_aux_skd(seed=5).state_dict()), path)
    return path


def test_the_backbone_alone_is_handed_over_before_the_first_iteration(build_vspp, build_runner, recorder, tmp_path):
    source = build_vspp(seed=5).state_dict()
    checkpoint = str(tmp_path / 'stage.pth')
    torch.save(dict(state_dict=source), checkpoint)
    build_runner(build_vspp(seed=0), hooks=[dict(type='HandOffHook', checkpoint=checkpoint), recorder]).train()
    first = recorder.states[0]
    for name in ('conv.weight', 'bn.weight', 'bn.bias', 'bn.running_mean', 'bn.running_var'):
        assert torch.equal(first[f'backbone.{name}'], source[f'backbone.{name}']), name
    assert not torch.equal(first['heads.speed.classifier.weight'], source['heads.speed.classifier.weight'])


@pytest.mark.parametrize(
    ('prefix', 'meta'),
    [
        ('', {}),
        ('', dict(backbone=dict(type='R3D'), prefix='')),
        ('encoder.', dict(backbone=dict(type='R3D'), prefix='encoder.')),
        ('module.', {}),
    ],
    ids=['bare', 'exported', 'exported with a prefix', 'of data parallelism'],
)
def test_a_backbone_in_a_file_of_its_own_is_handed_over(build_vspp, build_runner, recorder, tmp_path, prefix, meta):
    source = build_vspp(seed=5).backbone.state_dict()
    checkpoint = str(tmp_path / 'exported.pth')
    torch.save(dict(state_dict={f'{prefix}{name}': value for name, value in source.items()}, meta=meta), checkpoint)
    build_runner(build_vspp(seed=0), hooks=[dict(type='HandOffHook', checkpoint=checkpoint), recorder]).train()
    assert torch.equal(recorder.states[0]['backbone.conv.weight'], source['conv.weight'])


def test_a_file_whose_names_begin_otherwise_is_not_said_to_be_of_another_net(build_vspp, build_runner, tmp_path):
    path = str(tmp_path / 'other.pth')
    torch.save({f'encoder.{name}': value for name, value in build_vspp().backbone.state_dict().items()}, path)
    mapping = {'backbone.': 'backbone.'}
    hooks = [dict(type='HandOffHook', checkpoint=path, mapping=mapping)]
    with pytest.raises(CheckpointError, match=r'begins with "backbone.". The checkpoint has \[.encoder.\]') as error:
        build_runner(build_vspp(), hooks=hooks).train()
    assert 'another backbone' not in str(error.value)


def test_the_optimiser_trains_what_was_handed_over(build_vspp, build_runner, recorder, checkpoint):
    build_runner(build_vspp(), hooks=[dict(type='HandOffHook', checkpoint=checkpoint), recorder]).train()
    first, last = recorder.states[0], recorder.states[-1]
    assert not torch.equal(first['backbone.conv.weight'], last['backbone.conv.weight'])


def test_a_mapping_of_ones_own_feeds_other_parts(build_aux_skd, build_runner, recorder, checkpoint):
    mapping = {'backbone.': 'backbone.', 'necks.': 'necks.'}
    hooks = [
        dict(type='HandOffHook', checkpoint=checkpoint, mapping=mapping),
        dict(type='MomentumTeacherHook', momentum=1.0),
        dict(type='MemoryBankHook'),
        recorder,
    ]
    build_runner(build_aux_skd(seed=0), hooks=hooks).train()
    source, first = build_aux_skd(seed=5).state_dict(), recorder.states[0]
    name = 'necks.projection.layers.0.weight'
    assert torch.equal(first[name], source[name]) and torch.equal(first[f'teacher.{name}'], source[name])


def test_a_resumed_run_keeps_its_own_weights(build_vspp, build_runner, recorder, checkpoint):
    hand_off = dict(type='HandOffHook', checkpoint=checkpoint)
    every_epoch = dict(type='PlainCheckpointHook', interval=1)
    model = build_vspp()
    build_runner(model, hooks=[hand_off], checkpoint=every_epoch).train()
    build_runner(build_vspp(seed=1), hooks=[hand_off, recorder], epochs=2, checkpoint=every_epoch, resume=True).train()
    assert len(recorder.logs) == 3
    assert torch.equal(recorder.states[0]['backbone.conv.weight'], model.backbone.conv.weight)


def test_a_checkpoint_of_another_net_stops_the_run(build_vspp, build_runner, recorder, tmp_path):
    path = str(tmp_path / 'other.pth')
    torch.save(dict(state_dict={'backbone.stem.conv.weight': torch.zeros(4, 3, 3, 3, 3)}), path)
    with pytest.raises(CheckpointError, match='other.pth'):
        build_runner(build_vspp(), hooks=[dict(type='HandOffHook', checkpoint=path), recorder]).train()
    assert recorder.logs == []


@pytest.mark.parametrize(
    'config, words',
    [
        ('dict(type="Pretrainer")', None),
        ('dict(type="VideoSwin")', None),
        ('dict(type="VideoSwin", data_preprocessor=dict(type="PreprocessorOfOthers"))', None),
        (
            'dict(type="Pretrainer", data_preprocessor=dict(type="ClipDataPreprocessor", mean=(0, 0, 0), std=(1, 1, 1), '
            'to_bgr=True, motion="clip_mean"))',
            'trained on pixels BGR, mean [0.0, 0.0, 0.0], std [1.0, 1.0, 1.0], motion clip_mean, and this model gives it '
            'pixels RGB, mean [123.675, 116.28, 103.53], std [58.395, 57.12, 57.375]; '
            "model.data_preprocessor=dict(type='ClipDataPreprocessor', mean=(0, 0, 0), std=(1, 1, 1), to_bgr=True, "
            "motion='clip_mean') gives it the former",
        ),
    ],
    ids=['the same', 'nobody knows', 'of another project', 'others'],
)
def test_pixels_other_than_those_of_the_checkpoint_are_warned_of(build_vspp, build_runner, tmp_path, config, words):
    path = str(tmp_path / 'stage.pth')
    torch.save(dict(state_dict=build_vspp(seed=5).state_dict(), meta=dict(cfg=f'model = {config}')), path)
    runner = build_runner(build_vspp(), hooks=[dict(type='HandOffHook', checkpoint=path)])
    warned = []
    runner.logger.warning = lambda message, *args: warned.append(message)
    runner.train()
    found = [message for message in warned if 'pixels' in message]
    assert [words in message and path in message for message in found] == [True] if words else found == []
