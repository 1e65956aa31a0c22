"""What the tests of studies share: a small study, and stand-ins for training, test and evaluation."""

import json
from pathlib import Path

import pytest

from videossl.apis.studies import study as studies

CONFIGS = Path(__file__).parents[3] / 'configs'
STUDY = """
_base_ = '{base}'
recipe = '{recipe}'
seeds = [0, 1, 2]
few_labels = dict(counts=[1, 2, 50], finetune=[1])
group = r'actor(\\d)'
rows = {{name: None for name in _base_.rows if name not in ('random', 'scratch', 'vspp', 'aux_vspp', 'human_prior')}}
{more}
"""
# Accuracies rise with the row and the seed, so that every number of a table can be foretold.
STAND_IN = """
import json, os, sys, time
module = sys.argv[2].rpartition('.')[2]
if module == 'features':
    job = json.load(open(sys.argv[3]))
    stage, folder = os.path.basename(os.path.dirname(job['out'])), os.path.dirname(job['out'])
else:
    folder = sys.argv[sys.argv.index('--work-dir') + 1]
    stage = os.path.basename(folder)
seed = int(os.path.basename(os.path.dirname(folder)).removeprefix('seed_'))
with open(os.environ['CALLS'], 'a') as calls:
    call = dict(tool=module, stage=stage, seed=seed, pid=os.getpid(), cores=sorted(os.sched_getaffinity(0)))
    calls.write(json.dumps(call) + chr(10))
if os.environ.get('FAIL') == f'{module} {stage} {seed}' and os.environ.get('FAIL_AT', '') in folder:
    sys.exit('ValueError: made to fail')
if os.environ.get('SLOW') == f'{module} {stage} {seed}':
    time.sleep(60)
gain = 0.1 * ('vspp' in stage and 'untrained' not in stage) + 0.2 * ('aux' in stage) + 0.01 * seed * seed
# A higher learning rate of this or of pretraining shows in the result.
place = os.path.dirname(os.path.dirname(folder))
gain += 0.01 * ('vspp.lr=0.3' in place and 'vspp' in stage)
gain += 0.02 * ('vspp.lr=0.2' in place and 'vspp' in stage and 'untrained' not in stage)
gain += 0.01 * ('lr=0.4' in place and 'finetune' in stage)
if module == 'train':
    open(os.path.join(folder, 'epoch_1.pth'), 'wb').write(bytes([0x80]))  # as a pickle begins
    open(os.path.join(folder, 'last_checkpoint'), 'w').write('/a/folder/of/before/epoch_1.pth')
elif module == 'test':
    json.dump({'acc/top1': 0.4 + gain, 'acc/top5': 1.0}, open(sys.argv[sys.argv.index('--metrics-file') + 1], 'w'))
else:
    notes = os.environ.get('NOTES', '').split('|')[:-1]
    probe = dict(linear_probe=dict(top1=0.3 + gain, top5=1.0, protocol='probe as ever', notes=notes))
    retrieval = {'R@1': 0.1 + gain, 'R@5': 0.25 + gain, 'protocol': 'cosine', 'notes': notes}
    neighbours = dict(top1=0.2 + gain, protocol='20 nearest', notes=notes)
    results = dict(all=dict(probe, knn=neighbours, retrieval=retrieval), **{str(n): probe for n in job['counts']})
    # Whole or not at all, as the command does it: the report is written while steps run.
    with open(job['out'] + '.part', 'w') as out:
        json.dump(dict(job=job, results=results, seconds=6.0), out)
    if os.environ.get('FORGET') != stage:
        os.replace(job['out'] + '.part', job['out'])
"""


@pytest.fixture
def videos(tmp_path):
    """A folder with lists of 18 training videos of three actors and 6 test videos of another, of two classes; no videos."""
    folder = tmp_path / 'my videos'
    folder.mkdir()
    train = [f'actor{actor}/{label}_{take}.mp4 {label}' for actor in (1, 2, 3) for label in (0, 1) for take in range(3)]
    test = [f'actor4/{label}_{take}.mp4 {label}' for label in (0, 1) for take in range(3)]
    for name, lines in (('train.txt', train), ('test.txt', test)):
        (folder / name).write_text(''.join(f'{line}\n' for line in lines))
    return folder


@pytest.fixture
def write_study(tmp_path):
    """A function that writes a study with some more settings, and returns its path."""

    def write(more: str = '') -> Path:
        path = tmp_path / 'small.py'
        base, recipe = CONFIGS / '_base_' / 'studies' / 'every_method.py', CONFIGS / 'recipes' / 'every_method.py'
        path.write_text(STUDY.format(base=base, recipe=recipe, more=more))
        return path

    return write


@pytest.fixture
def stand_in(replace_python):
    """Replaces training, test and evaluation by a script that takes no time; returns a function that lists its calls."""
    return replace_python(STAND_IN)


@pytest.fixture
def run(videos, write_study, tmp_path, capsys, monkeypatch):
    """A function that runs the small study; returns the exit status, what was printed, and the results."""

    def run(*arguments, more: str = ''):
        where = ['--data-root', str(videos), '--work-dir', str(tmp_path / 'work'), '--jobs', '4']
        monkeypatch.setattr('sys.argv', ['run_study.py', str(write_study(more)), *where, *arguments])
        status = 0
        try:
            studies.command()
        except SystemExit as error:
            status = error.code
        results = tmp_path / 'work' / 'results.json'
        return status, ''.join(capsys.readouterr()), json.loads(results.read_text()) if results.exists() else None

    return run
