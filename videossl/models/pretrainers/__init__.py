from .masked_pretrainer import MaskedPretrainer
from .momentum_pretrainer import MomentumPretrainer
from .pretrainer import Pretrainer

__all__ = ['MaskedPretrainer', 'MomentumPretrainer', 'Pretrainer']
