"""``videossl COMMAND ...``: the tools by task, under one name."""

import difflib
import os.path as osp
import sys

from videossl.compat import config_directory
from videossl.version import __version__

# By task: a command, the script in tools/ that it runs, and what it does.
COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    'Begin': {
        'demo': ('demo.py', 'pretrain, fine-tune and test on made-up videos; minutes on a laptop'),
        'doctor': ('doctor.py', 'what this machine and a config make of each other, and what to change'),
        'new': ('new.py', 'a pretext task or a backbone of your own to begin with'),
        'check-gpu': ('check_gpu.py', 'check results and speed on the GPU of this machine'),
    },
    'Videos': {
        'prepare': ('data/prepare.py', 'make the lists of a data set, or of a folder'),
        'check': ('data/check_videos.py', 'find the videos that cannot be read'),
        'compact': ('data/compact.py', 'write videos anew so that training reads them several times faster'),
        'pack': ('data/pack.py', 'put videos into a few large files, for file systems slow with many'),
        'few-labels': ('data/few_labels.py', 'nested lists with few labels of each class'),
        'motion': ('data/measure_motion.py', 'measure where videos move, for samplers that look for motion'),
        'parsing': ('data/extract_parsing.py', 'label the pixels of videos with a network, for the human prior'),
        'browse': ('analysis/browse_clips.py', "pictures of a config's clips and their labels"),
        'shapes': ('data/make_moving_shapes.py', 'render MovingShapes, a set of videos to try everything on'),
    },
    'Train': {
        'train': ('train.py', 'pretraining or fine-tuning, as the config says'),
        'recipe': ('run_recipe.py', 'several stages, one after the other, and a table'),
        'study': ('run_study.py', 'several methods with several seeds: does it help, and how sure is that?'),
    },
    'Evaluate': {
        'test': ('test.py', 'accuracy of a checkpoint'),
        'features': ('extract_features.py', 'features of videos, to a file'),
        'evaluate': ('evaluate_features.py', 'retrieval, kNN and linear probe of a checkpoint'),
        'report': ('report.py', 'one HTML page of a run, a recipe or a study'),
    },
    'Pictures': {
        'curves': ('analysis/plot_curves.py', 'losses and accuracies of runs'),
        'cam': ('analysis/cam.py', 'where clips activate a network, as videos and pictures'),
        'embeddings': ('analysis/plot_embeddings.py', 'features of videos as points in a plane, by t-SNE'),
        'neighbors': ('analysis/retrieval_sheet.py', 'videos and those that retrieval finds for them'),
        'confusion': ('analysis/confusion_matrix.py', 'which classes a test took for which'),
    },
    'Weights': {
        'import': ('converters/import_backbone.py', "a backbone from its authors' checkpoint"),
        'export': ('converters/export_backbone.py', 'a backbone for other programs'),
        'publish': ('publish_model.py', 'a checkpoint for others, with digits of its checksum in the name'),
    },
}
# The script of each command.
TOOLS = {name: script for commands in COMMANDS.values() for name, (script, _) in commands.items()}
SHELLS = {
    'bash': "complete -o default -o bashdefault -W '{names}' videossl",
    'zsh': "compctl -f -x 'p[1]' -k '({names})' -- videossl",
    'fish': "complete -c videossl -n '__fish_is_first_arg' -f -a '{names}'",
}


def script_of(name: str) -> str:
    """The path of a command's script."""
    return osp.join(osp.dirname(config_directory()), 'tools', TOOLS[name])


def usage() -> str:
    """What ``videossl --help`` prints."""
    width = max(len(name) for name in TOOLS)
    lines = ['usage: videossl COMMAND ...', '', '"videossl COMMAND --help" lists the arguments of a command.']
    for task, commands in COMMANDS.items():
        lines += ['', task, *(f'  {name:{width}}  {words}' for name, (_, words) in commands.items())]
    lines += ['', 'Shell', f'  {"completion":{width}}  the line that lets {", ".join(SHELLS)} complete these names']
    return '\n'.join([*lines, '', f'The configs that come with videossl: {config_directory()}'])


def main(argv: list[str] | None = None) -> None:
    """Entry point of ``videossl``."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] in ('-h', '--help', 'help'):
        print(usage())
        return
    if argv[0] == '--version':
        print(__version__)
        return
    name, arguments = argv[0], argv[1:]
    if name == 'completion':
        if len(arguments) != 1 or arguments[0] not in SHELLS:
            raise SystemExit(f'usage: videossl completion {"|".join(SHELLS)}')
        print(SHELLS[arguments[0]].format(names=' '.join([*TOOLS, 'completion'])))
        return
    if name not in TOOLS:
        near = difflib.get_close_matches(name, TOOLS, n=1)
        guess = f'; did you mean "{near[0]}"?' if near else ''
        raise SystemExit(f'there is no command "{name}"{guess}\n"videossl --help" lists the commands')
    script = script_of(name)
    sys.argv = [f'videossl {name}', *arguments]  # for the usage; runpy would put the script's name there
    with open(script, encoding='utf-8') as file:
        exec(compile(file.read(), script, 'exec'), {'__name__': '__main__', '__file__': script})
