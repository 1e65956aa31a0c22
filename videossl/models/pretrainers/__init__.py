"""Pretrainers: an encoder with heads, alone or with an averaged teacher."""

from .masked_pretrainer import MaskedPretrainer
from .momentum_pretrainer import MomentumPretrainer
from .pretrainer import Pretrainer

__all__ = ['MaskedPretrainer', 'MomentumPretrainer', 'Pretrainer']
