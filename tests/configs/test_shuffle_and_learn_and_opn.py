"""The numbers of Shuffle & Learn and OPN in the merged configs."""

import pytest
import torch
from config_reading import read, read_recipe, steps

from videossl.registry import MODELS

METHODS = {
    'shuffle-and-learn_caffenet': 'shuffle_and_learn/shuffle-and-learn_caffenet_1x1x1-227px-134e_ucf101-rgb.py',
    'opn_caffenet': 'opn/opn_caffenet_1x1x1-80px-114e_ucf101-rgb.py',
    'opn_vggm': 'opn/opn_vggm_1x1x1-80px-114e_ucf101-rgb.py',
}
VIDEOS, REPEATS = 9537, 10  # of UCF101, split 1


@pytest.mark.parametrize(
    'method, batch, lr, drop, end',
    [('shuffle-and-learn_caffenet', 128, 1e-3, 80_000, 100_000), ('opn_caffenet', 64, 1e-2, 130_000, 170_000)],
)
def test_the_released_codes_iterations_are_reached_in_whole_epochs(method, batch, lr, drop, end):
    config = read(METHODS[method])
    assert config.train_dataloader.batch_size == batch and config.train_dataloader.sampler.repeats == REPEATS
    iterations = VIDEOS * REPEATS // batch  # of an epoch
    assert abs(config.train_cfg.max_epochs * iterations - end) <= iterations
    (step,) = config.param_scheduler
    assert abs(step.milestones[0] * iterations - drop) <= iterations and step.gamma == 0.1
    optimizer = config.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.momentum, optimizer.weight_decay) == ('SGD', lr, 0.9, 5e-4)
    assert config.optim_wrapper.paramwise_cfg == dict(bias_lr_mult=2, bias_decay_mult=0)


def test_shuffle_and_learn_is_the_released_codes():
    config = read(METHODS['shuffle-and-learn_caffenet'])
    steps_of = {step.type: step for step in steps(config.train_dataloader.dataset.pipeline)}
    assert list(steps_of) == [
        *('VideoReaderInit', 'LoadMotion', 'SampleFrameTuple', 'DecodeClips', 'EachClip', 'PackClips')
    ]
    sampler = steps_of['SampleFrameTuple']
    assert (sampler.clip_len, sampler.window, sampler.margin, sampler.wrong_share) == (1, 60, 15, 0.75)
    (resize,) = steps(steps_of['EachClip'].transforms)
    assert tuple(resize.scale) == (227, 227) and not resize.keep_ratio
    net, (head,) = config.model.backbone, config.model.heads.values()
    assert net.batch_norm == 'plain' and 'fc_channels' not in net and config.model.data_preprocessor.to_bgr
    assert (head.in_channels, head.tuple_len, head.num_classes, head.dropout) == (4096, 3, 2, 0.5)
    assert head.init_cfg.b == -head.init_cfg.a == (3 / (3 * 4096)) ** 0.5


@pytest.mark.parametrize('method', ['opn_caffenet', 'opn_vggm'])
def test_opn_is_the_released_codes_whatever_its_net(method):
    config = read(METHODS[method])
    opens, motion, sampler, decodes, shared, own, packs = steps(config.train_dataloader.dataset.pipeline)
    assert (motion.type, sampler.type, shared.groups) == ('LoadMotion', 'SampleClipOrder', [[0, 1, 2, 3]])
    assert (sampler.tuple_len, sampler.clip_len, sampler.gap, sampler.up_to_reversal) == (4, 1, 4, True)
    assert [(part.type, part.get('size')) for part in steps(shared.transforms)] == [
        ('Resize', None),
        ('MotionCrop', 100),
        ('RandomCrop', 90),
        ('Flip', None),
    ]
    assert [(part.type, part.get('size')) for part in steps(own.transforms)] == [
        ('RandomCrop', 80),
        ('ChannelSplit', None),
    ]
    (head,) = config.model.heads.values()
    assert (head.in_channels, head.hidden_channels, head.dropout, head.input_dropout) == (1024, 512, 0.5, 0.5)
    assert head.batch_norm and head.up_to_reversal and head.tuple_len == 4
    assert config.model.backbone.fc_channels == (1024,) and config.model.backbone.fc_size == 2


@pytest.mark.parametrize('method', METHODS)
def test_the_test_averages_ten_crops_of_25_frames(method):
    recipe, net = ('shuffle_and_learn', None) if method.startswith('shuffle') else ('opn', method.split('_')[1])
    stages = read_recipe(f'{recipe}_ucf101.py', net).stages
    for data in ('ucf101', 'hmdb51'):
        config = read(stages[f'finetune_{data}'].config.removeprefix('../'))
        test = {step.type: step for step in steps(config.test_dataloader.dataset.pipeline)}
        size = 224 if net == 'vggm' else 227
        assert (test['SampleFrames'].num_clips, test['SampleFrames'].clip_len) == (25, 1)
        assert test['TenCrop'].crop_size == size and config.test_dataloader.batch_size == 1
        assert config.model.cls_head.average_clips == 'prob' and config.model.cls_head.dropout_ratio == 0.5


@pytest.mark.parametrize('method', METHODS)
def test_the_first_weights_are_those_of_the_released_code(method):
    config = read(METHODS[method])
    torch.manual_seed(0)
    net = MODELS.build({**config.model.backbone, 'base_channels': 16})
    net.init_weights()
    for name, std, bias in (('stem', 0.01, 0), ('stage1', 0.01, 1), ('stage2', 0.01, 0), ('fc6', 0.005, 1)):
        conv = net.get_submodule(name).conv
        if method.startswith('opn') and bias:  # conv2 has none there; fc6's are the same behind its batch norm
            std, bias = 0.01, 0
        assert conv.weight.std().item() == pytest.approx(std, rel=0.1), name
        assert (conv.bias == bias).all(), name
    if method.startswith('opn'):
        assert (net.fc6.bn.weight == 1).all()
        head = MODELS.build(config.model.heads.order)
        head.init_weights()
        assert head.classifier.weight.std().item() == pytest.approx(0.005, rel=0.1)
        assert (head.classifier.bias == 1).all()
