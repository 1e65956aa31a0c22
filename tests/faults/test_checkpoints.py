"""Checkpoints under kills, full disks, damage and malice: the last whole one is always there, and it is found."""

import errno
import itertools
import multiprocessing
import os
import pickle
import random
import re
import resource
import signal
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.fileio import LocalBackend
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner, load_checkpoint

from videossl.checkpoints import fill_backbone
from videossl.checkpoints.checkpoint_files import iterations_in, newest_whole
from videossl.engine import PlainCheckpointHook
from videossl.errors import CheckpointError, ConfigError, WriteError

RUNS = itertools.count()
EVERY_ITERATION = dict(type='PlainCheckpointHook', by_epoch=False, interval=1, max_keep_ckpts=2)


class Counter(BaseModel):
    """Counts its iterations in every one of its weights: so a checkpoint can be told from any other, and from a mixture."""

    def __init__(self, size: int = 1000) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(size))

    def train_step(self, data, optim_wrapper) -> dict:
        with torch.no_grad():
            self.weight.add_(1)
        return dict(loss=torch.zeros(()))

    def val_step(self, data) -> list:
        return [0]

    def forward(self, inputs, data_samples=None, mode='tensor'):
        """Never called."""


class Rising(BaseMetric):
    """A score that is better each time."""

    scores = itertools.count(1)

    def process(self, data_batch, data_samples) -> None:
        self.results.append(1)

    def compute_metrics(self, results: list) -> dict:
        return dict(score=np.float64(next(self.scores)))


@pytest.fixture
def build(tmp_path, monkeypatch):
    """A function that gives the runner of a training of a :class:`Counter`."""
    monkeypatch.setattr('mmengine.runner.runner.get_git_hash', lambda: '')
    monkeypatch.setattr(Runner, '_log_env', lambda self, environment: None)

    def build(iterations: int, size: int = 1000, hooks=(), best: bool = False, **arguments) -> Runner:
        if best:
            arguments.update(
                val_dataloader=dict(batch_size=1, dataset=[0], sampler=dict(type='DefaultSampler', shuffle=False)),
                val_cfg=dict(type='ValLoop'),
                val_evaluator=Evaluator(Rising()),
            )
        return Runner(
            model=Counter(size),
            work_dir=str(tmp_path / 'run'),
            train_dataloader=dict(batch_size=1, dataset=[0] * 4, sampler=dict(type='InfiniteSampler', shuffle=False)),
            train_cfg=dict(type='ResumableIterBasedTrainLoop', max_iters=iterations, val_interval=1 if best else 10**9),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
            default_hooks=dict(
                logger=dict(type='LoggerHook', interval=10**9, log_metric_by_epoch=False),
                checkpoint=dict(EVERY_ITERATION, **(dict(save_best='score', rule='greater') if best else {})),
            ),
            custom_hooks=[dict(type='ExactResumeHook'), *hooks],
            default_scope='videossl',
            log_level='WARNING',
            experiment_name=f'{tmp_path.name}-{next(RUNS)}',
            **arguments,
        )

    return build


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / 'run'


def names(folder: Path) -> list[str]:
    """Checkpoints and what is left of others, shorter names first."""
    return sorted(
        (path.name for path in folder.iterdir() if path.suffix in ('.pth', '.tmp')), key=lambda name: (len(name), name)
    )


def check_whole(folder: Path) -> int:
    """Every file with the name of a checkpoint is one; returns how far the one to go on from is."""
    for path in folder.glob('*.pth'):
        content = torch.load(path, weights_only=True)
        assert (content['state_dict']['weight'] == content['meta']['iter']).all() or path.name.startswith('best_')
        assert zipfile.ZipFile(path).testzip() is None
    path, passed_over = newest_whole(str(folder))
    assert passed_over == []
    return 0 if path is None else iterations_in(path)


# --------------------------------------------------------------------------------------------------------------- kills
def survive_kills(build, folder: Path, kills: int, size: int) -> int:
    """Start a training that saves all the time, kill it while it writes, look, go on; returns how many kills left half of
    a file behind."""
    context, draw, halves, reached = multiprocessing.get_context('fork'), random.Random(0), 0, 0

    def train() -> None:
        os.setpgid(0, 0)
        build(10**9, size, resume=True).train()

    for _ in range(kills):
        process = context.Process(target=train)
        process.start()
        deadline, begun = time.monotonic() + 60, reached
        # Let it save one, then kill it in the next write.
        while not (any(folder.glob(f'.iter_{begun + 2}.pth.*.tmp')) or (folder / f'iter_{begun + 3}.pth').exists()):
            assert process.is_alive() and time.monotonic() < deadline
            time.sleep(0.0005)
        time.sleep(draw.uniform(0, 0.01))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        halves += any(name.endswith('.tmp') for name in names(folder))
        reached = check_whole(folder)
        assert reached > begun
    build(reached + 1, size, resume=True).train()
    assert check_whole(folder) == reached + 1
    assert names(folder) == [f'iter_{reached}.pth', f'iter_{reached + 1}.pth'], 'what kills left is removed'
    print(f'{kills} kills, {halves} of which left half of a file; nothing lost')
    return halves


def test_kills_amid_the_writing_leave_the_last_whole_checkpoint(build, folder):
    survive_kills(build, folder, kills=3, size=200_000)


@pytest.mark.slow
def test_many_kills_amid_the_writing(build, folder):
    assert survive_kills(build, folder, kills=200, size=1_000_000) > 20


# ------------------------------------------------------------------------------------------ an error at each of the steps
class Faults:
    """Counts the steps of writing, and lets one of them fail."""

    def __init__(self, monkeypatch, error: BaseException) -> None:
        self.steps: list[str] = []
        self.fail_at: int | None = None
        self.error = error
        for owner, name in ((LocalBackend, 'put'), (os, 'fsync'), (os, 'replace'), (os, 'remove')):
            monkeypatch.setattr(owner, name, self.watched(name, getattr(owner, name)))

    def watched(self, name: str, function):

        def step(*arguments, **settings):
            if not str(arguments[-1]).endswith(('.pth', '.tmp', 'last_checkpoint')) and name != 'fsync':
                return function(*arguments, **settings)
            self.steps.append(name)
            if self.fail_at is not None and len(self.steps) == self.fail_at:
                self.failed = name
                if name == 'put':  # half of it
                    function(arguments[0], arguments[1][: len(arguments[1]) // 2], *arguments[2:])
                raise self.error
            return function(*arguments, **settings)

        return step


@pytest.mark.parametrize(
    'best', [False, pytest.param(True, marks=pytest.mark.slow)], ids=['', 'with the best by a score']
)
@pytest.mark.parametrize(
    'error', [OSError(errno.ENOSPC, 'No space left on device'), KeyboardInterrupt()], ids=['full disk', 'killed']
)
def test_a_fault_at_any_step_of_writing_loses_no_checkpoint(build, folder, monkeypatch, error, best):
    build(3, best=best).train()
    before = names(folder)
    assert [name for name in before if not name.startswith('best_')] == ['iter_2.pth', 'iter_3.pth']
    faults = Faults(monkeypatch, error)
    build(4, best=best, resume=True).train()
    steps, reached = faults.steps, 4
    assert steps[:7] == ['put', 'fsync', 'replace', 'fsync', 'fsync', 'replace', 'fsync'] and 'remove' in steps[7:]
    for number in range(1, len(steps) + 1):
        faults.steps, faults.fail_at = [], number
        best_before = [name for name in names(folder) if name.startswith('best_')]
        with pytest.raises(type(error)) as raised:
            build(reached + 1, best=best, resume=True).train()
        faults.fail_at = None
        if isinstance(error, OSError) and faults.failed != 'remove':
            assert raised.value.errno == errno.ENOSPC and isinstance(raised.value, WriteError)
            assert 'could not be written: No space left on device' in str(raised.value)
            assert re.search(r'go on from it with --resume', str(raised.value))
            assert not [name for name in names(folder) if name.endswith('.tmp')]
        assert check_whole(folder) in (reached, reached + 1)
        assert bool([name for name in names(folder) if name.startswith('best_')]) == bool(best_before)
        build(reached + 1, best=best, resume=True).train()
        reached = check_whole(folder)
        found = names(folder)
        assert [name for name in found if not name.startswith('best_')] == [
            f'iter_{reached - 1}.pth',
            f'iter_{reached}.pth',
        ]
        assert len(found) == 2 + best


class Once(Hook):
    """Does something before an iteration."""

    def __init__(self, iteration: int, action) -> None:
        self.iteration, self.action = iteration, action

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        if runner.iter == self.iteration:
            self.action()


def full_disk_under(monkeypatch) -> None:
    """Let the system, and not a mock, refuse the bytes: what is written goes to a device that is always full."""
    put = LocalBackend.put

    def put_on_full_disk(self, content: bytes, path: str) -> None:
        os.symlink('/dev/full', path)
        put(self, content, path)

    monkeypatch.setattr(LocalBackend, 'put', put_on_full_disk)


def test_a_disk_that_is_really_full_keeps_the_old_checkpoint_and_stops_with_the_reason(build, folder, monkeypatch):
    full = Once(2, lambda: full_disk_under(monkeypatch))
    with pytest.raises(
        OSError,
        match=r'iter_3.pth could not be written: No space left on device. The last whole '
        r'checkpoint is \S+iter_2.pth; when there is room again',
    ) as raised:
        build(5, hooks=[full]).train()
    assert raised.value.errno == errno.ENOSPC
    assert names(folder) == ['iter_1.pth', 'iter_2.pth'] and check_whole(folder) == 2


def test_a_limit_on_the_size_of_files_keeps_the_old_checkpoint(build, folder):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = Once(2, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1])))
    try:
        with pytest.raises(OSError, match='iter_3.pth could not be written: File too large'):
            build(5, size=100_000, hooks=[limit]).train()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert names(folder) == ['iter_1.pth', 'iter_2.pth'] and check_whole(folder) == 2


def test_a_full_disk_before_the_first_checkpoint_says_that_there_is_none(build, folder, monkeypatch):
    full = Once(0, lambda: full_disk_under(monkeypatch))
    with pytest.raises(OSError, match='No space left on device. No checkpoint was saved before it'):
        build(5, hooks=[full]).train()
    assert names(folder) == []


def test_a_small_disk_that_fills_up_keeps_the_last_checkpoint_and_the_run_goes_on_when_there_is_room(
    build, folder, mount_disk
):
    mount_disk(folder, '8m')
    (folder / 'other').write_bytes(bytes(5632 << 10))  # leaves 2.5 MiB
    with pytest.raises(
        OSError,
        match=r'iter_3.pth could not be written: No space left on device. The last whole checkpoint '
        r'is \S+iter_2.pth; when there is room again',
    ):
        build(5, size=250_000).train()  # 1 MB each, and the third is written before the first is removed
    assert names(folder) == ['iter_1.pth', 'iter_2.pth'] and check_whole(folder) == 2
    (folder / 'other').unlink()
    runner = build(5, size=250_000, resume=True)
    runner.train()
    assert (runner.model.weight == 5).all() and check_whole(folder) == 5


# -------------------------------------------------------------------------------------------------------------- damage
def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def cut_a_byte(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def emptied(path: Path) -> None:
    path.write_bytes(b'')


def zeroed(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def flipped(path: Path) -> None:
    """One bit of a weight, which PyTorch itself does not notice."""
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
    content[largest.header_offset + 1000] ^= 1
    path.write_bytes(content)
    torch.load(path, weights_only=True)


def gone(path: Path) -> None:
    path.unlink()


def replaced_by_weights_alone(path: Path) -> None:
    torch.save(dict(state_dict=Counter().state_dict()), path)


DAMAGES = [cut, cut_a_byte, emptied, zeroed, flipped, gone, replaced_by_weights_alone]


@pytest.mark.parametrize('damage', DAMAGES)
def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_gone_on_from(build, folder, damage):
    build(3).train()
    damage(folder / 'iter_3.pth')
    runner = build(5, resume=True)
    runner.train()
    assert (runner.model.weight == 5).all() and check_whole(folder) == 5
    log = '\n'.join(path.read_text() for path in folder.glob('*/*.log'))
    assert re.search(r'passed over: .*iter_3.pth', log) and 'iter_2.pth' not in log.partition('passed over')[2]


@pytest.mark.parametrize('damage', DAMAGES)
def test_where_every_checkpoint_is_damaged_the_run_stops_and_names_them(build, folder, damage):
    build(3).train()
    for name in ('iter_2.pth', 'iter_3.pth'):
        damage(folder / name)
    with pytest.raises(CheckpointError, match='no checkpoint in .* to go on from: .*iter_3.pth.*start anew'):
        build(5, resume=True).train()


@pytest.mark.parametrize('damage', DAMAGES)
def test_a_damaged_checkpoint_that_was_asked_for_by_name_is_not_replaced_by_another(build, folder, damage):
    build(3).train()
    damage(folder / 'iter_3.pth')
    with pytest.raises(CheckpointError, match='iter_3.pth'):
        build(5, resume=True, load_from=str(folder / 'iter_3.pth')).train()
    if damage is not replaced_by_weights_alone:
        with pytest.raises(CheckpointError, match='iter_3.pth'):  # as tools/test.py loads it
            build(5).load_checkpoint(str(folder / 'iter_3.pth'))


@pytest.mark.slow
def test_a_checkpoint_cut_or_altered_at_thousands_of_places_is_noticed_or_the_same(build, folder):
    build(1).train()
    path = folder / 'iter_1.pth'
    whole, weight = path.read_bytes(), torch.load(path, weights_only=True)['state_dict']['weight']
    draw, noticed = random.Random(0), 0
    for number in range(4000):
        content = bytearray(whole)
        if number % 2:
            del content[draw.randrange(len(whole)) :]
        else:
            content[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
        try:
            iterations = iterations_in(str(path))
        except CheckpointError:
            noticed += 1
            continue
        assert iterations == 1 and torch.equal(torch.load(path, weights_only=True)['state_dict']['weight'], weight)
    print(f'4000 damaged files, {noticed} of which were noticed; the others have the same content')
    assert noticed > 3000


def test_two_checkpoint_hooks_and_settings_that_come_to_nothing(build, folder):
    second = dict(type='PlainCheckpointHook', by_epoch=False, interval=2, filename_tmpl='other_{}.pth')
    build(2, hooks=[second]).train()
    assert names(folder) == ['iter_1.pth', 'iter_2.pth', 'other_2.pth'] and check_whole(folder) == 2
    for interval in (0, -2, 'often', 1.5):
        with pytest.raises(ValueError, match='interval must be a whole number'):
            PlainCheckpointHook(interval=interval)
    with pytest.raises(ConfigError, match="unexpected keyword argument 'intervall'"):
        PlainCheckpointHook(intervall=1)


def test_a_copied_folder_goes_on_from_its_own_checkpoints(build, folder, tmp_path):
    build(3).train()
    folder.rename(tmp_path / 'elsewhere')
    pointer = tmp_path / 'elsewhere' / 'last_checkpoint'
    assert pointer.read_text() == str(folder / 'iter_3.pth')
    assert newest_whole(str(tmp_path / 'elsewhere')) == (str(tmp_path / 'elsewhere' / 'iter_3.pth'), [])


# -------------------------------------------------------------------------------------------------------------- malice
class Attack:
    """A pickle of this writes a file when it is read."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self):
        return exec, (f'open({str(self.victim)!r}, "w").close()',)


@pytest.fixture(params=['zip', 'legacy', 'bare pickle'])
def evil(request, tmp_path) -> str:
    """Path of a checkpoint with all that a run needs, and an attack."""
    path, victim = tmp_path / 'evil.pth', tmp_path / 'victim'
    content = dict(state_dict=Counter().state_dict(), meta=dict(epoch=0, iter=1, attack=Attack(victim)))
    if request.param == 'bare pickle':
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=request.param == 'zip')
    pickle.loads(pickle.dumps(Attack(victim)))
    assert victim.exists(), 'the attack works where pickles are trusted'
    victim.unlink()
    return str(path)


@pytest.mark.parametrize('forced', [False, True], ids=['', 'with the protection off by the environment'])
@pytest.mark.parametrize(
    'load',
    [
        lambda build, path: build(2, resume=True, load_from=path).train(),
        lambda build, path: build(2, load_from=path).train(),
        lambda build, path: load_checkpoint(Counter(), path),
        lambda build, path: fill_backbone(Counter(), path),
    ],
    ids=['resume', 'test', 'by mmengine', 'init-from'],
)
def test_a_checkpoint_that_would_run_code_is_refused_everywhere(build, tmp_path, monkeypatch, evil, load, forced):
    if forced:
        monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    with pytest.raises(
        CheckpointError, match='evil.pth could not be read as a checkpoint of plain types, and nothing else'
    ):
        load(build, evil)
    assert not (tmp_path / 'victim').exists()


def test_in_the_work_folder_it_is_passed_over_like_a_damaged_one(build, folder, tmp_path, evil):
    build(2).train()
    os.replace(evil, folder / 'iter_3.pth')
    (folder / 'last_checkpoint').write_text(str(folder / 'iter_3.pth'))
    runner = build(3, resume=True)
    runner.train()
    assert (runner.model.weight == 3).all() and not (tmp_path / 'victim').exists()


def test_what_is_fetched_from_a_url_is_not_trusted_either(tmp_path, evil):
    from mmengine.runner import checkpoint

    with pytest.raises(pickle.UnpicklingError):
        checkpoint.load_url(Path(evil).as_uri(), model_dir=str(tmp_path / 'cache'))
    assert not (tmp_path / 'victim').exists()
