"""An encoder with heads: what it computes, and which parts it builds."""

import mmaction.models
import pytest
import torch
from mmaction.registry import MODELS as MMACTION_MODELS
from mmengine.optim import OptimWrapper
from mmengine.registry import DefaultScope
from torch import nn
from torch.nn import functional as F

from videossl.errors import ConfigError
from videossl.models import C3D, MomentumPretrainer, PoolNeck, Pretrainer, ProjectionNeck, SegmentHead, SpeedHead
from videossl.registry import MODELS


@pytest.fixture
def vspp(small_backbone):
    """VSPP on the small backbone."""
    return Pretrainer(
        small_backbone(),
        heads=dict(speed=SpeedHead(4, num_speeds=3), segment=SegmentHead(4, num_segments=2, loss_weight=0.5)),
    )


@pytest.fixture
def labelled(samples_with):
    """Three samples of two clips."""
    return samples_with(gt_speed=[[0, 1], [2, 1], [0, 0]], gt_segment=[[1, 0], [0, 0], [1, 1]])


CLIPS = (3, 2, 3, 4, 8, 8)


def pooled_by_hand(backbone: nn.Module, clips: torch.Tensor) -> torch.Tensor:
    """Convolution, batch norm with the batch's statistics, ReLU and mean, in float64: [B * V, 4]."""
    maps = F.conv3d(clips.flatten(0, 1).double(), backbone.conv.weight.double(), stride=2, padding=1)
    mean, variance = maps.mean((0, 2, 3, 4), keepdim=True), maps.var((0, 2, 3, 4), correction=0, keepdim=True)
    return ((maps - mean) / (variance + backbone.bn.eps).sqrt()).clamp(min=0).mean((2, 3, 4))


def test_the_losses_are_those_of_each_head_on_the_pooled_map(vspp, labelled):
    clips = torch.randn(CLIPS)
    results = vspp(clips, labelled, mode='loss')
    assert set(results) == {'loss_speed', 'acc_speed', 'loss_segment', 'acc_segment'}
    pooled = pooled_by_hand(vspp.backbone, clips)
    for name, weight, labels in (('speed', 1, [0, 1, 2, 1, 0, 0]), ('segment', 0.5, [1, 0, 0, 0, 1, 1])):
        linear = vspp.heads[name].classifier
        logits = pooled @ linear.weight.double().t() + linear.bias.double()
        chosen = logits.log_softmax(1)[range(6), labels]
        assert results[f'loss_{name}'].item() == pytest.approx(-weight * chosen.mean().item(), rel=1e-4)
        right = (logits.argmax(1) == torch.tensor(labels)).double().mean()
        assert results[f'acc_{name}'].item() == pytest.approx(right.item())


@pytest.mark.parametrize('pass_per_view', [False, True])
def test_batch_norm_sees_all_clips_at_once_or_those_of_one_view(small_backbone, samples_with, pass_per_view):
    model = Pretrainer(small_backbone(), heads=dict(speed=SpeedHead(4, num_speeds=3)), pass_per_view=pass_per_view)
    clips = torch.randn(CLIPS) * torch.tensor([1.0, 3.0]).view(1, 2, 1, 1, 1, 1)
    running = torch.ones(4).double()
    parts = clips.split(1, dim=1) if pass_per_view else [clips]
    pooled = torch.cat([pooled_by_hand(model.backbone, part).view(3, -1, 4) for part in parts], dim=1)
    for part in parts:
        maps = F.conv3d(part.flatten(0, 1).double(), model.backbone.conv.weight.double(), stride=2, padding=1)
        running = 0.9 * running + 0.1 * maps.var((0, 2, 3, 4))
    model(clips, samples_with(gt_speed=[[0, 1], [2, 1], [0, 0]]), mode='loss')
    torch.testing.assert_close(model.backbone.bn.running_var.double(), running, atol=1e-5, rtol=1e-4)
    assert model.backbone.bn.num_batches_tracked == len(parts)
    torch.testing.assert_close(model(clips, mode='predict').double(), pooled, atol=1e-5, rtol=1e-4)


def test_a_head_reads_the_embedding_it_names_and_others_are_not_computed(small_backbone, samples_with):
    unused = ProjectionNeck(4, 5)
    unused.forward = lambda feature_map: pytest.fail('no head reads this embedding')
    model = Pretrainer(
        small_backbone(),
        heads=dict(speed=SpeedHead(7, num_speeds=3, embedding_name='projection')),
        necks=dict(projection=ProjectionNeck(4, 7), unused=unused),
    )
    clips = torch.randn(CLIPS)
    loss = model(clips, samples_with(gt_speed=[[0, 1], [2, 1], [0, 0]]), mode='loss')['loss_speed']
    linear, head = model.necks['projection'].layers[0], model.heads['speed'].classifier
    embedding = pooled_by_hand(model.backbone, clips) @ linear.weight.double().t() + linear.bias.double()
    logits = embedding @ head.weight.double().t() + head.bias.double()
    by_hand = -logits.log_softmax(1)[range(6), [0, 1, 2, 1, 0, 0]].mean()
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-4)
    assert model.embeddings_in_use == ['projection']


def test_the_modes_give_losses_the_feature_map_and_pooled_features(vspp, labelled):
    vspp.eval()
    clips = torch.randn(CLIPS)
    feature_map = vspp(clips)
    assert feature_map.shape == (6, 4, 2, 4, 4)
    by_hand = F.conv3d(clips.flatten(0, 1), vspp.backbone.conv.weight, stride=2, padding=1) / (1 + 1e-5) ** 0.5
    torch.testing.assert_close(feature_map, by_hand.clamp(min=0), atol=1e-5, rtol=1e-4)
    features = vspp(clips, mode='predict')
    torch.testing.assert_close(features, feature_map.mean((2, 3, 4)).view(3, 2, 4))
    assert 'loss_speed' in vspp(clips, labelled, mode='loss')
    with pytest.raises(ValueError, match='"loss", "tensor" or "predict", got "train"'):
        vspp(clips, mode='train')


def test_an_unknown_embedding_is_refused_with_the_head_and_the_necks_there_are(small_backbone):
    with pytest.raises(ValueError, match=r"heads.speed reads the embedding \"projecton\".*\['pooled', 'projection'\]"):
        Pretrainer(
            small_backbone(),
            heads=dict(speed=SpeedHead(4, embedding_name='projecton')),
            necks=dict(projection=ProjectionNeck(4, 5)),
        )


@pytest.mark.parametrize(
    ('parts', 'named'),
    [
        (dict(heads=None), 'model.heads must be a dict of named heads, got None'),
        (dict(heads=dict(speed=None)), "model.heads must be a dict .*'speed': None.*_delete_=True"),
        (dict(heads={}, necks=[1]), 'model.necks must be a dict of named necks'),
    ],
)
def test_heads_and_necks_that_are_not_named_parts_are_refused(small_backbone, parts, named):
    with pytest.raises(ConfigError, match=named):
        Pretrainer(small_backbone(), **parts)


def test_two_heads_may_not_log_one_name(small_backbone, samples_with):
    model = Pretrainer(small_backbone(), heads=dict(first=SpeedHead(4), second=SpeedHead(4)))
    with pytest.raises(ConfigError, match=r"heads.second returns \['acc_speed', 'loss_speed'\]"):
        model(torch.randn(CLIPS), samples_with(gt_speed=[[0, 1], [2, 1], [0, 0]]), mode='loss')


def test_pooled_can_be_replaced_by_a_neck_of_ones_own(small_backbone):
    model = Pretrainer(small_backbone(), heads=dict(speed=SpeedHead(5)), necks=dict(pooled=ProjectionNeck(4, 5)))
    assert isinstance(model.necks['pooled'], ProjectionNeck)


def test_a_train_step_takes_raw_clips_and_changes_every_weight(vspp, labelled):
    optimizer = torch.optim.SGD(vspp.parameters(), lr=1.0)
    before = {name: parameter.detach().clone() for name, parameter in vspp.named_parameters()}
    clips = torch.randint(0, 256, CLIPS, dtype=torch.uint8)
    logged = vspp.train_step(dict(inputs=list(clips), data_samples=labelled), OptimWrapper(optimizer))
    total = logged['loss_speed'] + logged['loss_segment']
    assert logged['loss'].item() == pytest.approx(total.item())
    same = [name for name, parameter in vspp.named_parameters() if torch.equal(parameter, before[name])]
    assert same == []


@pytest.mark.parametrize('part', ['heads', 'necks'])
def test_initialising_reaches_heads_and_necks(small_backbone, part):
    ones = dict(type='Constant', layer='Linear', val=1.0)
    model = Pretrainer(
        small_backbone(),
        heads=dict(speed=SpeedHead(5, embedding_name='projection', **(dict(init_cfg=ones) if part == 'heads' else {}))),
        necks=dict(projection=ProjectionNeck(4, 5, init_cfg=ones)),
    )
    model.init_weights()
    weight = model.heads['speed'].classifier.weight if part == 'heads' else model.necks['projection'].layers[0].weight
    assert torch.equal(weight, torch.ones_like(weight))


def test_a_classifier_starts_as_its_head_says_and_not_as_pytorch_does(small_backbone):
    model = Pretrainer(small_backbone(), heads=dict(speed=SpeedHead(4, num_speeds=200)))
    model.init_weights()
    assert model.heads['speed'].classifier.weight.std().item() == pytest.approx(0.01, rel=0.2)


def test_without_init_cfg_a_classifier_starts_as_the_released_codes_do(small_backbone):
    heads = dict(speed=dict(type='SpeedHead', in_channels=4, num_speeds=200, init_cfg=None))
    model = Pretrainer(small_backbone(), heads=heads)
    model.init_weights()
    # PyTorch's own: uniform up to 1 / sqrt(in_channels).
    assert 0.4 < model.heads['speed'].classifier.weight.abs().max() <= 0.5


VSPP = dict(
    backbone=dict(type='C3D', base_channels=2),
    heads=dict(speed=dict(type='SpeedHead', in_channels=16)),
    necks=dict(projection=dict(type='ProjectionNeck', in_channels=16)),
)
AUX_SKD = dict(
    backbone=dict(type='C3D', base_channels=2),
    heads=dict(distill=dict(type='SimilarityDistillHead')),
    necks=dict(projection=dict(type='ProjectionNeck', in_channels=16, out_channels=8)),
    predictors=dict(projection=dict(type='PredictorNeck', in_channels=8, hidden_channels=4, out_channels=8)),
    memory_bank=dict(type='MemoryBank', size=5, dim=8),
)


@pytest.mark.parametrize('scope', ['mmaction', 'videossl'])
@pytest.mark.parametrize(('model_class', 'parts'), [(Pretrainer, VSPP), (MomentumPretrainer, AUX_SKD)])
def test_nested_parts_are_ours_whatever_the_default_scope(scope, model_class, parts):
    with DefaultScope.overwrite_default_scope(scope):
        model = MMACTION_MODELS.build(dict(type=f'videossl.{model_class.__name__}', **parts))
    assert type(model) is model_class
    assert type(model.backbone) is C3D
    assert type(model.necks['pooled']) is PoolNeck and type(model.necks['projection']) is ProjectionNeck
    assert type(model.data_preprocessor).__name__ == 'ClipDataPreprocessor'


def test_a_part_of_mmaction2_is_still_there_by_its_prefix():
    backbone = dict(type='mmaction.C3D', pretrained=None, out_dim=8192)
    model = MODELS.build(
        dict(type='Pretrainer', backbone=backbone, heads=dict(speed=dict(type='SpeedHead', in_channels=4)))
    )
    assert type(model.backbone) is mmaction.models.C3D


def test_the_config_is_left_as_it_was():
    parts = dict(type='SpeedHead', in_channels=4)
    Pretrainer(nn.Identity(), heads=dict(speed=parts))
    assert parts == dict(type='SpeedHead', in_channels=4)
