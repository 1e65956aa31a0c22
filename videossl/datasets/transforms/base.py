"""The base of the transforms of this package."""

import inspect

from mmcv.transforms import BaseTransform


class Transform(BaseTransform):
    """mmcv's transform, printed with its arguments, which are attributes of the same names."""

    def __repr__(self) -> str:
        names = inspect.signature(type(self)).parameters
        return f'{type(self).__name__}({", ".join(f"{name}={getattr(self, name)!r}" for name in names)})'
