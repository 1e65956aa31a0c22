"""What a user sees of an error: a message alone for what the user can fix, a traceback for a bug."""

import errno
import functools
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_distributed
from torch import distributed

from videossl.apis.running.config_parts import REGISTRIES, find_path, name_of
from videossl.checkpoints.checkpoint_files import read_pointer
from videossl.errors import ConfigError, MissingFile, UserError
from videossl.files import whole_file

DEBUG = 'VIDEOSSL_DEBUG'
# Messages of gloo and NCCL when the process at the other end has died; they have no error class of their own.
LOST_PROCESS = ('Connection closed by peer', 'Connection reset by peer', 'remote process exited', 'Broken pipe')
OWN_ERRORS = (OSError, ValueError, ImportError)


def run_command(main: Callable[[], Any], own_errors: bool = False, goes_on: bool = False) -> None:
    """Call a tool's ``main()``. A :class:`~videossl.errors.UserError` ends the tool with its message alone and status 1.

    With ``VIDEOSSL_DEBUG=1`` in the environment or ``--debug`` every error keeps its traceback.

    Args:
        main: the tool.
        own_errors: for tools that train nothing: treat every ``OSError``, ``ValueError`` and ``ImportError`` so.
        goes_on: the same command, called again after Ctrl-C, goes on; it is said then.
    """
    try:
        run_and_end_process_group(main)
    except KeyboardInterrupt:  # before or after training, which SaveAndStopHook ends
        if debugging():
            raise
        print('stopped; run the same command again to go on' if goes_on else 'stopped', file=sys.stderr, flush=True)
        raise SystemExit(130) from None
    except Exception as error:
        rank = f'[rank {os.environ["RANK"]}] ' if int(os.environ.get('WORLD_SIZE', 1)) > 1 else ''
        if rank and any(text in str(error) for text in LOST_PROCESS):
            # The launcher's summary is left to the process that is the reason.
            print(
                f"{rank}another process has ended, and this one ends with it; see what that one, or the launcher's "
                'summary below, says',
                file=sys.stderr,
                flush=True,
            )
            raise SystemExit(1) from (error if debugging() else None)
        record_for_launcher(error)
        if debugging() or not isinstance(error, (UserError, *OWN_ERRORS) if own_errors else UserError):
            raise
        text = (
            error.strerror if isinstance(error, OSError) and error.strerror and error.filename is None else str(error)
        )
        if text.startswith('Caught '):  # in a loader's worker, with its traceback
            text = text.rpartition(f'{type(error).__name__}: ')[2].strip()
        print(f'{rank}error: {text}\n({DEBUG}=1 shows where it was raised)', file=sys.stderr, flush=True)
        raise SystemExit(1) from None


def run_and_end_process_group(main: Callable[[], Any]) -> None:
    """Call ``main()``, and end torch's process group after it, or after the ``SystemExit`` of a signal that ended training.

    Left to the end of the interpreter, gloo's threads abort about one process in four ("terminate called without an active
    exception"). Nets go before the group: one that is the last to hold it waits for gloo's threads with Python's lock in hand,
    for which one of them may be waiting. After an error the group stays: another process may not answer any more, and ending
    the group could wait.
    """
    stopped = None
    try:
        main()
    except SystemExit as error:
        stopped = error.with_traceback(None)  # or it holds the nets
    if is_distributed():
        gc.collect()
        distributed.destroy_process_group()
    if stopped is not None:
        raise stopped


def take_sigterm_as_ctrl_c() -> None:
    """SIGTERM of a scheduler, or of a user where Ctrl-C is ignored, as in the background of a script, acts as Ctrl-C from here
    on. For commands that end processes of their own first. Only the main thread can be asked so; elsewhere nothing changes."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def debugging() -> bool:
    """Whether every error is to be shown with its traceback."""
    return os.environ.get(DEBUG, '0') not in ('', '0') or '--debug' in sys.argv


def record_for_launcher(error: Exception) -> None:
    """Let torchrun's summary say why this process ended.

    The file is written whole or not at all: torchrun, which may end this process at any moment when another one has died,
    fails over half a file itself, and then says nothing of the other process.
    """
    path = os.environ.get('TORCHELASTIC_ERROR_FILE')
    if path is None:
        return
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler

    try:
        with whole_file(path) as temporary:
            os.environ['TORCHELASTIC_ERROR_FILE'] = str(temporary)
            get_error_handler().record_exception(error)
    except OSError:
        pass  # the traceback is printed all the same
    finally:
        os.environ['TORCHELASTIC_ERROR_FILE'] = path


class PartError(ConfigError):
    """A part of a config could not be built. The message begins with the part's path."""


@contextmanager
def building(config: Config | dict) -> Iterator[None]:
    """In this context, a part of the config that cannot be built raises a UserError with its path in the config.

    Errors outside the building of a part stay what they are, but for a missing file and a disk without room.

    Raises:
        PartError: a constructor refuses its arguments.
        MissingFile: a file does not exist.
        UserError: the disk is full.
    """
    settings = config.to_dict() if isinstance(config, Config) else config
    registries = {own for child in REGISTRIES for own in (child, child.parent, child.parent.parent)} - {None}
    build_functions = {own: own.build_func for own in registries if own.name != 'runner'}
    for own, function in build_functions.items():
        own.build_func = naming_parts(function, settings)
    try:
        yield
    except OSError as error:
        if isinstance(error, UserError):
            raise
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(full_disk(error, settings.get('work_dir', '.'))) from error
        if isinstance(error, FileNotFoundError):
            raise MissingFile(str(error)) from error
        raise
    finally:
        for own, function in build_functions.items():
            own.build_func = function


def naming_parts(build: Callable, config: dict) -> Callable:
    """A registry's function that builds a part, whose errors name the part's path in a config."""

    @functools.wraps(build)
    def build_part(settings: dict, *args, **kwargs) -> Any:
        try:
            return build(settings, *args, **kwargs)
        except (TypeError, KeyError, ValueError, AssertionError) as error:
            if isinstance(error, UserError) and type(error) is not ConfigError:
                raise
            path = find_path(settings, config)
            if path is None or str(error).startswith(path):
                raise
            raise PartError(f'{path}: {why_not_built(settings, error)}') from error

    return build_part


def why_not_built(settings: dict, error: Exception) -> str:
    """Why a part could not be built with its settings."""
    if 'type' not in settings and isinstance(error, KeyError):
        return 'there is no "type", the name of the part to build'
    text = str(error.args[0]) if error.args else ''
    if isinstance(error, ValueError):
        return text
    plain = {key: value for key, value in settings.items() if isinstance(value, (str, int, float)) and key[0] != '_'}
    given = ', '.join(f'{key}={value!r}' for key, value in plain.items() if key != 'type')
    name, first_line = name_of(settings.get('type', 'it')), text.partition('\n')[0]
    return f'{name} cannot be built with these values: {given or "none"} ({type(error).__name__}: {first_line})'


def full_disk(error: OSError, work_dir: str) -> str:
    """The message where a log or a picture could not be written; checkpoints have their own."""
    last = read_pointer(work_dir)
    kept = f'The last whole checkpoint is {last}. Make' if last and os.path.isfile(last) else 'Make'
    return (
        f'the run stops, since there is no room for its files in {work_dir}: {error.strerror}. '
        f'{kept} room there and go on with --resume'
    )
