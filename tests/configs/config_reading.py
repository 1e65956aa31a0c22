"""Reading configs, for the tests of what they say."""

import functools
from pathlib import Path

from mmengine.config import Config

from videossl.compat import config_directory

ROOT = Path(config_directory())
CONFIGS = sorted(
    str(path.relative_to(ROOT))
    for path in ROOT.glob('*/**/*.py')
    if path.relative_to(ROOT).parts[0] not in ('_base_', 'recipes', 'studies')
)
RECIPES = sorted(path.name for path in (ROOT / 'recipes').glob('*.py'))


@functools.lru_cache(None)
def read(name: str) -> Config:
    """A config with its bases merged; shared by the tests, so copy it before changing it."""
    return Config.fromfile(str(ROOT / name))


def flat(value, path: str = '') -> dict:
    """A nested config as {path: leaf}."""
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return {path: value}
    return {key: leaf for name, entry in items for key, leaf in flat(entry, f'{path}.{name}'.lstrip('.')).items()}
