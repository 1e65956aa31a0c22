"""Pooling of feature maps."""

import pytest
import torch

from videossl.errors import ConfigError
from videossl.features.clip_encoder import pool


def test_every_pooling_on_a_known_map():
    counting = torch.arange(2 * 3 * 2 * 4 * 5.0).reshape(2, 3, 2, 4, 5)
    flat = counting.reshape(2, 3, 40)
    assert torch.equal(pool(counting, 'avg'), flat.mean(2)) and torch.equal(pool(counting, 'max'), flat[:, :, -1])
    blocks = pool(counting, 'max_1x2x2')
    # The largest of each 2x2 is its lower right one: rows 1 and 3, columns 1 and 3; the fifth column has no partner.
    assert torch.equal(blocks, counting[:, :, :, 1::2, 1:4:2].reshape(2, -1)) and blocks.shape == (2, 3 * 2 * 2 * 2)


def test_vcops_pooling_gives_9216_numbers_of_the_nets_of_512_channels():
    assert pool(torch.zeros(1, 512, 2, 7, 7), 'max_1x2x2').shape == (1, 9216)


@pytest.mark.parametrize('pooling', ['avg', 'max', 'max_1x2x2'])
def test_maps_of_several_parts_are_pooled_each_and_joined(pooling):
    human, contrast = torch.rand(2, 3, 2, 4, 4), torch.rand(2, 5, 2, 4, 4)
    joined = pool(dict(human=human, contrast=contrast), pooling)
    assert torch.equal(joined, torch.cat([pool(human, pooling), pool(contrast, pooling)], dim=1))
    assert torch.equal(joined, pool((human, contrast), pooling))
    assert torch.equal(joined, pool(torch.cat([human, contrast], dim=1), pooling))


def test_pooling_is_exact_where_bf16_would_not_be():
    ones = torch.ones(1, 1, 1, 1, 1001, dtype=torch.bfloat16)
    ones[..., 0] = 3
    assert pool(ones, 'avg').item() == pytest.approx(1003 / 1001, abs=1e-6) and pool(ones, 'avg').dtype == torch.float32


def test_vectors_stay_as_they_are():
    vectors = torch.rand(2, 7)
    assert torch.equal(pool(vectors, 'avg'), vectors) and torch.equal(pool(vectors, 'max'), vectors)


@pytest.mark.parametrize(
    ('shape', 'pooling'),
    [((1, 2, 3, 4), 'avg'), ((1, 2), 'max_1x2x2'), ((1, 2, 1, 1, 4), 'max_1x2x2'), ((1, 2), 'sum')],
)
def test_a_map_that_a_pooling_cannot_be_done_on_is_refused(shape, pooling):
    with pytest.raises(ConfigError, match='pooling'):
        pool(torch.zeros(shape), pooling)
