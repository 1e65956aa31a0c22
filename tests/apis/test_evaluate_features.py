"""The command that evaluates a checkpoint."""

import itertools
import json

import pytest
from tiny_checkpoints import save_pretrained, write_videos

from videossl.apis import evaluate_features as tool
from videossl.apis.user_errors import OWN_ERRORS
from videossl.errors import UserError


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    return write_videos(tmp_path_factory.mktemp('videos'))


@pytest.fixture
def pretrained(tmp_path):
    return save_pretrained(tmp_path / 'pretrained.pth')


def test_the_tool_needs_no_config_and_writes_reports(pretrained, videos, tmp_path, capsys):
    reports = tmp_path / 'report.json', tmp_path / 'report.md'
    tool.main(
        [
            pretrained,
            '--data-root',
            str(videos),
            '--train-list',
            'train.txt',
            '--test-list',
            'test.txt',
            '--num-clips',
            '2',
            '--clip-len',
            '4',
            '--size',
            '32',
            '--resize',
            '36',
            '--num-workers',
            '0',
            '--protocol',
            'coclr',
            '--out',
            *map(str, reports),
        ]
    )
    assert 'clip retrieval' in capsys.readouterr().out
    results = json.loads(reports[0].read_text())
    assert set(results) == {'retrieval', 'knn', 'linear_probe'} and 'centered' in results['knn']['protocol']
    assert 'R@50' in reports[1].read_text()


@pytest.mark.parametrize(
    'options, expected',
    [
        ([], dict(size=112, resize=(171, 128), center=False)),
        (['--size', '56'], dict(size=56, resize=(86, 64))),
        (['--size', '64', '--resize', '72'], dict(size=64, resize=72)),
        (
            ['--protocol', 'coclr', '--no-center', '--average', 'score'],
            dict(center=False, average='score', clip_len=32),
        ),
        (['--protocol', 'vcop', '--pooling', 'avg', '--crops', '10'], dict(pooling='avg', crops=10, average='score')),
    ],
)
def test_the_tool_changes_of_a_protocol_what_it_is_told(options, expected):
    args = tool.parse_args(['c.pth', '--data-root', 'd', '--train-list', 'a', '--test-list', 'b', *options])
    protocol = tool.protocol_from(args)
    assert {name: getattr(protocol, name) for name in expected} == expected


@pytest.mark.parametrize(
    'change, words',
    [
        (dict(checkpoint='gone.pth'), ['gone.pth']),
        ({'--train-list': 'gone.txt'}, ['gone.txt', 'does not exist']),
        ({'--train-list': 'unlabelled.txt'}, ['unlabelled.txt', 'no labels']),
        ({'--out': 'report.pdf'}, ['.json or .md', 'report.pdf']),
        ({'--num-clips': '0'}, ['num_clips']),
    ],
)
def test_what_the_tool_cannot_do_it_says_in_one_line(pretrained, videos, change, words):
    change = dict(change)
    options = {'--train-list': 'train.txt', '--test-list': 'test.txt', '--data-root': str(videos), '--num-workers': '0'}
    checkpoint = change.pop('checkpoint', pretrained)
    options.update(change)
    with pytest.raises((UserError, *OWN_ERRORS)) as error:
        tool.main([checkpoint, *itertools.chain(*options.items())])
    assert all(word in str(error.value) for word in words), error.value
