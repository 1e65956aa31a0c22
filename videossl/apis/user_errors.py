"""What a user sees of an error: a message alone for what is theirs to mend, a traceback for a bug."""
import difflib
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import Registry
from mmengine.runner import Runner

from videossl import registry
from videossl.models.hand_off import HandOffError

from .launch import ConfigError

DEBUG = 'VIDEOSSL_DEBUG'
REGISTRIES = [part for part in vars(registry).values() if isinstance(part, Registry)]
UNEXPECTED = re.compile(r"(?:(\w+)\.)?(\w+)\(\) got an unexpected keyword argument '(\w+)'")
MISSING = re.compile(r"(?:(\w+)\.)?(\w+)\(\) missing \d+ required (?:positional|keyword-only) arguments?: (.*)")
# What gloo and NCCL say where the process at the other end has died.
LOST_PROCESS = re.compile(r'Connection (?:closed|reset) by peer|remote process exited|Broken pipe')
UNREGISTERED = re.compile(r'([\w.]+) is not in the [\w.-]+::([\w .-]+) registry')


def run_command(main: Callable[[], Any], own_errors: bool = False) -> None:
    """Call a tool's ``main()``; an error that is the user's to mend ends it with the message alone and status 1.

    Those are a :class:`ConfigError`, a :class:`HandOffError`, any exception with a true attribute ``for_users``, and what
    :func:`building` makes of others; with ``own_errors``, for tools that train nothing, also a missing file, and a
    ``ValueError`` or ``ImportError`` that code of ours raised. With ``VIDEOSSL_DEBUG=1`` in the environment or ``--debug``
    all keep their traceback.
    """
    try:
        main()
    except Exception as error:
        rank = f'[rank {os.environ["RANK"]}] ' if int(os.environ.get('WORLD_SIZE', 1)) > 1 else ''
        if rank and LOST_PROCESS.search(str(error)):
            # The launcher's summary is left to the process that is the reason.
            print(f'{rank}another process has ended, and this one ends with it; see what that one, or the launcher\'s '
                  'summary below, says', file=sys.stderr, flush=True)
            raise SystemExit(1) from (error if debugging() else None)
        record_for_launcher(error)
        is_own = own_errors and (isinstance(error, OSError) or raised_by_us(error))
        if not (is_for_users(error) or is_own) or debugging():
            raise
        print(f'{rank}error: {error}\n({DEBUG}=1 shows where it was raised)', file=sys.stderr, flush=True)
        raise SystemExit(1) from None


def debugging() -> bool:
    """Whether every error is to be shown with its traceback."""
    return os.environ.get(DEBUG, '0') not in ('', '0') or '--debug' in sys.argv


def is_for_users(error: BaseException) -> bool:
    """Whether the message of an error says all that helps."""
    return isinstance(error, (ConfigError, HandOffError)) or getattr(error, 'for_users', False)


def raised_by_us(error: BaseException) -> bool:
    """Whether a ``ValueError`` or ``ImportError`` comes from a file of this package or from the tool itself."""
    if not isinstance(error, (ValueError, ImportError)):
        return False
    frames = traceback.extract_tb(error.__traceback__)
    places = (os.path.dirname(os.path.dirname(os.path.abspath(__file__))), os.path.dirname(os.path.abspath(sys.argv[0])))
    return bool(frames) and os.path.abspath(frames[-1].filename).startswith(tuple(place + os.sep for place in places))


def record_for_launcher(error: Exception) -> None:
    """Let torchrun's summary say why this process ended. Whole or not at all: torchrun, which may end this process at any
    moment when another one has died, itself fails over half a file, and then says nothing of that one."""
    path = os.environ.get('TORCHELASTIC_ERROR_FILE')
    if path is None:
        return
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler
    os.environ['TORCHELASTIC_ERROR_FILE'] = f'{path}.part'
    try:
        get_error_handler().record_exception(error)
        os.replace(f'{path}.part', path)
    except OSError:
        pass  # the traceback is printed all the same
    finally:
        os.environ['TORCHELASTIC_ERROR_FILE'] = path


class BeginHook(Hook):
    """Knows whether the first epoch has begun, before which no video is decoded."""

    def __init__(self) -> None:
        self.has_begun = False

    def before_train_epoch(self, runner) -> None:
        self.has_begun = True

    before_test_epoch = before_train_epoch


@contextmanager
def building(config: Config) -> Iterator[Callable[[Runner], None]]:
    """In this context, errors that come from a config are made such that :func:`run_command` shows the message alone.

    An argument or a type that is not known becomes a :class:`ConfigError` with its place in the config and the nearest
    name; a ``ValueError`` or a missing file is marked as the user's. All that holds until the first epoch begins: later,
    an error is a bug until proven otherwise. What the context gives is to be called with the runner, as soon as there is
    one.
    """
    begin = BeginHook()
    try:
        yield lambda runner: runner.register_hook(begin, priority='VERY_LOW')
    except (TypeError, KeyError) as error:
        text = None if begin.has_begun else explain(error, config)
        if text is None:
            raise
        raise ConfigError(text) from error
    except (ValueError, FileNotFoundError, NotADirectoryError, PermissionError) as error:
        if not begin.has_begun:
            error.for_users = True
        raise


def explain(error: TypeError | KeyError, config: Config) -> str | None:
    """What is wrong with which part of a config that could not be built; None where that is not the reason."""
    text = str(error.args[0]) if error.args else ''
    config = config.to_dict() if isinstance(config, Config) else config
    unregistered = UNREGISTERED.search(text)
    if isinstance(error, KeyError):
        return unknown_type(*unregistered.groups(), config) if unregistered else None
    if not any(frame.name == 'build_from_cfg' for frame in traceback.extract_tb(error.__traceback__)):
        return None
    unexpected, missing = UNEXPECTED.search(text), MISSING.search(text)
    if unexpected:
        owner, function, argument = unexpected.groups()
        return unknown_argument(owner or function, argument, config)
    if missing:
        owner, function, names = missing.groups()
        return missing_argument(owner or function, re.findall(r"'(\w+)'", names), config)
    return None


def unknown_argument(owner: str, argument: str, config: dict) -> str | None:
    """The message for an argument that a part does not have."""
    for path, part in typed_parts(config):
        found = find_part(part['type'])
        if argument not in part or found is None or owner not in names_of(found):
            continue
        known = arguments_of(found)
        hint = nearest(argument, known)
        return (f'{path}: {name_of(part["type"])} has no argument "{argument}"' +
                (f'; did you mean "{hint}"?' if hint else f'; it has {", ".join(sorted(known))}'))
    return None


def missing_argument(owner: str, arguments: list[str], config: dict) -> str | None:
    """The message for arguments that a part needs and the config does not give."""
    for path, part in typed_parts(config):
        found = find_part(part['type'])
        if found is None or owner not in names_of(found) or any(argument in part for argument in arguments):
            continue
        return f'{path}: {name_of(part["type"])} needs {", ".join(arguments)}'
    return None


def unknown_type(name: str, kind: str, config: dict) -> str:
    """The message for a type that no registry of its kind knows."""
    places = [path for path, part in typed_parts(config) if name_of(part['type']) in (name, f'videossl.{name}')]
    known = {own for own in REGISTRIES if own.name == kind} or set(REGISTRIES)
    names: set[str] = set()
    for own in known:
        while own is not None:
            names |= set(own.module_dict)
            own = own.parent
    hint = nearest(name.rpartition('.')[2], names)
    return (f'{places[0] if places else "config"}: there is no {kind} "{name}"' +
            (f'; did you mean "{hint}"?' if hint else '; if it is your own, import its module with custom_imports'))


def nearest(name: str, known: set[str]) -> str | None:
    """The known name that was probably meant, upper and lower case alike."""
    by_lower = {other.lower(): other for other in sorted(known)}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[near[0]] if near else None


def typed_parts(place: Any, path: str = '') -> Iterator[tuple[str, dict]]:
    """Every dict with a type in a config and its path, e.g. ``train_dataloader.dataset.pipeline.1``; outer ones first."""
    if isinstance(place, dict):
        if 'type' in place:
            yield path, place
        items = place.items()
    else:
        items = enumerate(place) if isinstance(place, (list, tuple)) else ()
    for key, entry in items:
        yield from typed_parts(entry, f'{path}.{key}'.lstrip('.'))


def name_of(kind: str | type) -> str:
    """The name under which a config knows a type."""
    return kind if isinstance(kind, str) else kind.__name__


def find_part(kind: str | type) -> Callable | None:
    """The class or function that a type names, in whatever registry; None: nobody knows it."""
    if not isinstance(kind, str):
        return kind
    for own in REGISTRIES:
        found = own.get(kind)
        if found is not None:
            return found
    return None


def names_of(part: Callable) -> set[str]:
    """The names that Python's messages may call a part by: its own and those of the classes that it hands arguments to."""
    return {parent.__name__ for parent in inspect.getmro(part)} if inspect.isclass(part) else {part.__name__}


def arguments_of(part: Callable) -> set[str]:
    """The arguments that a part takes by name, with those that it hands on to the classes it is derived from."""
    names: set[str] = set()
    for own in inspect.getmro(part) if inspect.isclass(part) else [part]:
        function = vars(own).get('__init__') if inspect.isclass(own) else own
        if function is None or own is object:
            continue
        parameters = inspect.signature(function).parameters.values()
        names |= {parameter.name for parameter in parameters
                  if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)} - {'self'}
        if not any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters):
            break
    return names
