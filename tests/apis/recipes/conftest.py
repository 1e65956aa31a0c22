"""What the tests of recipes share: data, and stand-ins for training and test."""

from pathlib import Path

import pytest

from videossl.apis.recipes import command as recipes

LAPTOP = Path(__file__).parents[3] / 'configs' / 'recipes' / 'laptop.py'
STAND_IN = """
import json, os, signal, sys, time
folder = sys.argv[sys.argv.index('--work-dir') + 1]
tool = sys.argv[2].rpartition('.')[2]
call = dict(tool=tool, stage=os.path.basename(folder), arguments=sys.argv[3:], pid=os.getpid())
with open(os.environ['CALLS'], 'a') as calls:
    calls.write(json.dumps(call) + chr(10))

def progress(done):
    with open(folder + '/progress.json.part', 'w') as file:
        json.dump(dict(done=done, total=10, metrics=dict(loss=1.5, loss_speed=1.0, acc_speed=0.25)), file)
    os.replace(folder + '/progress.json.part', folder + '/progress.json')

behaviour = os.environ.get('BEHAVIOUR', '')
if behaviour == 'stubborn':
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
progress(1)
if behaviour in ('slow', 'stubborn'):
    time.sleep(60)
if behaviour == 'steps':
    for done in range(1, 11):
        progress(done)
        time.sleep(0.15)
if behaviour == 'fail':
    print('a line of the log')
    sys.exit('ValueError: list.txt, entry 3: label 9 lies outside 0..7')
if behaviour == 'killed':
    os.kill(os.getpid(), signal.SIGKILL)
if tool == 'train':
    for name in ('epoch_1.pth', 'last_checkpoint'):
        with open(folder + '/' + name, 'w', encoding='latin-1') as file:  # checkpoints begin as pickles do
            file.write('/a/folder/of/before/epoch_1.pth' if name == 'last_checkpoint' else '\\x80')
else:
    with open(sys.argv[sys.argv.index('--metrics-file') + 1], 'w') as file:
        json.dump({'acc/top1': 0.5, 'acc/top5': 0.75}, file)
"""


@pytest.fixture
def data(tmp_path):
    """A folder with lists, for what looks at no video."""
    folder = tmp_path / 'my videos'
    folder.mkdir()
    for name in ('train.txt', 'test.txt', 'other.txt'):
        (folder / name).write_text('a.mp4 0\n')
    return folder


@pytest.fixture
def stand_in(replace_python):
    """Replaces training and test by a script that takes no time; returns a function that lists its calls."""
    return replace_python(STAND_IN)


@pytest.fixture
def run(data, tmp_path, capsys, monkeypatch):
    """A function that runs the laptop recipe's stages up to one; returns the exit status and what was printed."""

    def run(*arguments, stage='finetune_vspp'):
        where = ['--stage', stage, '--data-root', str(data), '--work-dir', str(tmp_path / 'work')]
        monkeypatch.setattr('sys.argv', ['run_recipe.py', str(LAPTOP), *where, *arguments])
        status = 0
        try:
            recipes.command()
        except SystemExit as error:
            status = error.code
        return status, ''.join(capsys.readouterr())

    return run
