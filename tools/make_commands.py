"""Write docs/commands.md: every command with its arguments, from the parsers, and an example that the tests parse.

python tools/make_commands.py
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

from videossl.apis import front_door
from videossl.apis.front_door import COMMANDS, SHELLS, TOOLS

PAGE = Path(__file__).resolve().parents[1] / 'docs' / 'commands.md'
VSPP = 'configs/laptop/vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py'
EXAMPLES = {
    'demo': '--seeds 0 1 2',
    'doctor': f'{VSPP} --data-root MY_FOLDER',
    'new': 'task backwards_clip --to MY_TASK',
    'check-gpu': '--quick --out check_gpu',
    'prepare': 'folder MY_FOLDER --out lists --fractions train=0.8 test=0.2',
    'check': '--data-root MY_FOLDER --out checked',
    'compact': '--data-root MY_FOLDER --out COMPACT --short-side 128',
    'pack': '--data-root COMPACT --out PACKED',
    'few-labels': 'MY_FOLDER/train.txt --per-class 1 5 --out lists',
    'motion': '--data-root MY_FOLDER --out MY_FOLDER/motion.sqlite',
    'parsing': '--data-root MY_FOLDER --out MY_FOLDER/parsing --teacher SCHP --checkpoint schp.pth',
    'browse': f'{VSPP} --data-root MY_FOLDER',
    'shapes': 'data/moving_shapes --num-train 160 --num-test 80',
    'train': f'{VSPP} --data-root MY_FOLDER --cfg-options train_cfg.max_epochs=5',
    'recipe': 'configs/recipes/laptop.py --data-root MY_FOLDER --stage vspp_after_aux',
    'study': 'configs/studies/moving_shapes.py --seeds 0 1 2',
    'test': f'{VSPP} epoch_20.pth --data-root MY_FOLDER',
    'features': f'{VSPP} epoch_20.pth --data-root MY_FOLDER --out features.npz',
    'evaluate': 'epoch_20.pth --data-root MY_FOLDER --train-list train.txt --test-list test.txt --out report.md',
    'report': 'work_dirs/demo',
    'curves': 'plain=work_dirs/a aux=work_dirs/b --keys loss acc_speed --out curves.png',
    'cam': f'{VSPP} epoch_20.pth --videos a.mp4 --head speed --out cam',
    'embeddings': 'features.npz --out map.png',
    'neighbors': 'train.npz test.npz --data-root MY_FOLDER --out neighbors.png',
    'confusion': 'predictions.pkl --out confusion.png',
    'import': 'theirs.pth --out r3d-10.pth',
    'export': 'epoch_20.pth --out backbone.safetensors',
    'publish': 'epoch_20.pth',
}
HEAD = """# Commands

`videossl COMMAND` runs in any folder, after `make env` and `. .venv/bin/activate`, or where the wheel is installed. From any
folder, configs of videossl are found by their names in a checkout, such as `configs/recipes/laptop.py`. In a checkout, the
scripts of `tools/` do the same as the commands.

To let bash complete the names of the commands, once: `echo "$(videossl completion bash)" >> ~/.bashrc`. There is such a line
for {shells}, too.

An error is a message without a traceback; `VIDEOSSL_DEBUG=1` shows the traceback. `--cfg-options` changes keys of the config by
their dotted names ([extend.md](extend.md#change-a-pipeline)).
"""
FOOT = '\n\n<!-- Made by tools/make_commands.py from the parsers. -->\n'


class Parsed(BaseException):
    """A command has made its parser; it is stopped there."""


def parser_of(name: str) -> argparse.ArgumentParser:
    """The parser of a command."""

    def stop(self: argparse.ArgumentParser, *args: object, **settings: object) -> None:
        raise Parsed(self)

    with patch.object(argparse.ArgumentParser, 'parse_known_args', stop), patch.object(sys, 'argv', ['videossl']):
        try:
            front_door.main([name])
        except Parsed as parsed:
            return parsed.args[0]
    raise ValueError(f'{name} has no parser')


def plain(text: str) -> str:
    """Text with what Markdown would read as markup, outside of code, escaped."""
    return re.sub(r'(?<!`)([*<|\[\]])', r'\\\1', ' '.join(text.split()))


def description(parser: argparse.ArgumentParser) -> str:
    """What a command does: its description without example lines."""
    parts = re.split(r'\n\s*\n', (parser.description or '').strip())
    return '\n\n'.join(plain(part) for part in parts if not part.lstrip().startswith('python '))


def rows(parser: argparse.ArgumentParser) -> Iterator[str]:
    """A row of the table for each argument."""
    formatter = parser._get_formatter()
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction) or action.help == argparse.SUPPRESS:
            continue
        default = (action.dest.upper() if action.option_strings else action.dest).replace('-', '_')
        values = formatter._format_args(action, default) if action.nargs != 0 else ''
        written = ' '.join(filter(None, [', '.join(action.option_strings), values])).replace('|', r'\|')
        words = formatter._expand_help(action) if action.help else ', '.join(subparsers(action))
        yield f'| `{written}` | {plain(words)} |'


def section(name: str) -> str:
    """The part of the page about a command."""
    parser = parser_of(name)
    choices = {kind: child for group in parser._actions for kind, child in subparsers(group).items()}
    # A row that several kinds of a command share is written once.
    shared: dict[str, list[str]] = {row: [] for row in rows(parser)}
    for kind, child in choices.items():
        for row in rows(child):
            shared.setdefault(row, []).append(kind)
    table = [
        row.removesuffix(' |') + (f' (only {", ".join(kinds)}) |' if kinds and len(kinds) < len(choices) else ' |')
        for row, kinds in shared.items()
    ]
    about = f'{description(parser)}\n\nScript: `tools/{TOOLS[name]}`'
    example = f'```bash\nvideossl {name} {EXAMPLES[name]}\n```'
    return '\n\n'.join([f'### {name}', about, example, '\n'.join(['| argument | meaning |', '|---|---|', *table])])


def subparsers(action: argparse.Action) -> dict[str, argparse.ArgumentParser]:
    """The parsers among which an argument chooses."""
    return action.choices if isinstance(action, argparse._SubParsersAction) else {}


def page() -> str:
    """The text of docs/commands.md."""
    parts = [HEAD.format(shells=' and '.join(shell for shell in SHELLS if shell != 'bash'))]
    for task, commands in COMMANDS.items():
        parts += [f'## {task}', *map(section, commands)]
    return '\n\n'.join(part.strip() for part in parts) + FOOT


if __name__ == '__main__':
    PAGE.write_text(page(), encoding='utf-8')
