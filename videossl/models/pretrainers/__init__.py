"""Pretrainers: an encoder with heads, alone or with an averaged teacher."""

from .momentum_pretrainer import MomentumPretrainer
from .pretrainer import Pretrainer

__all__ = ['MomentumPretrainer', 'Pretrainer']
