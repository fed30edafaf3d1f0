"""What each ATen operator does to the axes of its tensors: one literal table, by family."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch

from gancompress.errors import TraceError
from gancompress.supernet.rules import (
    elementwise,
    norms,
    positions,
    probe,
    products,
    recurrent,
    reshape,
    shapes,
    spectral,
)
from gancompress.supernet.trace import Operator, Rule

_FAMILIES: dict[Rule, str] = {
    products.convolution: "convolution _convolution cudnn_convolution mkldnn_convolution",
    products.matmul: "mm bmm addmm baddbmm mv addmv dot vdot _addmm_activation",
    products.attention: "scaled_dot_product_attention _scaled_dot_product_flash_attention"
    " _scaled_dot_product_efficient_attention _scaled_dot_product_cudnn_attention"
    " _scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_attention_math"
    " _scaled_dot_product_fused_attention_overrideable",
    products.bilinear: "bilinear",
    recurrent.recurrent: "lstm gru rnn_tanh rnn_relu",
    recurrent.fused_cell: "_thnn_fused_lstm_cell _thnn_fused_gru_cell",
    norms.batch_norm: "native_batch_norm _native_batch_norm_legit"
    " _native_batch_norm_legit_no_training cudnn_batch_norm _batch_norm_with_update"
    " _batch_norm_no_update miopen_batch_norm batch_norm",
    norms.group_norm: "native_group_norm",
    norms.layer_norm: "native_layer_norm _fused_rms_norm",
    norms.weight_norm: "_weight_norm_interface",
    norms.reduction: "mean sum var std var_mean std_mean amax amin max min norm"
    " linalg_vector_norm prod logsumexp nansum all any",
    positions.extremum: "argmax argmin",
    positions.ordered: "topk sort argsort kthvalue",
    positions.gather: "gather",
    positions.scatter: "scatter scatter_add scatter_reduce index_add index_copy index_reduce",
    positions.put: "index_put _index_put_impl _unsafe_index_put",
    positions.windows: "unfold",
    positions.distances: "_cdist_forward _euclidean_dist",
    positions.roll: "roll",
    spectral.fourier: "_fft_r2c _fft_c2r _fft_c2c",
    spectral.as_real: "view_as_real",
    spectral.as_complex: "view_as_complex",
    spectral.patches: "im2col",
    spectral.from_patches: "col2im",
    spectral.shuffled: "channel_shuffle native_channel_shuffle",
    spectral.deformed: "torchvision::deform_conv2d",
    norms.embedding: "embedding",
    positions.pick: "index _unsafe_index index_select",
    shapes.permute: "permute",
    shapes.transpose: "transpose t numpy_T",
    shapes.unsqueeze: "unsqueeze",
    shapes.squeeze: "squeeze",
    shapes.expand: "expand",
    shapes.repeat: "repeat",
    shapes.concatenate: "cat",
    shapes.stack: "stack",
    shapes.split: "split split_with_sizes unsafe_split chunk unsafe_chunk",
    shapes.cut: "slice",
    shapes.select: "select",
    shapes.unbind: "unbind",
    shapes.flip: "flip",
    shapes.restride: "as_strided",
    shapes.glu: "glu",
    shapes.pixel_shuffle: "pixel_shuffle",
    shapes.pixel_unshuffle: "pixel_unshuffle",
    shapes.pad: "constant_pad_nd",
    reshape.view: "view _unsafe_view reshape _reshape_alias",
    shapes.resample: "reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d"
    " replication_pad2d replication_pad3d avg_pool1d avg_pool2d avg_pool3d"
    " max_pool2d_with_indices max_pool3d_with_indices adaptive_avg_pool1d"
    " _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d"
    " adaptive_max_pool3d upsample_nearest1d upsample_nearest2d upsample_nearest3d"
    " _upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d"
    " upsample_linear1d upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d"
    " _upsample_bilinear2d_aa _upsample_bicubic2d_aa grid_sampler_2d grid_sampler_3d",
    elementwise.same: "clone detach _to_copy lift_fresh lift_fresh_copy contiguous native_dropout"
    " dropout alias _softmax _log_softmax cumsum cumprod bernoulli _conj tril triu logcumsumexp"
    " zeros_like ones_like full_like empty_like rand_like randn_like randint_like",
    elementwise.made: "zeros ones full empty rand randn arange eye scalar_tensor new_zeros"
    " new_ones new_full new_empty randint randperm linspace",
    elementwise.pointwise: "mul add sub div relu sigmoid _prelu_kernel hardswish"
    " log_sigmoid_forward fill zero copy normal"
    " uniform random exponential rrelu_with_noise polar complex real imag",
    elementwise.read_out: "_local_scalar_dense is_same_size item equal",
}

RULES: dict[str, Rule] = {name: rule for rule, names in _FAMILIES.items() for name in names.split()}


def finder(rules: Mapping[str, Rule | str]) -> Callable[[Operator], Rule]:
    """What finds the rule of an operator, a user's own before the built-in ones.

    Args:
        rules: by the operator's name (``mylib::blur``, ``aten::cumsum``) a function that takes the
            :class:`Walk` and the :class:`Operator` and returns the dimensions of every result, or
            the name of a built-in operator that does the same (``"convolution"``).

    Raises:
        TraceError: a rule is neither.
    """
    own: dict[str, Rule] = {}
    for name, rule in rules.items():
        found = RULES.get(rule.removeprefix("aten::")) if isinstance(rule, str) else rule
        if not callable(found):
            raise TraceError(
                f"rules: {name}: {rule!r} is no operator that has a rule; give a function of a "
                "walk and an operator, or a name such as 'convolution', 'mul' or 'layer_norm'"
            )
        own[name.removeprefix("aten::").removeprefix("aten.")] = found
    return lambda op: own.get(op.name) or find_rule(op)


def find_rule(op: Operator) -> Rule:
    """The rule of an operator; in-place forms have that of the operator proper."""
    rule = RULES.get(op.name) or RULES.get(op.name.rstrip("_"))
    if rule is not None:
        return rule
    return elementwise.pointwise if _is_pointwise(op.func.overloadpacket) else probe.probed


@cache
def _is_pointwise(packet: Any) -> bool:
    """Whether PyTorch tags any overload of an operator as pointwise (not all carry the tag)."""
    return any(torch.Tag.pointwise in getattr(packet, name).tags for name in packet.overloads())
