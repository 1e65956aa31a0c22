"""The backbone, compiled for training."""

import functools
import inspect

import torch
from mmengine.device import get_device
from mmengine.hooks import Hook
from torch import nn
from torch._functorch import config as functorch_config

from videossl.errors import ConfigError, UserError
from videossl.models import MomentumPretrainer
from videossl.registry import HOOKS
from videossl.wrappers import unwrap

OPTIONS = tuple(name for name in inspect.signature(torch.compile).parameters if name not in ('model', 'disable'))


class CannotCompile(UserError, RuntimeError):
    """``torch.compile`` does not work on this machine; the message says why and what to do."""


@HOOKS.register_module()
class CompileHook(Hook):
    """Trains with compiled backbones, the student's and the averaged teacher's. ``compile=True`` in a config asks for it.

    The backbone is nearly all of an iteration's work. Necks, heads, memory bank and optimiser are not compiled: they read
    data samples, which would break their graphs. (mmengine's own ``compile=True`` compiles all of ``train_step``, with
    backward pass, log and optimiser, in eleven pieces for auxSKD. The command-line tools replace it by this hook.)

    One shape is compiled: that of whole batches in training. An uneven last batch of an epoch, validation and test run as
    without this hook, so that nothing is compiled again in the middle of a run. The state dict keeps its names. Results
    equal those of a run that is not compiled within the precision, not to the bit, since operations round in another order.

    The first iteration compiles, which takes a minute or more on a CPU. A resumed run compiles again, except what torch has
    stored (``TORCHINDUCTOR_CACHE_DIR``).

    Args:
        options: of ``torch.compile``: ``backend``, ``mode``, ``options``, ``fullgraph``, ``dynamic`` (here False by default).

    Raises:
        ConfigError: an option that ``torch.compile`` does not have, or a model without a backbone.
        CannotCompile: when training starts, where nothing can be compiled, such as without a C++ compiler on a CPU.
    """

    def __init__(self, **options) -> None:
        unknown = sorted(set(options) - set(OPTIONS))
        if unknown:
            raise ConfigError(f'CompileHook: torch.compile has no {", ".join(unknown)}; it has {", ".join(OPTIONS)}')
        self.options = dict(dict(dynamic=False), **options)
        self.in_whole_batch = False
        self.eager: list[tuple] = []

    def before_train(self, runner) -> None:
        """Put compiled forward passes beside those of the backbones."""
        model = unwrap(runner.model)
        if not hasattr(model, 'backbone'):
            raise ConfigError(
                f'CompileHook compiles the backbone, and {type(model).__name__} has none; leave out compile'
            )
        check_compiler(get_device(), self.options)
        if get_device() == 'cpu' and 'backend' not in self.options and lacks_vectors():
            runner.logger.warning(
                'torch.compile finds no vector instructions that work here, and what it compiles will '
                'be several times slower than without it; leave out compile=True'
            )
        self.donates = functorch_config.donated_buffer
        # An adversary's loss goes through the graph before the backward pass does, which then finds no buffers given away.
        functorch_config.donated_buffer = self.donates and getattr(model, 'adversary', None) is None
        # None with a batch sampler of the user: every batch counts as whole.
        self.batch_size = runner.train_dataloader.batch_size
        for part in backbones(model):
            eager = part.forward
            self.eager.append((part, eager))
            part.forward = self._choosing(part, eager, torch.compile(eager, **self.options))
        runner.logger.info(f'{len(self.eager)} backbone(s) are compiled in the first iteration, which takes a while')

    def _choosing(self, part: nn.Module, eager, compiled):

        @functools.wraps(eager)
        def forward(*args, **kwargs):
            return (compiled if part.training and self.in_whole_batch else eager)(*args, **kwargs)

        return forward

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        inputs = data_batch.get('inputs') if isinstance(data_batch, dict) else None
        self.in_whole_batch = self.batch_size is None or inputs is not None and len(inputs) == self.batch_size

    def after_train(self, runner) -> None:
        """Leave the backbones as they were."""
        for part, eager in self.eager:
            part.forward = eager
        self.eager.clear()
        functorch_config.donated_buffer = self.donates


def backbones(model: nn.Module) -> list[nn.Module]:
    """A model's backbone and, where it has an averaged teacher, the teacher's."""
    owners: list[nn.Module] = [model, model.teacher] if isinstance(model, MomentumPretrainer) else [model]
    return [owner.get_submodule('backbone') for owner in owners]


def lacks_vectors() -> bool:
    """Whether torch's trial of the CPU's vector instructions fails, which torch does not report."""
    try:
        from torch._inductor.cpu_vec_isa import pick_vec_isa

        return not pick_vec_isa()
    except (ImportError, AttributeError):  # private parts of torch 2.13
        return False


def check_compiler(device: str, options: dict) -> None:
    """Compile a tiny function, so that a machine that cannot compile is found before any video is read."""
    try:
        torch.compile(lambda numbers: numbers * 2 + 1, **options)(torch.ones(2, device=device))
    except Exception as error:  # of the tracer, the code generator or the compiler
        reason = ' '.join(str(error).split('\n\n')[0].split())
        raise CannotCompile(
            f'torch.compile does not work here ({type(error).__name__}: {reason}). On a CPU it needs a C++ compiler '
            '(g++, or the one that CXX names) and the headers of Python, on a GPU triton. Install it, or leave out '
            'compile=True'
        ) from error
