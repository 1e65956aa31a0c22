"""Every registry of videossl: one per kind mmaction2 has, each a child of mmaction2's registry of that kind.

Being children, they find mmaction2's and mmengine's types without a prefix, and a stock mmaction2 config finds ours as
``type='videossl.R3D'``. The parents live in :mod:`mmaction.registry`, which does not import the modules that fill them
when a child asks; :mod:`videossl` imports those itself.
"""

from mmaction import registry as mmaction_registry
from mmengine.registry import Registry


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
