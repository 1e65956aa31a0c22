from .momentum_pretrainer import MomentumPretrainer
from .pretrainer import Pretrainer

__all__ = ['MomentumPretrainer', 'Pretrainer']
