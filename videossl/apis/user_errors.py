"""What a user sees of an error: a message alone for what is theirs to mend, a traceback for a bug."""

import difflib
import errno
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
from torch import nn
from torch.utils.data import DataLoader

from videossl import registry
from videossl.checkpoints.checkpoint_files import read_pointer
from videossl.errors import ConfigError, UserError
from videossl.wrappers import unwrap

DEBUG = 'VIDEOSSL_DEBUG'
REGISTRIES = [part for part in vars(registry).values() if isinstance(part, Registry)]
# mmengine's functions that build a part, and the name they have for its settings.
BUILDERS = dict(build_from_cfg='cfg', build_dataloader='dataloader')
UNEXPECTED = re.compile(r"(?:(\w+)\.)?(\w+)\(\) got an unexpected keyword argument '(\w+)'")
MISSING = re.compile(r'(?:(\w+)\.)?(\w+)\(\) missing \d+ required (?:positional|keyword-only) arguments?: (.*)')
# What gloo and NCCL say where the process at the other end has died.
LOST_PROCESS = re.compile(r'Connection (?:closed|reset) by peer|remote process exited|Broken pipe')
UNREGISTERED = re.compile(r'([\w.]+) is not in the [\w.-]+::([\w .-]+) registry')
ONE_VALUE = 'Expected more than 1 value per channel when training'  # torch's batch norm
WIDTHS = re.compile(r'mat1 and mat2 shapes cannot be multiplied \(\d+x(\d+) and (\d+)x\d+\)')  # torch's matrix product
IN_A_HOOK = re.compile(r' in <[\w.]*?(\w+) object at \w+>$')  # what mmengine adds where a hook raises


def run_command(main: Callable[[], Any], own_errors: bool = False) -> None:
    """Call a tool's ``main()``; an error that is the user's to mend ends it with the message alone and status 1.

    Those are every :class:`~videossl.errors.UserError`, any exception with a true attribute ``for_users``, and what
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
            print(
                f"{rank}another process has ended, and this one ends with it; see what that one, or the launcher's "
                'summary below, says',
                file=sys.stderr,
                flush=True,
            )
            raise SystemExit(1) from (error if debugging() else None)
        record_for_launcher(error)
        unreadable = explain_reading(error)
        if unreadable is not None and not debugging():
            error = ConfigError(unreadable)
        is_own = own_errors and (isinstance(error, OSError) or raised_by_us(error))
        if not (is_for_users(error) or is_own) or debugging():
            raise
        text = error.strerror if isinstance(error, OSError) and error.strerror and error.filename is None else error
        if str(text).startswith('Caught '):  # in a loader's worker, with its traceback
            text = str(text).rpartition(f'{type(error).__name__}: ')[2].strip()
        print(f'{rank}error: {text}\n({DEBUG}=1 shows where it was raised)', file=sys.stderr, flush=True)
        raise SystemExit(1) from None


def debugging() -> bool:
    """Whether every error is to be shown with its traceback."""
    return os.environ.get(DEBUG, '0') not in ('', '0') or '--debug' in sys.argv


def is_for_users(error: BaseException) -> bool:
    """Whether the message of an error says all that helps."""
    return isinstance(error, UserError) or getattr(error, 'for_users', False)


def raised_by_us(error: BaseException) -> bool:
    """Whether a ``ValueError`` or ``ImportError`` comes from a file of this package or from the tool itself."""
    if not isinstance(error, (ValueError, ImportError)):
        return False
    frames = traceback.extract_tb(error.__traceback__)
    places = (
        os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
        os.path.dirname(os.path.abspath(sys.argv[0])),
    )
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
    name, and so does what a part says of its values; a missing file is marked as the user's. All that holds until the
    first epoch begins: later, an error is a bug until proven otherwise. What the context gives is to be called with the
    runner, as soon as there is one.
    """
    begin, runners = BeginHook(), []

    def watch(runner: Runner) -> None:
        runner.register_hook(begin, priority='VERY_LOW')
        runners.append(runner)

    try:
        yield watch
    except RuntimeError as error:
        text = explain_width(error, runners[0], config) if runners else None
        if text is not None:
            raise ConfigError(text) from error
        raise
    except (TypeError, KeyError, ValueError, AssertionError) as error:
        if ONE_VALUE in str(error):
            raise ConfigError(
                'a batch norm has a single number to take the statistics of a channel from: more samples a batch '
                '(train_dataloader.batch_size), or larger clips'
            ) from error
        text = None if begin.has_begun or is_for_users(error) else explain(error, config)
        if text is not None:
            raise ConfigError(text) from error
        if isinstance(error, ValueError) and not begin.has_begun:
            error.for_users = True
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT) and not is_for_users(error):
            raise full_disk(error, config.get('work_dir', '.')) from error
        if not begin.has_begun:
            error.for_users = True
        raise


def full_disk(error: OSError, work_dir: str) -> OSError:
    """The error to show where a log or a picture could not be written; checkpoints say so themselves."""
    last = read_pointer(work_dir)
    kept = f'The last whole checkpoint is {last}. Make' if last and os.path.isfile(last) else 'Make'
    failure = OSError(
        error.errno,
        f'the run stops, since there is no room for its files in {work_dir}: {error.strerror}. '
        f'{kept} room there and go on with --resume',
    )
    failure.for_users = True
    return failure


def explain_width(error: RuntimeError, runner: Runner, config: Config) -> str | None:
    """Which part of a model takes vectors of another length than it gets; None where that is not the reason."""
    shapes = WIDTHS.search(str(error))
    if shapes is None:
        return None
    names = {module: name for name, module in unwrap(runner.model).named_modules() if name}
    frames = [frame.f_locals.get('self') for frame, _ in traceback.walk_tb(error.__traceback__)]
    asked = [names[module] for module in frames if isinstance(module, nn.Module) and module in names]
    if not asked:
        return None
    given, taken = shapes.groups()
    parts = dict(all_parts(config.to_dict()))
    path = f'model.{asked[-1]}'
    while 'in_channels' not in parts.get(path, ()) and '.' in path:
        path = path.rpartition('.')[0]
    if 'in_channels' in parts.get(path, ()):
        return f'{path}.in_channels is {parts[path]["in_channels"]}, but {given} numbers come in; set it to that'
    return f'model.{asked[-1]} takes {taken} numbers for each sample, but {given} come in; the widths of the parts do not fit'


def explain_reading(error: Exception) -> str | None:
    """What is wrong with a config file that could not be read, and on which line; None where that is not the reason."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    files = [frame.f_locals.get('filename') for frame in frames if frame.f_code.co_filename == inspect.getfile(Config)]
    if not any(frame.f_code is Config.fromfile.__code__ for frame in frames):
        return None
    file = [name for name in files if isinstance(name, str)][-1]
    if isinstance(error, SyntaxError):
        return f'{file}, line {error.lineno}: {error.msg}: {(error.text or "").strip()}'
    if isinstance(error, FileNotFoundError):
        return f'{file}: there is no such config; the _base_ of another names it'
    if isinstance(error, ImportError) and 'custom modules' in str(error):
        while error.__cause__ or error.__context__:
            error = error.__cause__ or error.__context__
        return f'{file}: custom_imports: {error}; the folder of a module of your own has to be in PYTHONPATH'
    own = traceback.extract_tb(error.__traceback__)[-1]
    place = f'{own.filename}, line {own.lineno}' if own.filename.endswith('.py') else file
    return f'{place}: {type(error).__name__}: {error}'


def explain(error: Exception, config: Config) -> str | None:
    """What is wrong with which part of a config that could not be built; None where that is not the reason."""
    text = str(error.args[0]) if error.args else ''
    config = config.to_dict() if isinstance(config, Config) else config
    unregistered = UNREGISTERED.search(text)
    if isinstance(error, KeyError) and unregistered:
        return unknown_type(*unregistered.groups(), config)
    hook = IN_A_HOOK.search(text)
    is_building = any(frame.name in BUILDERS for frame in traceback.extract_tb(error.__traceback__))
    if isinstance(error, TypeError) and (is_building or hook):
        unexpected, missing = UNEXPECTED.search(text), MISSING.search(text)
        found = None
        if unexpected:
            owner, function, argument = unexpected.groups()
            found = unknown_argument(hook[1] if hook else owner or function, argument, config)
        elif missing:
            owner, function, names = missing.groups()
            found = missing_argument(owner or function, re.findall(r"'(\w+)'", names), config)
        if found is not None:
            return found
    if text.startswith('None is not a callable'):  # mmengine looks up an optimiser without a word, and calls it
        unknown = [
            part['type'] for _, part in typed_parts(config.get('optim_wrapper')) if find_part(part['type']) is None
        ]
        return unknown_type(unknown[0], 'optimizer', config) if unknown else None
    place = place_of_failure(error, config)
    if place is None:
        return None
    path, part = place
    if 'type' not in part and isinstance(error, KeyError):
        return f'{path}: there is no "type", the name of the part to build'
    if isinstance(error, ValueError):
        return f'{path}: {text}'
    given = ', '.join(
        f'{key}={value!r}'
        for key, value in part.items()
        if key not in ('type', '_scope_') and not isinstance(value, (dict, list, tuple))
    )
    return (
        f'{path}: {name_of(part.get("type", "it"))} cannot be built with these values: {given or "none"} '
        f'({type(error).__name__}: {text})'
    )


def place_of_failure(error: Exception, config: dict) -> tuple[str, dict] | None:
    """The innermost part of a config, and its path, in whose building an error was raised; None: it was none."""
    found = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        asked = frame.f_locals.get(BUILDERS.get(frame.f_code.co_name))
        if isinstance(asked, dict):
            # What asks for a part may add to its settings.
            alike = [
                (path, part)
                for path, part in all_parts(config)
                if part
                and path
                and all(key in asked and is_same(value, asked[key]) for key, value in part.items() if key != '_scope_')
            ]
            found = max(alike, key=lambda place: len(place[1]), default=found)
    return found


def is_same(value: Any, other: Any) -> bool:
    """Whether a value of a config is the one that a builder got."""
    return value is other or isinstance(value, (str, int, float, list, tuple, dict)) and value == other


def unknown_argument(owner: str, argument: str, config: dict) -> str | None:
    """The message for an argument that a part does not have."""
    for path, part in all_parts(config):
        found = find_part(part['type']) if 'type' in part else DataLoader if path.endswith('_dataloader') else None
        if argument not in part or found is None or owner not in names_of(found):
            continue
        known = arguments_of(found)
        hint = nearest(argument, known)
        return f'{path}: {found.__name__} has no argument "{argument}"' + (
            f'; did you mean "{hint}"?' if hint else f'; it has {", ".join(sorted(known))}'
        )
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
    return f'{places[0] if places else "config"}: there is no {kind} "{name}"' + (
        f'; did you mean "{hint}"?' if hint else '; if it is your own, import its module with custom_imports'
    )


def nearest(name: str, known: set[str]) -> str | None:
    """The known name that was probably meant, upper and lower case alike."""
    by_lower = {other.lower(): other for other in sorted(known)}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[near[0]] if near else None


def typed_parts(place: Any, path: str = '') -> Iterator[tuple[str, dict]]:
    """Every dict with a type in a config and its path, e.g. ``train_dataloader.dataset.pipeline.1``; outer ones first."""
    return ((inner, part) for inner, part in all_parts(place, path) if 'type' in part)


def all_parts(place: Any, path: str = '') -> Iterator[tuple[str, dict]]:
    """Every dict in a config and its path; outer ones first."""
    if isinstance(place, dict):
        yield path, place
        items = place.items()
    else:
        items = enumerate(place) if isinstance(place, (list, tuple)) else ()
    for key, entry in items:
        yield from all_parts(entry, f'{path}.{key}'.lstrip('.'))


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
    """The names of :func:`parameters_of` a part."""
    return set(parameters_of(part))


def parameters_of(part: Callable) -> dict[str, inspect.Parameter]:
    """The arguments that a part takes by name, with those that it hands on to the classes it is derived from."""
    names: dict[str, inspect.Parameter] = {}
    for own in inspect.getmro(part) if inspect.isclass(part) else [part]:
        function = vars(own).get('__init__') if inspect.isclass(own) else own
        if function is None or own is object:
            continue
        parameters = inspect.signature(function).parameters.values()
        names = {
            parameter.name: parameter
            for parameter in parameters
            if parameter.name != 'self' and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        } | names
        if not any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters):
            break
    return names
