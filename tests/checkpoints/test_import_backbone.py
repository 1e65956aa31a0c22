"""Authors' checkpoints come in with the features they had, or not at all."""

import argparse
import pickle

import pytest
import torch
from author_names import NETS, VITS, as_authors, build_vit, features, lively

from videossl.checkpoints import FAMILIES, fill_backbone, import_backbone, load_mapped, weights_sha256, write_weights
from videossl.checkpoints.import_backbone import backbone_name
from videossl.checkpoints.layouts import LAYOUTS
from videossl.errors import CheckpointError
from videossl.models import C3D, R3D, MomentumPretrainer, TorchvisionR2Plus1D
from videossl.registry import MODELS

FORMATS = [  # family, net, prefix, what wraps the weights
    ('auxskd', 'vcop-r2plus1d-10', 'encoder_q.module.', 'state_dict'),
    ('auxskd', 'vcop-r3d-10', 'encoder_q.module.', 'state_dict'),
    ('vspp', 'vcop-r2plus1d-10', '', None),
    ('vspp', 'vcop-r2plus1d-10', 'module.', None),
    ('video-pace', 'vcop-c3d', 'module.', 'state_dict'),
    ('video-pace', 'vcop-r3d-10', '', 'state_dict'),
    ('video-pace', 'pace-s3dg', 'module.', 'state_dict'),
    ('vcop', 'vcop-c3d', 'base_network.', None),
    ('vcop', 'vcop-r3d-10', 'base_network.', None),
    ('vcop', 'vcop-r3d-18', 'module.base_network.', None),
    ('vcop', 'vcop-r2plus1d-10', 'base_network.', None),
    ('vcop', 'vcop-r2plus1d-18', 'base_network.', None),
    ('rspnet', 'vcop-c3d', 'encoder_q.encoder.', 'model'),
    ('rspnet', 'vcop-r2plus1d-10', 'module.encoder_q.encoder.', 'model'),
    ('rspnet', 'hara', 'encoder_q.encoder.', 'model'),
    ('rspnet', 'rspnet-s3dg', 'encoder_q.encoder.', 'model'),
    ('torchvision', 'torchvision-r3d', '', None),
    ('torchvision', 'torchvision-r2plus1d', '', None),
    ('video-moco', 'torchvision-r3d', 'module.encoder_q.', 'state_dict'),
    ('video-moco', 'torchvision-r2plus1d', 'module.encoder_q.', 'state_dict'),
    # SEVERE's files of GDT, SeLaVi, AVID-CMA, pretext-contrast and RSPNet.
    ('severe', 'torchvision-r2plus1d', 'video_network.base.', 'model'),
    ('severe', 'torchvision-r2plus1d', 'module.video_network.base.', 'model'),
    ('severe', 'torchvision-r2plus1d', 'module.video_model.', 'model'),
    ('severe', 'numbered-r2plus1d', 'module.base_network.', None),
    ('severe', 'numbered-r2plus1d', 'encoder_q.encoder.base_network.', 'model'),
]

WITHOUT_DOUBT = ('hara', 'rspnet', 'pace', 'torchvision', 'numbered', 'ctp', 'severe')


def write(path, weights, wrapper=None, **beside):
    torch.save({wrapper: weights, **beside} if wrapper else weights, path)
    return path


def make(name, prefix='', seed=0):
    """A net of ours, and its weights as the authors would have saved them, with a classifier."""
    _, build, table = NETS[name]
    net = lively(build(), seed)
    return net, {**as_authors(net, table, prefix), f'{prefix}linear.weight': torch.zeros(4, 32)}


@pytest.mark.parametrize('family, name, prefix, wrapper', FORMATS)
def test_features_are_the_same_bit_by_bit(family, name, prefix, wrapper, tmp_path):
    net, weights = make(name, prefix)
    if family == 'vspp':
        weights[f'{prefix}linear_segment.weight'] = torch.zeros(4, 32)
    source = write(tmp_path / 'theirs.pth', weights, wrapper, epoch=3)
    imported = import_backbone(source, family)
    assert imported.meta['family'] == family
    assert imported.meta['data_preprocessor'] == FAMILIES[family].data_preprocessor
    assert imported.report.dropped == [key for key in weights if 'linear' in key]
    assert len(imported.report.taken) == len(net.state_dict())

    write_weights(tmp_path / 'ours.pth', imported.tensors, imported.meta)
    built = MODELS.build(imported.meta['backbone'])
    assert type(built) is type(net)
    report = fill_backbone(built, str(tmp_path / 'ours.pth'))
    assert not report.missing and not report.dropped and not report.mismatched
    assert torch.equal(features(built), features(net))
    assert features(net).std() > 0.01  # else equality would mean little


@pytest.mark.parametrize('name', NETS)
def test_the_name_for_backbone_is_that_of_the_net_in_the_file(name, tmp_path):
    expected, _, _ = NETS[name]
    _, weights = make(name, 'encoder_q.encoder.' if 'hara' in name or 'rspnet' in name else '')
    family = 'auto' if name.split('-')[0] in WITHOUT_DOUBT else 'vcop'
    source = write(tmp_path / 'theirs.pth', weights)
    import_backbone(source, family, expected)
    with pytest.raises(CheckpointError, match=f'holds {expected}, not r3d-34'):
        import_backbone(source, family, 'r3d-34')


def test_names_that_stand_in_the_authors_files(tmp_path):
    """A few names spelt out, as PyTorch would save them from the authors' modules."""
    for name, spelt in {
        'vcop-r3d-18': [
            'conv1.temporal_spatial_conv.weight',
            'bn1.running_var',
            'conv2.block1.conv1.temporal_spatial_conv.weight',
            'conv3.block1.downsampleconv.temporal_spatial_conv.weight',
            'conv3.block1.downsamplebn.weight',
            'conv5.blocks.0.bn2.bias',
        ],
        'vcop-r2plus1d-10': [
            'conv1.spatial_conv.weight',
            'conv1.bn.weight',
            'conv1.temporal_conv.weight',
            'bn1.weight',
            'conv4.block1.downsampleconv.bn.running_mean',
        ],
        'vcop-c3d': ['conv1.bias', 'bn1.weight', 'conv3a.weight', 'bn5b.num_batches_tracked'],
        'hara': ['conv1.weight', 'bn1.bias', 'layer1.1.conv2.weight', 'layer4.0.downsample.1.running_var'],
        'rspnet-s3dg': [
            'feature.sepConv1.sep_conv.1.bn.weight',
            'feature.sepConv1.excitation.bias',
            'feature.basicConv3d.conv3d.weight',
            'feature.sepInc_5c.branch3.1.conv3d.weight',
            'feature.sepInc_4e.branch2.1.excitation.weight',
        ],
        'pace-s3dg': [
            'conv1.conv1.weight',
            'conv_2b.bn1.weight',
            'conv_2c.conv2.weight',
            'gating.fc.weight',
            'mixed_3b.conv_b0.bn1.bias',
            'mixed_4f.conv_b1_a.conv1.weight',
            'mixed_5c.gating_b3.fc.bias',
        ],
        'torchvision-r3d': [
            'stem.0.weight',
            'stem.1.running_mean',
            'layer1.0.conv1.0.weight',
            'layer2.0.conv1.1.weight',
            'layer2.0.downsample.0.weight',
            'layer4.1.conv2.1.num_batches_tracked',
        ],
        'torchvision-r2plus1d': [
            'stem.0.weight',
            'stem.1.running_mean',
            'stem.3.weight',
            'stem.4.bias',
            'layer1.0.conv1.0.0.weight',
            'layer2.0.conv1.0.1.running_var',
            'layer2.0.conv2.0.3.weight',
            'layer3.1.conv1.1.weight',
            'layer4.0.downsample.0.weight',
            'layer4.0.downsample.1.num_batches_tracked',
        ],
        'numbered-r2plus1d': ['0.0.weight', '0.4.weight', '1.0.conv1.0.0.weight', '4.0.downsample.1.bias'],
        'ctp-r2plus1d': [
            'stem.conv_s.weight',
            'stem.bn_s.weight',
            'stem.conv_t.weight',
            'stem.bn_t.running_mean',
            'layer1.0.conv1.conv_s.weight',
            'layer2.0.conv2.bn_s.bias',
            'layer2.0.conv2.conv_t.weight',
            'layer2.0.bn1.weight',
            'layer4.0.downsample.conv.weight',
            'layer4.0.downsample_bn.bias',
        ],
        'ctp-r3d': [
            'stem.conv.weight',
            'layer2.0.downsample.conv.weight',
            'layer2.0.downsample_bn.bias',
            'layer3.1.conv2.conv.weight',
            'layer3.1.bn2.weight',
        ],
    }.items():
        layout = next(layout for key, layout in LAYOUTS.items() if name.startswith(key.removesuffix('-resnet3d')))
        renamed = {layout.rename(ours) for ours in NETS[name][1]().state_dict()}
        assert set(spelt) <= renamed, name


def test_torchvisions_r3d_18_is_our_r3d_of_depth_18_at_full_width():
    with torch.device('meta'):
        net = R3D(18)
    shapes = {LAYOUTS['torchvision-r3d'].rename(name): tuple(value.shape) for name, value in net.state_dict().items()}
    for name, shape in {
        'stem.0.weight': (64, 3, 3, 7, 7),
        'layer1.0.conv1.0.weight': (64, 64, 3, 3, 3),
        'layer2.0.conv1.0.weight': (128, 64, 3, 3, 3),
        'layer2.0.downsample.0.weight': (128, 64, 1, 1, 1),
        'layer4.1.conv2.1.running_var': (512,),
    }.items():
        assert shapes[name] == shape
    # torchvision gives 33,371,472 parameters, its classifier of 400 classes among them.
    assert sum(parameter.numel() for parameter in net.parameters()) + 400 * 512 + 400 == 33_371_472


def test_torchvisions_r2plus1d_18_is_ours_at_full_width():
    with torch.device('meta'):
        net = TorchvisionR2Plus1D()
    rename = LAYOUTS['torchvision-r2plus1d'].rename
    shapes = {rename(name): tuple(value.shape) for name, value in net.state_dict().items()}
    for name, shape in {
        'stem.0.weight': (45, 3, 1, 7, 7),
        'stem.3.weight': (64, 45, 3, 1, 1),
        'layer1.0.conv1.0.0.weight': (144, 64, 1, 3, 3),
        'layer1.1.conv2.0.3.weight': (64, 144, 3, 1, 1),
        'layer2.0.conv1.0.0.weight': (230, 64, 1, 3, 3),
        'layer2.0.conv2.0.0.weight': (230, 128, 1, 3, 3),
        'layer2.1.conv1.0.0.weight': (288, 128, 1, 3, 3),
        'layer3.0.conv2.0.1.bias': (460,),
        'layer4.0.conv2.0.3.weight': (512, 921, 3, 1, 1),
        'layer4.0.downsample.0.weight': (512, 256, 1, 1, 1),
    }.items():
        assert shapes[name] == shape
    # torchvision gives 31,505,325 parameters, its classifier of 400 classes among them.
    assert sum(parameter.numel() for parameter in net.parameters()) + 400 * 512 + 400 == 31_505_325


def test_ctps_r2plus1d_is_told_from_torchvisions_by_its_middle_widths(tmp_path):
    for name, settings in (('ctp-r2plus1d', dict(middle='convolution')), ('severe-ctp-r2plus1d', {})):
        net, weights = make(name, 'backbone.')
        imported = import_backbone(write(tmp_path / 'theirs.pth', weights, 'state_dict'))
        expected = dict(type='videossl.TorchvisionR2Plus1D', depth=18, base_channels=4, **settings)
        assert imported.meta['backbone'] == expected and imported.meta['family'] == 'ctp'
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm3d):
                module.eps = 1e-3
        built = MODELS.build(imported.meta['backbone'])
        built.load_state_dict({name.removeprefix('backbone.'): value for name, value in imported.tensors.items()})
        torch.testing.assert_close(features(built), features(net), rtol=1e-4, atol=1e-4)


def test_the_pixels_of_torchvisions_net_are_those_of_whoever_trained_it(tmp_path):
    source = write(tmp_path / 'theirs.pth', make('torchvision-r3d', 'module.encoder_q.')[1], 'state_dict')
    assert import_backbone(source).meta['data_preprocessor'] == FAMILIES['video-moco'].data_preprocessor
    overruled = import_backbone(source, 'torchvision')
    assert overruled.meta['data_preprocessor'] == FAMILIES['torchvision'].data_preprocessor


def test_a_net_of_sound_beside_the_videos_is_passed_over(tmp_path):
    weights = make('torchvision-r2plus1d', 'video_network.base.')[1]
    for name in ('conv1.weight', 'layer1.0.conv1.weight'):  # as a ResNet of images or spectrograms has them
        weights[f'audio_network.base.{name}'] = torch.zeros(4, 1, 3, 3)
    imported = import_backbone(write(tmp_path / 'theirs.pth', weights, 'model'))
    assert imported.meta['family'] == 'severe' and 'audio_network.base.conv1.weight' in imported.report.dropped


def test_tclrs_last_stage_is_another_and_is_refused_by_its_names(tmp_path):
    _, weights = make('torchvision-r2plus1d', 'module.0.')
    for part in (
        '0.weight',
        '1.weight',
        '1.bias',
        '1.running_mean',
        '1.running_var',
        '1.num_batches_tracked',
        '3.weight',
    ):
        del weights[f'module.0.layer4.0.conv1.0.{part}']
    weights['module.0.layer4.0.conv1.0.weight'] = torch.zeros(32, 16, 3, 3, 3)
    with pytest.raises(CheckpointError, match='6 missing: module.0.layer4.0.conv1.0.0.weight'):
        import_backbone(write(tmp_path / 'theirs.pth', weights, 'state_dict'))


def test_ctps_batch_norms_add_more_to_the_variance_and_the_features_stay_the_same(tmp_path):
    net, weights = make('ctp-r3d', 'backbone.')
    for name, value in weights.items():
        if name.endswith('running_var'):
            value.mul_(1e-3)  # where 1e-3 more counts
    net.load_state_dict(
        {name: value * 1e-3 if name.endswith('running_var') else value for name, value in net.state_dict().items()}
    )
    without = features(net)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.eps = 1e-3
    imported = import_backbone(write(tmp_path / 'theirs.pth', weights, 'state_dict'))
    built = R3D(18, base_channels=4)
    built.load_state_dict({name.removeprefix('backbone.'): value for name, value in imported.tensors.items()})
    torch.testing.assert_close(features(built), features(net), rtol=1e-4, atol=1e-4)
    assert (without - features(net)).abs().mean() > 0.05 * features(net).abs().mean()
    assert 'same in evaluation' in str(imported.report)


@pytest.mark.parametrize('encoder, prefix', [('query', 'encoder_q.module.'), ('key', 'encoder_k.module.')])
def test_of_two_encoders_the_one_asked_for_is_taken(encoder, prefix, tmp_path):
    weights = {
        **make('vcop-r3d-10', 'encoder_q.module.', seed=1)[1],
        **make('vcop-r3d-10', 'encoder_k.module.', seed=2)[1],
        'queue': torch.zeros(8, 4),
        'predict_q_c.module.0.weight': torch.zeros(8, 4),
    }
    source = write(tmp_path / 'theirs.pth', weights, 'state_dict', opt=argparse.Namespace(model='r3d'))
    imported = import_backbone(source, encoder=encoder)
    assert torch.equal(
        imported.tensors['backbone.stem.conv.weight'], weights[f'{prefix}conv1.temporal_spatial_conv.weight']
    )
    assert (imported.meta['family'], imported.meta['encoder']) == ('auxskd', encoder)
    other = {'query': 'encoder_k', 'key': 'encoder_q'}[encoder]
    assert {'queue', f'{other}.module.bn1.weight'} <= set(imported.report.dropped)


def test_auto_says_when_it_cannot_tell(tmp_path):
    source = write(tmp_path / 'theirs.pth', make('vcop-r3d-10')[1])
    with pytest.raises(CheckpointError, match='(?s)vspp, video-pace, vcop.*--family'):
        import_backbone(source)
    with pytest.raises(CheckpointError, match='hara-resnet3d without anything to tell'):
        import_backbone(
            write(tmp_path / 'hara.pth', make('hara', 'module.')[1])
        )  # its own authors' would look like this


def test_auto_and_the_given_family_agree(tmp_path):
    for family, name, prefix, wrapper in FORMATS:
        if prefix in ('', 'module.') and not name.startswith(('torchvision', 'pace')):
            continue
        source = write(tmp_path / 'theirs.pth', make(name, prefix)[1], wrapper)
        assert import_backbone(source).meta['family'] == family, (family, name)


def test_a_file_of_another_family_than_said_is_refused(tmp_path):
    source = write(tmp_path / 'theirs.pth', make('vcop-r3d-10', 'base_network.')[1])
    with pytest.raises(CheckpointError, match='vcop, not of video-pace'):
        import_backbone(source, 'video-pace')
    with pytest.raises(CheckpointError, match='vcop-r3d, which no file of rspnet has'):
        import_backbone(source, 'rspnet')


def test_several_nets_need_a_prefix(tmp_path):
    source = write(tmp_path / 'theirs.pth', {**make('vcop-c3d', 'rgb.', 1)[1], **make('vcop-c3d', 'flow.', 2)[1]})
    with pytest.raises(CheckpointError, match='(?s)several nets.*under "rgb.".*--prefix'):
        import_backbone(source, 'vcop')
    imported = import_backbone(source, 'vcop', prefix='flow')
    assert torch.equal(imported.tensors['backbone.stem.conv.weight'], make('vcop-c3d', seed=2)[1]['conv1.weight'])
    with pytest.raises(CheckpointError, match='but none under "depth."'):
        import_backbone(source, 'vcop', prefix='depth')


@pytest.mark.parametrize(
    'change, message',
    [
        (lambda weights: weights.pop('conv4.block1.bn1.weight'), '1 missing: conv4.block1.bn1.weight'),
        (
            lambda weights: weights.update({'conv5.block1.bn2.bias': torch.zeros(7)}),
            r'1 of another shape: conv5.block1.bn2.bias '
            r'\(7,\) for \(32,\)',
        ),
        (
            lambda weights: weights.update({'conv5.blocks.0.bn2.bias': torch.zeros(32)}),
            'layers inside the backbone that R3D does not have: conv5.blocks.0.bn2.bias',
        ),
        (
            lambda weights: weights.update({f'conv2.blocks.{i}.bn1.weight': torch.zeros(4) for i in range(2)}),
            '3 blocks',
        ),
    ],
)
def test_a_net_that_is_not_quite_ours_is_refused(change, message, tmp_path):
    weights = make('vcop-r3d-10')[1]
    change(weights)
    with pytest.raises(CheckpointError, match=message):
        import_backbone(write(tmp_path / 'theirs.pth', weights), 'vcop')


def test_a_file_older_than_the_counters_of_batches_gets_them(tmp_path):
    net, weights = make('vcop-c3d')
    weights = {name: value for name, value in weights.items() if not name.endswith('num_batches_tracked')}
    imported = import_backbone(write(tmp_path / 'theirs.pth', weights), 'vcop')
    built = C3D(base_channels=4)
    built.load_state_dict({name.removeprefix('backbone.'): value for name, value in imported.tensors.items()})
    assert torch.equal(features(built), features(net))
    assert len(imported.report.missing) == 8 and 'counters of batches' in str(imported.report)


@pytest.mark.parametrize('mlp', [False, True])
def test_rspnets_heads_become_necks_that_a_pretrainer_takes(mlp, tmp_path):
    net, weights = make('vcop-c3d', 'encoder_q.encoder.')
    for head in ('fc1', 'fc2'):
        for layer, out in ((2, 32), (4, 8)) if mlp else ((2, 8),):
            weights[f'encoder_q.{head}.{layer}.weight'] = torch.randn(out, 32)
            weights[f'encoder_q.{head}.{layer}.bias'] = torch.randn(out)
    imported = import_backbone(write(tmp_path / 'theirs.pth', weights, 'model'), heads=True)
    write_weights(tmp_path / 'ours.pth', imported.tensors, imported.meta)
    pretrainer = MomentumPretrainer(
        imported.meta['backbone'],
        necks=imported.meta['necks'],
        memory_bank=dict(type='MemoryBank', size=8, dim=8),
        enqueue=('appearance', 0),
        heads=dict(appearance=dict(type='InfoNCEHead')),
    )
    load_mapped(
        pretrainer,
        str(tmp_path / 'ours.pth'),
        {'backbone.': 'backbone.', 'necks.appearance.': 'necks.appearance.', 'necks.motion.': 'necks.motion.'},
    )
    pooled = features(net).mean(dim=(2, 3, 4))
    for head, neck in (('fc1', 'appearance'), ('fc2', 'motion')):
        expected = torch.nn.functional.linear(
            pooled, weights[f'encoder_q.{head}.2.weight'], weights[f'encoder_q.{head}.2.bias']
        )
        if mlp:
            expected = torch.nn.functional.linear(
                expected.relu(), weights[f'encoder_q.{head}.4.weight'], weights[f'encoder_q.{head}.4.bias']
            )
        torch.testing.assert_close(pretrainer.necks[neck](features(pretrainer.backbone)), expected)


def test_heads_that_are_no_projections_are_refused(tmp_path):
    _, weights = make('vcop-c3d', 'encoder_q.encoder.')
    weights['encoder_q.fc1.conv1.weight'] = torch.zeros(32, 32, 3, 3, 3)
    with pytest.raises(CheckpointError, match='encoder_q.fc1 is neither.*encoder_q.fc1.conv1.weight'):
        import_backbone(write(tmp_path / 'theirs.pth', weights, 'model'), heads=True)
    with pytest.raises(CheckpointError, match='file of RSPNet'):
        import_backbone(write(tmp_path / 'other.pth', make('vcop-c3d', 'base_network.')[1]), heads=True)


class Malice:
    """Touches a file when it is unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return open, (str(self.target), 'w')


@pytest.mark.parametrize('wrap', [lambda evil: {'epoch': evil}, lambda evil: {'opt': argparse.Namespace(x=evil)}])
def test_a_malicious_file_is_refused_unrun_and_the_user_is_told_what_to_do(wrap, tmp_path):
    _, weights = make('vcop-c3d', 'base_network.')
    for name, save in (
        ('zip.pth', torch.save),
        ('pickle.pth', lambda content, path: path.write_bytes(pickle.dumps(content, 2))),
    ):
        save(
            {'state_dict': weights if name == 'zip.pth' else {}, **wrap(Malice(tmp_path / 'touched'))}, tmp_path / name
        )
        with pytest.raises(CheckpointError, match='can run any code.*save its "state_dict" alone'):
            import_backbone(tmp_path / name)
    assert not (tmp_path / 'touched').exists()


@pytest.mark.parametrize(
    'content, message',
    [
        ({'epoch': 3}, 'no weights in it'),
        (
            {'state_dict': {'layer1.0.weight': torch.zeros(3), 'fc.bias': torch.zeros(3)}},
            'no net of a known layout.*fc, layer1',
        ),
        (
            {'model_state': {'s1.pathway0_stem.conv.weight': torch.zeros(3)}, 'epoch': 3},
            r'a file of SlowFast \(PySlowFast\), whose nets are not among ours',
        ),
    ],
)
def test_files_without_a_net_that_is_known_are_refused(content, message, tmp_path):
    torch.save(content, tmp_path / 'theirs.pth')
    with pytest.raises(CheckpointError, match=message):
        import_backbone(tmp_path / 'theirs.pth')


def test_missing_damaged_and_unknown(tmp_path):
    with pytest.raises(CheckpointError, match='there is no checkpoint'):
        import_backbone(tmp_path / 'none.pth')
    (tmp_path / 'damaged.pth').write_bytes(b'PK\x03\x04 but no more')
    with pytest.raises(CheckpointError, match='the file is damaged or cut off'):
        import_backbone(tmp_path / 'damaged.pth')
    (tmp_path / 'damaged.safetensors').write_bytes(b'12345678')
    with pytest.raises(CheckpointError, match="safetensors' format"):
        import_backbone(tmp_path / 'damaged.safetensors')
    for arguments, message in (
        (dict(family='coclr'), 'no family coclr'),
        (dict(encoder='both'), 'encoder must be one of'),
    ):
        with pytest.raises(CheckpointError, match=message):
            import_backbone(tmp_path / 'none.pth', **arguments)


def test_a_file_says_what_it_is_and_its_digest_is_that_of_its_weights(tmp_path):
    imported = import_backbone(write(tmp_path / 'theirs.pth', make('vcop-c3d', 'base_network.')[1]))
    write_weights(tmp_path / 'ours.safetensors', imported.tensors, imported.meta)
    write_weights(tmp_path / 'ours.pth', imported.tensors, imported.meta)
    content = torch.load(tmp_path / 'ours.pth', weights_only=True)
    assert content['meta'] == imported.meta
    assert content['meta']['weights_sha256'] == weights_sha256(content['state_dict'])
    assert 'without a licence' in content['meta']['licence'] and content['meta']['source'] == 'theirs.pth'
    content['state_dict']['backbone.stem.bn.bias'][0] += 1
    assert content['meta']['weights_sha256'] != weights_sha256(content['state_dict'])
    from safetensors import safe_open

    with safe_open(tmp_path / 'ours.safetensors', 'pt') as file:
        assert file.metadata()['weights_sha256'] == content['meta']['weights_sha256']
        assert torch.equal(file.get_tensor('backbone.stem.conv.weight'), imported.tensors['backbone.stem.conv.weight'])


def test_the_pixels_that_come_with_a_file_are_those_of_its_authors():
    clip = torch.randint(0, 256, (1, 3, 2, 4, 4), dtype=torch.uint8)
    pixels = {
        name: MODELS.build(family.data_preprocessor)(dict(inputs=[clip]))['inputs'][0]
        for name, family in FAMILIES.items()
    }
    rgb = clip.float() / 255
    for family, mean, std in (
        ('rspnet', (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ('ctp', (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ('torchvision', (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)),
    ):
        mean, std = (torch.tensor(values)[:, None, None, None] for values in (mean, std))
        torch.testing.assert_close(pixels[family], (rgb - mean) / std, rtol=1e-5, atol=1e-5)
    assert torch.allclose(pixels['vcop'], rgb)
    for family in ('auxskd', 'vspp', 'video-pace'):
        assert torch.equal(pixels[family], clip[:, [2, 1, 0]].float())


VIT_FILES = [  # layout, prefix, what wraps the weights, other names in the file
    (
        'videomae-pretrained',
        'encoder.',
        'model',
        ('mask_token', 'encoder_to_decoder.weight', 'decoder.blocks.0.attn.q_bias'),
    ),
    ('videomae-finetuned', '', 'module', ('fc_norm.weight', 'fc_norm.bias', 'head.weight')),
    (
        'mmaction-vit',
        'backbone.',
        'state_dict',
        ('backbone.fc_norm.weight', 'backbone.pos_embed', 'cls_head.fc_cls.weight'),
    ),
]


def write_vit(path, kind, prefix, wrapper, others):
    net = build_vit(kind)
    weights = {**as_authors(net, VITS[kind][1], prefix), **{name: torch.zeros(4, 192) for name in others}}
    return net, write(path, weights, wrapper), weights


@pytest.mark.parametrize(('kind', 'prefix', 'wrapper', 'others'), VIT_FILES)
def test_vits_of_videomae_have_the_features_they_had_bit_by_bit(kind, prefix, wrapper, others, tmp_path):
    net, source, _ = write_vit(tmp_path / 'theirs.pth', kind, prefix, wrapper, others)
    imported = import_backbone(source, backbone='vit-3x64-4')
    assert imported.meta['family'] == 'videomae' and imported.report.dropped == list(others)
    assert imported.meta['data_preprocessor'] == FAMILIES['videomae'].data_preprocessor
    settings = dict(depth=4, patch_size=8, tubelet_size=2, **VITS[kind][0])
    assert imported.meta['backbone'] == dict(type='videossl.ViT', **settings)
    write_weights(tmp_path / 'ours.pth', imported.tensors, imported.meta)
    built = MODELS.build(imported.meta['backbone'])
    report = fill_backbone(built, str(tmp_path / 'ours.pth'))
    assert not report.missing and not report.dropped and not report.mismatched
    assert torch.equal(features(built), features(net))
    assert features(net).std() > 0.01


def test_names_that_stand_in_videomaes_files():
    for kind, spelt in {
        'videomae-pretrained': (
            'patch_embed.proj.bias',
            'blocks.3.mlp.fc2.weight',
            'blocks.0.attn.q_bias',
            'norm.weight',
        ),
        'videomae-finetuned': ('blocks.2.attn.qkv.weight', 'blocks.2.attn.proj.bias', 'blocks.1.norm2.weight'),
        'mmaction-vit': ('patch_embed.projection.weight', 'blocks.1.mlp.layers.0.0.bias', 'blocks.1.mlp.layers.1.bias'),
    }.items():
        assert set(spelt) <= {LAYOUTS[kind].rename(ours) for ours in build_vit(kind).state_dict()}


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda weights: weights.pop('encoder.blocks.2.norm1.bias'), '1 missing: encoder.blocks.2.norm1.bias'),
        (
            lambda weights: weights.update({'encoder.blocks.1.attn.rel_pos': torch.zeros(2)}),
            'layers inside the backbone',
        ),
        (
            lambda weights: weights.update({'encoder.patch_embed.proj.weight': torch.zeros(100, 3, 2, 8, 8)}),
            'ViT of width 100; the widths with a known number of heads',
        ),
        (
            lambda weights: weights.update({'encoder.patch_embed.proj.weight': torch.zeros(192, 3, 8, 8)}),
            'no net of a known layout',  # a net of images
        ),
    ],
)
def test_other_vits_are_refused(change, message, tmp_path):
    _, _, weights = write_vit(tmp_path / 'theirs.pth', *VIT_FILES[0])
    change(weights)
    with pytest.raises(CheckpointError, match=message):
        import_backbone(write(tmp_path / 'changed.pth', weights))


def test_the_names_of_nets_are_those_of_the_configs():
    for name, net in {
        'r3d-18': dict(type='videossl.R3D', depth=18),
        'c3d': dict(type='videossl.C3D'),
        'torchvision-r2plus1d-18': dict(type='TorchvisionR2Plus1D', depth=18),
        'vit-ti': dict(type='videossl.ViT'),
        'vit-s': dict(type='videossl.ViT', num_heads=6, depth=12, patch_size=8),
        'vit-b': dict(type='videossl.ViT', num_heads=12, depth=12),
        'vit-h': dict(type='videossl.ViT', num_heads=16, base_channels=80, depth=32),
        'vit-3x64-4': dict(type='videossl.ViT', depth=4),
    }.items():
        assert backbone_name(net) == name
