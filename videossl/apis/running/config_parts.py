"""The parts of a config: their paths, what their types name, and the arguments that those take."""

import difflib
import inspect
from collections.abc import Callable, Collection, Iterator
from typing import Any

from mmengine.registry import Registry

from videossl import registry

REGISTRIES = [kind for kind in vars(registry).values() if isinstance(kind, Registry)]


def all_parts(config: Any, path: str = '') -> Iterator[tuple[str, dict]]:
    """Every dict in a config with its path, e.g. ``model.heads.speed``; outer ones first."""
    items: Any = config.items() if isinstance(config, dict) else ()
    if isinstance(config, dict):
        yield path, config
    elif isinstance(config, (list, tuple)):
        items = enumerate(config)
    for key, entry in items:
        yield from all_parts(entry, f'{path}.{key}'.lstrip('.'))


def find_path(settings: dict, config: dict) -> str | None:
    """The path of the part of a config that a builder got; it may have got more settings. None: not in the config."""

    def is_same(value: Any, other: Any) -> bool:
        return value is other or isinstance(value, (str, int, float, list, tuple, dict)) and value == other

    found = [
        (len(part), path)
        for path, part in all_parts(config)
        if path
        and part
        and all(key == '_scope_' or key in settings and is_same(value, settings[key]) for key, value in part.items())
    ]
    return max(found, key=lambda entry: entry[0])[1] if found else None


def find_type(kind: Any, own: Registry) -> Callable | None:
    """The class or function that a type names in a registry or its parents; None: unknown."""
    return own.get(kind) if isinstance(kind, str) else kind


def names_in(own: Registry | None) -> set[str]:
    """The names that a registry and its parents know."""
    return set() if own is None else set(own.module_dict) | names_in(own.parent)


def name_of(kind: Any) -> str:
    """The name of a type in a config."""
    return kind if isinstance(kind, str) else getattr(kind, '__name__', repr(kind))


def parameters_of(part: Callable) -> tuple[dict[str, inspect.Parameter], bool]:
    """The arguments that a class or function takes by name.

    Returns:
        By name, those included that ``**kwargs`` hands on to the classes it is derived from; and whether it takes others, too.
    """
    names: dict[str, inspect.Parameter] = {}
    takes_any = False
    for own in inspect.getmro(part) if inspect.isclass(part) else [part]:
        function = vars(own).get('__init__') if inspect.isclass(own) else own
        if function is None or own is object:
            continue
        parameters = list(inspect.signature(function).parameters.values())[1 if inspect.isclass(own) else 0 :]
        by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        names = {parameter.name: parameter for parameter in parameters if parameter.kind in by_name} | names
        rest = next(
            (parameter.name for parameter in parameters if parameter.kind == inspect.Parameter.VAR_KEYWORD), None
        )
        takes_any = rest is not None
        if rest != 'kwargs':  # by another name they are not for the classes that this one is derived from
            break
    return names, takes_any


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that was probably meant, whatever the case of its letters; None: there is no such name."""
    by_lower = {other.lower(): other for other in sorted(known)}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[near[0]] if near else None
