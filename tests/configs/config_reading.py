"""Reading configs, for the tests of what they say."""

import functools
from pathlib import Path

from mmengine.config import Config

from videossl.apis.recipes.reader import choose_net
from videossl.compat import config_directory
from videossl.datasets import pipeline_steps as steps  # noqa: F401  (for the tests beside this file)

ROOT = Path(config_directory())
CONFIGS = sorted(
    str(path.relative_to(ROOT))
    for path in ROOT.glob('*/**/*.py')
    if path.relative_to(ROOT).parts[0] not in ('_base_', 'recipes', 'studies')
)
# Each recipe with each of its networks: None where it has one.
RECIPES = [
    (path.name, net)
    for path in sorted((ROOT / 'recipes').glob('*.py'))
    for net in Config.fromfile(str(path)).get('nets', [None])
]


@functools.lru_cache(None)
def read(name: str) -> Config:
    """A config with its bases merged; shared by the tests, so copy it before changing it."""
    return Config.fromfile(str(ROOT / name))


def read_recipe(name: str, net: str | None = None) -> Config:
    """A recipe with one of its networks filled in; None: its first."""
    recipe = Config.fromfile(str(ROOT / 'recipes' / name))
    choose_net(recipe, net, name)
    return recipe


def flat(value, path: str = '') -> dict:
    """A nested config as {path: leaf}."""
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return {path: value}
    return {key: leaf for name, entry in items for key, leaf in flat(entry, f'{path}.{name}'.lstrip('.')).items()}
