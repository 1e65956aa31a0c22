"""Every registry of videossl: one per kind mmaction2 has, each a child of mmaction2's registry of that kind.

Being children, they find mmaction2's and mmengine's types without a prefix, and a stock mmaction2 config finds ours as
``type='videossl.R3D'``. The parents live in :mod:`mmaction.registry`, which does not import the modules that fill them
when a child asks; :mod:`videossl` imports those itself.
"""

from typing import Any

from mmaction import registry as mmaction_registry
from mmengine.registry import Registry

SCOPES = ('videossl', 'mmaction', 'mmengine')


def _child(kind: str) -> Registry:
    parent = getattr(mmaction_registry, kind)
    return Registry(parent.name, parent=parent, scope='videossl', locations=['videossl'])


RUNNERS = _child('RUNNERS')
RUNNER_CONSTRUCTORS = _child('RUNNER_CONSTRUCTORS')
LOOPS = _child('LOOPS')
HOOKS = _child('HOOKS')
LOG_PROCESSORS = _child('LOG_PROCESSORS')
DATASETS = _child('DATASETS')
DATA_SAMPLERS = _child('DATA_SAMPLERS')
TRANSFORMS = _child('TRANSFORMS')
MODELS = _child('MODELS')
MODEL_WRAPPERS = _child('MODEL_WRAPPERS')
WEIGHT_INITIALIZERS = _child('WEIGHT_INITIALIZERS')
OPTIMIZERS = _child('OPTIMIZERS')
OPTIM_WRAPPERS = _child('OPTIM_WRAPPERS')
OPTIM_WRAPPER_CONSTRUCTORS = _child('OPTIM_WRAPPER_CONSTRUCTORS')
PARAM_SCHEDULERS = _child('PARAM_SCHEDULERS')
METRICS = _child('METRICS')
EVALUATORS = _child('EVALUATOR')
TASK_UTILS = _child('TASK_UTILS')
VISUALIZERS = _child('VISUALIZERS')
VISBACKENDS = _child('VISBACKENDS')
INFERENCERS = _child('INFERENCERS')
FUNCTION = _child('FUNCTION')
TOKENIZER = _child('TOKENIZER')


def registered(registry: Registry, name: Any) -> list[Any]:
    """What a name stands for in a registry and its parents, the nearest first; empty: nothing.

    Nothing is imported, unlike in ``Registry.get``, which takes a name with dots for the path of a module or a package.

    Args:
        registry: one of this module.
        name: ``'R3D'`` or, with a scope, ``'mmaction.ResNet3d'``.
    """
    scope, _, bare = name.rpartition('.') if isinstance(name, str) else ('', '', '')
    found = []
    while registry is not None:
        if bare in registry.module_dict and scope in ('', registry.scope) and registry.scope in SCOPES:
            found.append(registry.module_dict[bare])
        registry = registry.parent
    return found
