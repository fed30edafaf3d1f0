"""Recurrent layers, each seen as one operator (see :class:`..recorder.Functions`)."""

from collections.abc import Sequence
from math import prod

import numpy as np
from torch import Tensor, nn

from gancompress.supernet.axes import Dims, Ids
from gancompress.supernet.rules.elementwise import FIXED
from gancompress.supernet.rules.products import INPUT, count, sized
from gancompress.supernet.trace import Operator, Walk

# How many gates the rows of a layer's weights hold, one block of hidden units each.
_GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


def recurrent(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``lstm``, ``gru``, ``rnn_tanh`` and ``rnn_relu`` with any number of layers and directions.

    Hidden states of all layers and directions are stacked in one tensor, so all have one size.
    """
    source = op.get("input", op.get("data"))
    hx = op["hx"] if isinstance(op["hx"], (list, tuple)) else [op["hx"]]
    sides = 2 if op["bidirectional"] else 1
    per = len(op["params"]) // (int(op["num_layers"]) * sides)
    weights = [op["params"][i : i + per] for i in range(0, len(op["params"]), per)]
    given = walk.dims(source)[-1]
    hidden: list[Ids | None] = []
    answers: list[Ids | None] = []
    for layer in range(int(op["num_layers"])):
        made = []
        for side in range(sides):
            cell = _Cell(walk, op, weights[layer * sides + side])
            cell.take(given, source.shape[-1] if layer == 0 else None, prod(source.shape[:-1]))
            hidden.append(cell.hidden)
            made.append(cell.answer)
        answers += made
        known = [ids for ids in made if ids is not None]
        given = np.concatenate(known) if len(known) == sides else None
    answer = walk.merge([*answers, walk.dims(hx[0])[-1]], FIXED)
    state = walk.merge([*hidden, *(walk.dims(t)[-1] for t in hx[1:])], FIXED)
    _note_sizes(walk, source, answer, state)
    states = [(None, None, ids) for ids in (answer, state)]
    return [(*walk.dims(source)[:-1], given), *states[: len(op.outputs) - 1]]


class _Cell:
    """One layer in one direction: the channels of its hidden state and of its answer."""

    def __init__(self, walk: Walk, op: Operator, weights: Sequence[Tensor]) -> None:
        self._walk, self._op = walk, op
        self._taking, self._keeping = weights[:2]
        gates = _GATES[op.name]
        tall = weights[: 4 if op["has_biases"] else 2]
        line = walk.merge([walk.dims(t)[0] for t in tall], FIXED)
        self.hidden = None if line is None else line.reshape(gates, -1)[0]
        if line is not None:
            walk.ids.tie(line.reshape(gates, -1), line.reshape(gates, -1)[:1])
        self.answer = self.hidden
        self._projection = None
        if self._keeping.shape[1] * gates != self._keeping.shape[0] or len(weights) in (3, 5):
            self._projection = weights[-1]
            out, inner = walk.dims(self._projection)
            walk.merge([self.hidden, inner], FIXED)
            self.answer = out
            self._keep_apart(out)
        walk.merge([walk.dims(self._keeping)[1], self.answer], FIXED)

    def _keep_apart(self, out: Ids | None) -> None:
        """PyTorch tells a projection by its size: it has to stay smaller than the state."""
        if self.hidden is not None and out is not None and self.hidden.size % out.size == 0:
            self._walk.ids.tie(self.hidden.reshape(out.size, -1), out[:, None])
        else:
            self._walk.pin(out, "is the projection of a recurrent layer, smaller than its state")

    def take(self, given: Ids | None, size: int | None, steps: int) -> None:
        """Line the layer up with what it takes in, and count its multiply-adds."""
        if self._taking.shape[1] != 1:
            self._walk.merge([given, self._walk.dims(self._taking)[1]], INPUT)
        products = [self._taking, self._keeping]
        products += [] if self._projection is None else [self._projection]
        for weight in products:
            count(self._walk, self._op, sized(self._walk, weight, 0, 1), steps)


def _note_sizes(walk: Walk, source: Tensor, answer: Ids | None, state: Ids | None) -> None:
    module = walk.modules[-1][1] if walk.modules else None
    if not isinstance(module, nn.RNNBase):
        return
    walk.attribute("input_size", [(module.input_size, walk.dims(source)[-1])])
    has_projection = module.proj_size > 0
    walk.attribute("hidden_size", [(module.hidden_size, state if has_projection else answer)])
    if has_projection:
        walk.attribute("proj_size", [(module.proj_size, answer)])


def fused_cell(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``_thnn_fused_lstm_cell`` and ``_thnn_fused_gru_cell``: gates (N, k·H) and a state (N, H)."""
    state = op.get("cx", op.get("hx"))
    ids = walk.dims(state)[-1]
    for tensor in op.tensors:
        line = walk.dims(tensor)[-1]
        if tensor is state:
            continue
        if line is None or ids is None:
            walk.merge([line, ids], FIXED)
        else:
            walk.ids.tie(line.reshape(-1, ids.size), ids[None])
    return [(None, ids) if out.shape[-1] == state.shape[-1] else (None, None) for out in op.outputs]
