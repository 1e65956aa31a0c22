"""The version of videossl, and those of the packages that its results depend on."""

import importlib.metadata
import platform

__version__ = '0.2.0'

OPENCV = ('opencv-python', 'opencv-contrib-python', 'opencv-python-headless', 'opencv-contrib-python-headless')
PACKAGES = (
    *('torch', 'mmengine', 'mmcv-lite', 'mmaction2', 'decord', 'numpy', 'opencv-python', 'av', 'scikit-learn', 'scipy'),
)
OPTIONAL = ('torchvision', 'mmcv', 'decord2', *OPENCV[1:])


def installed_version(package: str) -> str | None:
    """The version of a distribution; None: not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def all_versions() -> dict[str, str | None]:
    """Version of videossl, Python, and :data:`PACKAGES`, None where one is not installed; and of installed ones of
    :data:`OPTIONAL`."""
    found = {name: installed_version(name) for name in (*PACKAGES, *OPTIONAL)}
    needed = {name: version for name, version in found.items() if version is not None or name in PACKAGES}
    return dict(videossl=__version__, python=platform.python_version(), **needed)
