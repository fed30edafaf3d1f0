"""PyTorch's attention as the functions that it is made of, so that its projections are seen."""

from types import FunctionType

import torch.nn.functional as F

# A mode gets ``multi_head_attention_forward`` whole, as the function asks for overrides before it
# does anything. This is the same code without that question.
ATTENTION = FunctionType(
    F.multi_head_attention_forward.__code__,
    {**vars(F), "has_torch_function": lambda tensors: False},
    argdefs=F.multi_head_attention_forward.__defaults__,
)
