"""videossl: self-supervised pretraining of video encoders, as a plugin of mmaction2 and mmengine.

Importing this package repairs known faults of the packages that it builds on (:mod:`videossl.compat`) and
registers every part, so ``custom_imports = dict(imports=['videossl'])`` is all that another project's config needs.
"""

from videossl import compat

compat.apply()

from videossl import datasets, engine, models, registry  # noqa: E402
from videossl.version import __version__  # noqa: E402

__all__ = ['__version__', 'compat', 'datasets', 'engine', 'models', 'registry']
