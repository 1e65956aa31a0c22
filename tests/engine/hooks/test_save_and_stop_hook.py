"""The signals' handler. The runs that it ends are in tests/engine/test_resume.py; those of several processes are slow."""

import os
import signal
import time
from collections.abc import Callable

import pytest

from videossl.engine import SaveAndStopHook
from videossl.errors import ConfigError

pytestmark = pytest.mark.usefixtures('handlers_as_before')
WITHIN, LATER = 60.0, -1.0  # values of repeat_seconds with which a further signal is a repetition, or the second one


def forked(prepare: Callable[[], object] = int) -> int:
    """A process that sleeps, when it has called a function; its number."""
    ready, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            prepare()
            os.write(write, b'.')
            time.sleep(20)
        finally:
            os._exit(0)
    os.read(ready, 1)
    os.close(ready)
    os.close(write)
    return child


def is_alive(child: int) -> bool:
    time.sleep(0.1)
    return os.waitpid(child, os.WNOHANG) == (0, 0)


def signal_it_dies_of(child: int) -> int:
    return os.WTERMSIG(os.waitpid(child, 0)[1])


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_process_at_once_but_not_one_that_a_launcher_only_passes_on(number, tmp_path):
    def begin_training(repeat_seconds: float) -> None:
        os.dup2(os.open(tmp_path / f'{repeat_seconds}.txt', os.O_WRONLY | os.O_CREAT), 2)
        hook = SaveAndStopHook()
        hook.repeat_seconds = repeat_seconds
        hook.before_train(None)

    for repeat_seconds in (WITHIN, LATER):
        child = forked(lambda: begin_training(repeat_seconds))
        os.kill(child, number)
        assert is_alive(child)
        os.kill(child, number)
        if repeat_seconds == WITHIN:
            assert is_alive(child)
            os.kill(child, signal.SIGKILL)
        assert signal_it_dies_of(child) == (signal.SIGKILL if repeat_seconds == WITHIN else number)
        errors = (tmp_path / f'{repeat_seconds}.txt').read_text()
        assert errors == f'{number.name}: saving a checkpoint after this iteration; once more ends at once\n'


def test_a_signal_that_the_process_ignores_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hook = SaveAndStopHook()
    hook.before_train(None)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) == hook._handle


def test_a_forked_worker_outlives_one_signal_in_training_and_dies_of_a_second_or_of_one_afterwards():
    before = signal.getsignal(signal.SIGTERM)
    hook = SaveAndStopHook()
    hook.repeat_seconds = LATER
    hook.before_train(None)
    twice, afterwards, another = forked(), forked(), forked()
    for child in (twice, afterwards):
        os.kill(child, signal.SIGTERM)
        assert is_alive(child)
    os.kill(twice, signal.SIGTERM)
    assert signal_it_dies_of(twice) == signal.SIGTERM
    assert hook.received == 0, 'a signal to a worker is none to training'
    hook.after_train(None)
    for child in (another, afterwards):
        os.kill(child, signal.SIGTERM)  # as torch ends a worker that hangs
        assert signal_it_dies_of(child) == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(signals=['SIGTREM']), "names such as 'SIGTERM', got \\['SIGTREM'\\]"),
        (dict(signals='SIGTERM'), "must be a list of names such as 'SIGTERM'"),
        (dict(agree_every=0), 'agree_every must be an integer of at least 1, got 0'),
    ],
)
def test_signals_that_do_not_exist_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        SaveAndStopHook(**arguments)
