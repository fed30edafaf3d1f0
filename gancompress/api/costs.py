"""What a teacher costs, and whether a budget can be kept at all."""

from collections.abc import Mapping

from torch import nn

from gancompress.architecture_search.budget import Budget, check_feasible, columns_of
from gancompress.architecture_search.study import cost_function
from gancompress.batch import InputSpec, example_inputs
from gancompress.metrics.activations import peak_activations
from gancompress.metrics.macs import count_macs
from gancompress.supernet import Supernet
from gancompress.teachers.teacher import FrozenTeacher


def costs_of(teacher: FrozenTeacher) -> dict[str, float]:
    """What one sample costs the teacher, by column; nothing is known of a black box."""
    module = getattr(teacher, "module", None)
    return module_costs(module, dict(teacher.inputs)) if isinstance(module, nn.Module) else {}


def module_costs(module: nn.Module, inputs: InputSpec) -> dict[str, float]:
    """What one sample costs a module, by column."""
    parameters, sample = list(module.parameters()), example_inputs(inputs, 1)
    return {
        "macs": float(count_macs(module, sample).exact),
        "params": float(sum(p.numel() for p in parameters)),
        "weight_bytes": float(sum(p.numel() * p.element_size() for p in parameters)),
        "activation_bytes": float(peak_activations(module, sample)),
    }


def check_budget(
    supernet: Supernet, mac_budget: str | float, reference: Mapping[str, float]
) -> None:
    """Refuse an impossible budget before anything is recorded.

    Raises:
        BudgetError: no subnet is that cheap.
    """
    costs = cost_function(supernet.cost_model)
    if not reference:
        largest = columns_of(costs, [supernet.space.largest])
        reference = {name: float(column[0]) for name, column in largest.items()}
    limits = Budget.parse(macs=mac_budget).limits(reference)
    check_feasible(limits, supernet.space, costs)
