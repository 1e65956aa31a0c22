"""The numbers of ISD, the image method that auxSKD comes from, in its config."""

import logging
from types import SimpleNamespace

import pytest
from config_reading import flat, read
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner

from videossl.registry import MODELS

NAME = 'aux_skd/isd_r3d-10_16x1x1-20e_k100-rgb.py'


def test_isd_compares_pooled_features_without_a_projection_through_a_predictor_of_the_same_width():
    model = MODELS.build({**read(NAME).model, 'memory_bank': dict(type='MemoryBank', size=8, dim=512)})
    assert list(model.necks) == ['pooled'] and list(model.necks.parameters()) == []
    assert list(model.predictors) == ['pooled']
    shapes = [tuple(parameter.shape) for parameter in model.predictors['pooled'].parameters()]
    # Linear layer, batch norm, linear layer. (ISD's first one has no bias; batch norm takes it out again.)
    assert shapes == [(512, 512), (512,), (512,), (512,), (512, 512), (512,)]
    assert (model.enqueue_embedding, model.enqueue_view, model.heads['distill'].embedding_name) == (
        'pooled',
        0,
        'pooled',
    )
    assert model.backbone.out_channels == 512


def test_isds_numbers_for_resnet18_stand_in_the_merged_config():
    config = read(NAME)
    distill = config.model.heads.distill
    assert (distill.student_temperature, distill.teacher_temperature) == (0.02, 0.02)
    assert (config.model.memory_bank['size'], config.model.memory_bank.dim) == (128000, 512)
    assert {hook.type: hook.get('momentum') for hook in config.custom_hooks} == {
        'MomentumTeacherHook': 0.999,
        'MemoryBankHook': None,
    }
    optimizer = config.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.momentum, optimizer.weight_decay) == ('SGD', 0.01, 0.9, 1e-4)
    # Drops at 140 and 180 of 200 epochs.
    epochs = config.train_cfg.max_epochs
    (schedule,) = config.param_scheduler
    assert (schedule.type, schedule.gamma, schedule.by_epoch) == ('MultiStepLR', 0.2, True)
    assert epochs == 20 and [milestone / epochs for milestone in schedule.milestones] == [140 / 200, 180 / 200]


def test_isds_learning_rate_for_batches_of_256_is_scaled_to_ours():
    config = read(NAME)
    wrapper = build_optim_wrapper(MODELS.build(dict(type='PredictorNeck')), config.optim_wrapper)
    runner = SimpleNamespace(
        _train_dataloader=config.train_dataloader,
        world_size=1,
        logger=logging.getLogger(),
        param_schedulers=config.param_scheduler,
    )
    Runner.scale_lr(runner, wrapper, config.auto_scale_lr)
    assert [group['lr'] for group in wrapper.param_groups] == pytest.approx([0.01 * 30 / 256])


def test_isd_sees_the_clips_of_auxskd():
    isd, aux = (flat(read(name).train_dataloader) for name in (NAME, 'aux_skd/aux-skd_r3d-10_16x1x1-20e_k100-rgb.py'))
    assert isd == aux
