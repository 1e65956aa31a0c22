"""Batch norms folded into the convolutions before them."""

import copy
import operator

from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from videossl.models.backbones.base import VideoBackbone
from videossl.models.backbones.temporal_group_norm import TemporalGroupNorm


def folded(net: nn.Module) -> nn.Module:
    """A copy of a net for inference, without those batch norms that follow a convolution: a seventh of R3D's time.

    A batch norm with running statistics multiplies and shifts each channel, which the convolution's weights and bias can
    do as well. The copy gives the results of the net in eval mode, except for rounding.

    Args:
        net: a :class:`VideoBackbone`; any other net is returned as it is, since the order of its layers is found by tracing,
            which may miss branches that depend on the data. So is a net without batch norms.
    """
    if not isinstance(net, VideoBackbone) or not any(isinstance(module, _BatchNorm) for module in net.modules()):
        return net
    copied = copy.deepcopy(net).eval()
    traced = fx.GraphModule(copied, _Tracer().trace(copied))
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        before = node.args[0] if node.op == 'call_module' and node.args else None
        if not isinstance(before, fx.Node) or before.op != 'call_module' or len(before.users) > 1:
            continue
        convolution, norm = modules[str(before.target)], modules[str(node.target)]
        if isinstance(convolution, nn.Conv3d) and isinstance(norm, _BatchNorm) and norm.track_running_stats:
            traced.set_submodule(str(before.target), fuse_conv_bn_eval(convolution, norm))
            node.replace_all_uses_with(before)
            traced.graph.erase_node(node)
    for node in traced.graph.nodes:
        if node.op == 'call_function' and node.target is operator.add and _is_spare(node.args[0], modules):
            node.target = operator.iadd  # half of an addition's time is that of fresh memory for its result
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced.eval().requires_grad_(False)


class _Tracer(fx.Tracer):
    """Does not trace into convolutions, as the code of StemConv3d depends on the data, nor into norms that differ along
    time, which no convolution could take in."""

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return isinstance(module, (nn.Conv3d, TemporalGroupNorm)) or super().is_leaf_module(module, name)


def _is_spare(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether a value is a convolution's result which nothing else reads."""
    return (
        isinstance(node, fx.Node)
        and node.op == 'call_module'
        and isinstance(modules[str(node.target)], nn.Conv3d)
        and len(node.users) == 1
    )
