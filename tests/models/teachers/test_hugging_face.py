"""A teacher from a folder in Hugging Face's format: nothing is fetched, everything is read from the folder."""

import json
import socket
import sys

import pytest
import torch
from torch.nn import functional as F

from videossl.models import HuggingFaceTeacher
from videossl.models.teachers.hugging_face import colour_statistics, resize_size
from videossl.registry import MODELS

NAMES = ['Background', 'Left-arm', 'hair', 'Right-arm']
PROCESSOR = dict(
    do_resize=True,
    size=dict(height=32, width=48),
    do_rescale=True,
    rescale_factor=1 / 255,
    do_normalize=True,
    image_mean=[0.5, 0.4, 0.3],
    image_std=[0.2, 0.25, 0.5],
)


@pytest.fixture
def write_processor(tmp_path):
    def write(**changes):
        (tmp_path / 'preprocessor_config.json').write_text(json.dumps(dict(PROCESSOR, **changes)))

    return write


@pytest.fixture
def transformers():
    return pytest.importorskip('transformers')


@pytest.fixture
def config(transformers):
    """A SegFormer of a few thousand parameters."""
    return transformers.SegformerConfig(
        num_encoder_blocks=2,
        depths=[1, 1],
        sr_ratios=[2, 1],
        hidden_sizes=[8, 16],
        patch_sizes=[7, 3],
        strides=[4, 2],
        num_attention_heads=[1, 2],
        mlp_ratios=[2, 2],
        decoder_hidden_size=8,
        id2label=dict(enumerate(NAMES)),
        label2id={name: index for index, name in enumerate(NAMES)},
    )


@pytest.fixture
def network(transformers, config, tmp_path, write_processor):
    """The network that lies in ``tmp_path``."""
    network = transformers.SegformerForSemanticSegmentation(config).eval()
    torch.nn.init.normal_(network.decode_head.batch_norm.running_mean)
    network.save_pretrained(tmp_path)
    write_processor()
    return network


def test_the_folder_gives_weights_classes_statistics_and_size_without_a_network(network, tmp_path, monkeypatch):
    monkeypatch.setattr(socket.socket, 'connect', lambda *args: pytest.fail('the network was asked'))
    teacher = MODELS.build(dict(type='HuggingFaceTeacher', folder=str(tmp_path)))
    assert teacher.num_classes == 4 and teacher.class_names == tuple(NAMES)
    assert teacher.left_right_pairs == ((1, 3),) and teacher.input_size == (32, 48)
    frames = torch.randint(256, (2, 3, 20, 20), dtype=torch.uint8)
    images = F.interpolate(frames.float() / 255, (32, 48), mode='bilinear')
    mean, std = (torch.tensor(PROCESSOR[name]).view(3, 1, 1) for name in ('image_mean', 'image_std'))
    with torch.no_grad():
        expected = network(pixel_values=(images - mean) / std).logits
    logits = teacher.train()(frames)
    assert logits.shape == (2, 4, 8, 12) and logits.std() > 0
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)


def test_arguments_win_over_the_folders_files(network, tmp_path):
    teacher = HuggingFaceTeacher(str(tmp_path), input_size=64, left_right_pairs=[])
    assert teacher.input_size == (64, 64) and teacher.left_right_pairs == ()


def test_half_precision_weights_run_in_single_precision(network, tmp_path):
    network.half().save_pretrained(tmp_path)
    teacher = HuggingFaceTeacher(str(tmp_path))
    assert {parameter.dtype for parameter in teacher.parameters()} == {torch.float32}


def test_a_backbone_without_its_segmentation_head_is_refused(transformers, config, tmp_path, write_processor):
    transformers.SegformerModel(config).save_pretrained(tmp_path)
    write_processor()
    with pytest.raises(ValueError, match='has no weights for .*decode_head'):
        HuggingFaceTeacher(str(tmp_path))


@pytest.mark.parametrize('missing', ['config.json', 'preprocessor_config.json'])
def test_a_folder_that_lacks_a_file_is_refused_by_name(tmp_path, missing):
    for name in {'config.json', 'preprocessor_config.json'} - {missing}:
        (tmp_path / name).write_text('{}')
    with pytest.raises(ValueError, match=f'has no {missing}'):
        HuggingFaceTeacher(str(tmp_path))


@pytest.mark.parametrize('folder', ['somebody/a-parsing-model', '', None])
def test_a_name_on_the_hub_is_refused(folder, monkeypatch):
    monkeypatch.setattr(socket.socket, 'connect', lambda *args: pytest.fail('the network was asked'))
    with pytest.raises(ValueError, match='is not a folder on this machine'):
        HuggingFaceTeacher(folder)


def test_without_transformers_the_error_says_what_to_install(tmp_path, write_processor, monkeypatch):
    monkeypatch.setitem(sys.modules, 'transformers', None)
    (tmp_path / 'config.json').write_text('{}')
    write_processor()
    with pytest.raises(ImportError, match='pip install "transformers'):
        HuggingFaceTeacher(str(tmp_path))


@pytest.mark.parametrize(
    ('changes', 'mean', 'std'),
    [
        (dict(), (127.5, 102, 76.5), (51, 63.75, 127.5)),
        (dict(do_normalize=False), (0, 0, 0), (255, 255, 255)),
        (dict(do_rescale=False), (0.5, 0.4, 0.3), (0.2, 0.25, 0.5)),
        (dict(rescale_factor=0.5), (1, 0.8, 0.6), (0.4, 0.5, 1)),
    ],
)
def test_rescaling_and_normalisation_are_one_mean_and_deviation(changes, mean, std):
    assert colour_statistics(dict(PROCESSOR, **changes)) == (pytest.approx(mean), pytest.approx(std))


def test_statistics_that_are_not_there_are_an_error():
    with pytest.raises(ValueError, match='no image_mean and image_std'):
        colour_statistics(dict(do_normalize=True))


@pytest.mark.parametrize(
    ('changes', 'expected'),
    [
        (dict(), (32, 48)),
        (dict(size=512), (512, 512)),
        (dict(size=dict(shortest_edge=544)), (544, 544)),
        (dict(size=dict(shortest_edge=544), do_center_crop=True, crop_size=dict(height=512, width=384)), (512, 384)),
        (dict(do_resize=False), None),
    ],
)
def test_the_input_size_is_what_the_image_processor_makes(changes, expected):
    assert resize_size(dict(PROCESSOR, **changes)) == expected
