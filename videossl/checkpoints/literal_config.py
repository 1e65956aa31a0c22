"""Reading a config out of a checkpoint without running it."""

import ast
import math
from typing import Any

from .weight_files import ConversionError


def read_literal(text: str, *names: str) -> dict[str, Any]:
    """The values of some of a config's variables, out of the text that mmengine keeps in a checkpoint.

    mmengine reads such a text by running it, so that a checkpoint could run any code. Here it is parsed: constants,
    lists, tuples, dicts, ``dict(...)``, ``float('inf')``, and nothing else.

    Args:
        text: of a config with its bases merged, as ``Config.pretty_text`` gives it.
        names: of variables; those that the text does not set are left out.

    Raises:
        ConversionError: a wanted variable is set to something else than plain values, or the text is no Python.

    Example:
        >>> read_literal("model = dict(type='R3D', depth=10)\\nlr = 0.1", 'model')
        {'model': {'type': 'R3D', 'depth': 10}}
    """
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConversionError(
            f'the config in the checkpoint cannot be parsed ({error}); give its file with --config'
        ) from None
    values = {}
    for statement in statements:
        if (
            isinstance(statement, ast.Assign)
            and len(statement.targets) == 1
            and isinstance(statement.targets[0], ast.Name)
        ):
            if statement.targets[0].id in names:
                values[statement.targets[0].id] = _value(statement.value)
    return values


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.List):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_value(item) for item in node.elts)
    if isinstance(node, ast.Set):
        return {_value(item) for item in node.elts}
    if isinstance(node, ast.Dict) and None not in node.keys:
        return {_value(key): _value(item) for key, item in zip(node.keys, node.values)}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.Name) and node.id in ('inf', 'nan'):
        return math.inf if node.id == 'inf' else math.nan
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id == 'dict' and len(node.args) <= 1 and all(item.arg for item in node.keywords):
            first = [_value(item) for item in node.args] or [{}]  # dict({...}), where a key is no name
            if isinstance(first[0], dict):
                return {**first[0], **{item.arg: _value(item.value) for item in node.keywords}}
        if node.func.id == 'float' and len(node.args) == 1 and not node.keywords:
            return float(_value(node.args[0]))
    raise ConversionError(
        f'the config in the checkpoint holds more than plain values ({ast.unparse(node)[:60]}), which is '
        "not run; give the config's file with --config"
    )
