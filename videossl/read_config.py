"""Reads a config file, with errors that name the file and the line."""

import ast
import os.path as osp
import traceback

from mmengine.config import Config
from mmengine.utils import import_modules_from_strings

from videossl.errors import ConfigError


def read_config(path: str) -> Config:
    """mmengine's ``Config.fromfile``.

    Raises:
        ConfigError: the config, one that it inherits, or a module of its ``custom_imports`` cannot be read.
    """
    check_syntax(path)
    try:
        config = Config.fromfile(path, import_custom_modules=False)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f'{last.filename}, line {last.lineno}' if last.filename.endswith('.py') else path
        raise ConfigError(f'{place}: {type(error).__name__}: {error}') from error
    if config.get('custom_imports'):
        try:
            import_modules_from_strings(**config.custom_imports)
        except ImportError as error:
            cause: BaseException = error
            while cause.__cause__ or cause.__context__:
                cause = cause.__cause__ or cause.__context__ or cause
            raise ConfigError(
                f'{path}: custom_imports: {cause}; the folder of a module of your own has to be in PYTHONPATH'
            ) from error
    return config


def check_syntax(path: str) -> None:
    """Refuse a Python config that is no Python, or that inherits a file which is not there, at any depth."""
    if not osp.isfile(path):
        raise ConfigError(f'{path}: there is no such config; the _base_ of another names it')
    if not path.endswith('.py'):
        return
    with open(path, encoding='utf-8') as file:
        text = file.read()
    try:
        lines = ast.parse(text, path).body
    except SyntaxError as error:
        raise ConfigError(f'{path}, line {error.lineno}: {error.msg}: {(error.text or "").strip()}') from error
    for line in lines:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name) and line.targets[0].id == '_base_':
            try:
                names = ast.literal_eval(line.value)
            except ValueError:  # an expression, for mmengine to evaluate
                continue
            for name in [names] if isinstance(names, str) else names:
                if '::' not in name:  # PACKAGE::NAME is in a package
                    check_syntax(osp.normpath(osp.join(osp.dirname(path), name)))
