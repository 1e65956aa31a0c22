"""A run tells whoever started it how far it is, and ends when that process is gone."""

import json
import os
from types import SimpleNamespace

import pytest
import torch

from videossl.engine.hooks.progress_hook import ProgressHook

RUNNER = SimpleNamespace(iter=0, max_iters=10, test_dataloader=[None] * 4)


@pytest.fixture
def file(tmp_path):
    return tmp_path / 'progress.json'


def test_training_writes_iterations_losses_and_accuracies(file):
    outputs = dict(
        loss=torch.tensor(1.5),
        loss_speed=torch.tensor(0.5),
        acc_speed=0.25,
        top1_acc=torch.tensor(0.5),
        std_embedding=1.0,
    )
    ProgressHook(str(file), os.getppid()).after_train_iter(RUNNER, 0, outputs=outputs)
    assert json.loads(file.read_text()) == dict(
        done=1, total=10, metrics=dict(loss=1.5, loss_speed=0.5, acc_speed=0.25, top1_acc=0.5)
    )


@pytest.fixture
def warn_always():
    """Some of torch's warnings come once per process; a test before may have had them."""
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(before)


def test_a_loss_that_is_still_in_its_graph_is_written_without_a_warning(file, warn_always, recwarn):
    loss = 3 * torch.tensor(0.5, requires_grad=True)
    ProgressHook(str(file)).after_train_iter(RUNNER, 0, outputs=dict(loss=loss))
    assert json.loads(file.read_text())['metrics'] == dict(loss=1.5)
    assert loss.requires_grad, 'the hook is not to change it'
    assert not recwarn.list


def test_a_test_writes_batches(file):
    ProgressHook(str(file)).after_test_iter(RUNNER, 1)
    assert json.loads(file.read_text()) == dict(done=2, total=4, metrics={})


def test_it_writes_twice_a_second_at_most_and_the_last_iteration_always(file):
    hook = ProgressHook(str(file))
    for batch in range(3):
        hook.after_test_iter(RUNNER, batch)
    assert json.loads(file.read_text())['done'] == 1
    hook.after_test_iter(RUNNER, 3)
    assert json.loads(file.read_text())['done'] == 4


def test_values_are_read_from_the_device_only_when_they_are_written(file):

    class Counted:
        read = 0

        def __float__(self):
            Counted.read += 1
            return 1.0

    hook = ProgressHook(str(file))
    for _ in range(5):
        hook.after_train_iter(RUNNER, 0, outputs=dict(loss=Counted()))
    assert Counted.read == 1


@pytest.mark.parametrize(
    'call',
    [
        lambda hook: hook.before_train(RUNNER),
        lambda hook: hook.after_train_iter(RUNNER, 0, outputs={}),
        lambda hook: hook.after_val_iter(RUNNER, 0),
        lambda hook: hook.before_test(RUNNER),
        lambda hook: hook.after_test_iter(RUNNER, 0),
    ],
)
def test_without_the_process_that_started_it_the_run_ends_and_writes_nothing(file, call):
    gone = 2**22 + 1  # above the greatest process number of Linux
    with pytest.raises(SystemExit, match='has ended'):
        call(ProgressHook(str(file), gone))
    assert not file.exists()
    call(ProgressHook(str(file), os.getppid()))
    call(ProgressHook(str(file)))
