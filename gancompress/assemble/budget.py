"""The budget of a recipe, and what shares of it refer to."""

from torch import nn

from gancompress.architecture_search.budget import Budget
from gancompress.architecture_search.options import SearchOptions
from gancompress.batch import InputSpec, example_inputs
from gancompress.metrics.macs import count_macs


def budget_of(keys: SearchOptions) -> Budget:
    """The recipe's budget.

    Raises:
        BudgetError: an amount cannot be read.
    """
    return Budget.parse(
        macs=keys.mac_budget,
        params=keys.param_budget,
        size=keys.size_budget,
        latency=keys.latency_budget,
    )


def reference_costs(module: nn.Module, inputs: InputSpec) -> dict[str, float]:
    """What one sample costs a teacher, by column."""
    parameters = list(module.parameters())
    return {
        "macs": float(count_macs(module, example_inputs(inputs, 1)).exact),
        "params": float(sum(p.numel() for p in parameters)),
        "weight_bytes": float(sum(p.numel() * p.element_size() for p in parameters)),
    }
