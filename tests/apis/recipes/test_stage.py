"""Which checkpoint of a stage is tested and handed on, and what its lists are."""

import hashlib
import json

import pytest
import torch

from videossl.apis.recipes import stage as module
from videossl.apis.recipes.stage import Stage
from videossl.errors import ConfigError

HELD_OUT = dict(ann_file='train.txt', hold_out=dict(number=2, use='held_out'))


@pytest.fixture
def stage(tmp_path):
    """A function that gives a trained stage with the checkpoints of three epochs and two best ones; the last checkpoint
    records the older of the best ones, as after a kill, and names the folder from before a move."""

    def stage(save_best='acc/top1', validation=HELD_OUT, recorded='best_ckpt') -> Stage:
        folder = tmp_path / 'finetune'
        folder.mkdir(exist_ok=True)
        config = dict(
            train_dataloader=dict(dataset=dict(ann_file='train.txt')),
            val_dataloader=validation and dict(dataset=validation),
            test_dataloader=dict(dataset=dict(ann_file='test.txt')),
            default_hooks=dict(checkpoint=dict(save_best=save_best)),
        )
        (tmp_path / 'config.py').write_text(''.join(f'{key} = {value!r}\n' for key, value in config.items()))
        for name in ('epoch_1', 'epoch_2', 'epoch_3', 'best_acc_top1_epoch_2', 'best_acc_top1_epoch_3'):
            torch.save({}, folder / f'{name}.pth')
        info = {recorded: '/a/folder/of/before/best_acc_top1_epoch_2.pth'} if recorded else {}
        torch.save(dict(message_hub=dict(runtime_info=info)), folder / 'epoch_3.pth')
        (folder / 'last_checkpoint').write_text('/a/folder/of/before/epoch_3.pth')
        return Stage('finetune', str(tmp_path / 'config.py'), folder)

    return stage


@pytest.mark.parametrize(
    ('changes', 'name'),
    [
        ({}, 'best_acc_top1_epoch_2'),
        (dict(save_best=['acc/top1', 'acc/top5'], recorded='best_ckpt_acc/top1'), 'best_acc_top1_epoch_2'),
        (dict(save_best=['acc/top1']), 'best_acc_top1_epoch_2'),
        (dict(validation=dict(ann_file='val.txt')), 'best_acc_top1_epoch_2'),
        (dict(recorded=None), 'epoch_3'),
        (dict(save_best=None), 'epoch_3'),
        (dict(validation=None), 'epoch_3'),
        (dict(validation=dict(ann_file='test.txt')), 'epoch_3'),
        (dict(validation=dict(data_root='.', ann_file='./test.txt')), 'epoch_3'),
    ],
    ids=[
        *('held out', 'two metrics', 'one in a list', 'own list', 'nothing chosen', 'not asked for', 'none'),
        *('test split', 'test split by another name'),
    ],
)
def test_the_best_checkpoint_on_validation_videos_counts_where_the_config_chooses_one(stage, tmp_path, changes, name):
    assert stage(**changes).checkpoint() == str(tmp_path / 'finetune' / f'{name}.pth')


def test_an_epoch_that_is_named_goes_before_the_best_one(stage, tmp_path):
    assert stage().checkpoint(1) == str(tmp_path / 'finetune' / 'epoch_1.pth')


def test_a_best_checkpoint_that_was_deleted_is_named_and_not_replaced_by_another(stage, tmp_path):
    trained = stage()
    (tmp_path / 'finetune' / 'best_acc_top1_epoch_2.pth').unlink()
    with pytest.raises(ConfigError, match='there is no checkpoint .*best_acc_top1_epoch_2.pth'):
        trained.checkpoint()


def test_a_pointer_of_strange_bytes_is_no_traceback(stage, tmp_path):
    trained = stage()
    (tmp_path / 'finetune' / 'last_checkpoint').write_bytes(b'\xff\xfe')
    with pytest.raises(ConfigError, match='stage finetune: there is no checkpoint'):
        trained.checkpoint()


def test_a_missing_list_of_validation_videos_is_named_before_anything_runs(stage, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, 'check_config', lambda config: None)  # the config is no whole one
    for name in ('train', 'test'):
        (tmp_path / f'{name}.txt').write_text('a.mp4 0\n')
    stage(validation=None).check()
    with pytest.raises(ConfigError, match='there is no list val.txt'):
        stage(validation=dict(ann_file='val.txt')).check()


def test_the_fingerprint_follows_the_validation_list_and_is_as_ever_without_one(stage, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('train', 'val', 'test'):
        (tmp_path / f'{name}.txt').write_text(f'{name}.mp4 0\n')
    plain = stage(validation=None)
    lists = [hashlib.sha256(f'{name}.mp4 0\n'.encode()).hexdigest() for name in ('train', 'test')]
    parts = json.dumps([plain.resolved_config.to_dict(), None, None, *lists], sort_keys=True, default=str)
    assert plain.fingerprint == hashlib.sha256(parts.encode()).hexdigest()[:16]
    before = stage(validation=dict(ann_file='val.txt')).fingerprint
    (tmp_path / 'val.txt').write_text('other.mp4 0\n')
    assert stage(validation=dict(ann_file='val.txt')).fingerprint != before
