"""The Plan of a fleet (backend, width, processes, device), and how many members and samples fit into memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Literal, TypeAlias, get_args

import psutil
import torch
from torch import Tensor

from surefoot.core.budget import Budget
from surefoot.core.errors import BudgetError, StudyError
from surefoot.core.value_types import Json
from surefoot.tasks.batch_order_and_trees import BatchOrder
from surefoot.tasks.seeding import preserved_generators
from surefoot.tasks.task import Task

Backend: TypeAlias = Literal["serial", "stacked"]

# Version of a plan as JSON.
PLAN_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """How fleets run, as ``calibrate`` chose it; recorded with the study, so that trials can be repeated exactly.

    Attributes:
        backend: ``stacked`` computes members at once, ``serial`` one after another.
        width: Maximum number of members whose gradients are computed at once.
        threads: Number of threads that torch uses.
        device: Torch device that the members train on, such as ``cpu`` or ``cuda:0``.
        compiled: Whether the training step is compiled.
        processes: Number of processes that share the members, with one thread each.
        config_step_us: Measured cost of one config-step in microseconds, ``None`` where it was not measured.
        loop_us: Measured cost of one config-step of the serial backend in microseconds, or ``None``.
        reason: One line that says why members train one after another; empty where they do not.

    Raises:
        StudyError: If a field has a value that is not allowed.

    Example:
        >>> Plan.from_json(Plan("stacked", 16, config_step_us=50.0, loop_us=200.0).to_json()).summary
        'stacked, 16 at once, 50 µs a config-step (4.0x a loop)'
    """

    backend: Backend = "stacked"
    width: int = 32
    threads: int = 1
    device: str = "cpu"
    compiled: bool = False
    processes: int = 1
    config_step_us: float | None = None
    loop_us: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        faults = [*self._faults()]
        if faults:
            raise StudyError(f"the plan is not valid: {'; '.join(faults)}.")

    def to_json(self) -> dict[str, Json]:
        """Return the plan as JSON data."""
        return {"schema": PLAN_SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, data: Json) -> Plan:
        """Read a plan from what :meth:`to_json` returned.

        Raises:
            StudyError: If the data are not a plan, or are one of a newer version.
        """
        if not isinstance(data, dict) or not {"backend", "width"} <= data.keys():
            raise StudyError("a plan must be a JSON object with 'backend' and 'width'.", hint="--json prints one.")
        if data.get("schema", PLAN_SCHEMA) != PLAN_SCHEMA:
            raise StudyError(
                f"the plan has version {data['schema']!r}; this surefoot reads {PLAN_SCHEMA}.", hint="update surefoot."
            )
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in data.items() if key in known})  # type: ignore[arg-type]  # it checks

    def _faults(self) -> Iterator[str]:
        if self.backend not in get_args(Backend):
            yield f"backend must be one of {', '.join(get_args(Backend))}; given {self.backend!r}"
        for name in ("width", "threads", "processes"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                yield f"{name} must be a whole number of at least 1; given {value!r}"
        for name in ("device", "reason"):
            if not isinstance(getattr(self, name), str):
                yield f"{name} must be a string; given {getattr(self, name)!r}"
        for name in ("config_step_us", "loop_us"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int | float) or not 0 < value < math.inf):
                yield f"{name} must be a number above 0; given {value!r}"
        if not isinstance(self.compiled, bool) or (self.compiled and self.backend != "stacked"):
            yield f"compiled must be true or false, and true only with backend stacked; given {self.compiled!r}"

    @property
    def summary(self) -> str:
        """One line: backend, width, processes, and the cost of a config-step."""
        how = f"stacked, {self.width} at once" if self.backend == "stacked" else "one after another"
        how += ", compiled" if self.compiled else ""
        how += f", in {self.processes} processes" if self.processes > 1 else ""
        cost = "" if self.config_step_us is None else f", {self.config_step_us:.0f} µs a config-step"
        ratio = f" ({self.loop_us / self.config_step_us:.1f}x a loop)" if self.config_step_us and self.loop_us else ""
        return f"{how}{cost}{ratio}"


def trainings_of(budget: Budget, *, steps: int, plan: Plan) -> float:
    """Return a budget in full trainings; a budget in seconds is converted by the plan's cost of a config-step.

    Raises:
        BudgetError: If the budget is in seconds and the plan has no measured cost.
    """
    if budget.trainings is not None:
        return budget.trainings
    if plan.config_step_us is None or budget.seconds is None:
        raise BudgetError(f"the budget {budget} needs a plan with a measured cost.", hint="give the budget as 30x.")
    return 1e6 * budget.seconds / (plan.config_step_us * steps)


# Tensors of the parameters' size that a member needs: parameters, gradients, two slots, and an update's temporaries.
COPIES_OF_PARAMETERS = 8
# Tensors of the activations' size: those saved for the backward pass, their gradients, and vmap's temporaries.
COPIES_OF_ACTIVATIONS = 3
# Share of the free memory that members may take; chosen: other programs need some, and the estimate is rough.
MAX_SHARE_OF_FREE_MEMORY = 0.5
# Maximum samples of one forward pass of an evaluation, unless a training batch has more; and on the CPU the maximum
# bytes of activations of all members together. Measured: a transformer is two to three times as fast in small passes,
# a perceptron is cheapest by the hundred.
MAX_EVALUATION_BATCH_SIZE, MAX_CPU_ACTIVATION_BYTES = 512, 16 * 2**20


def free_bytes(device: str = "cpu") -> int:
    """Return the free memory of a CUDA device in bytes, or for any other device that of the machine."""
    if torch.device(device).type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def member_bytes(task: Task) -> int:
    """Return an estimate of the memory of one member in bytes, from its parameters and the activations of a batch."""
    with preserved_generators():
        trained = [param for param in task.new_model().parameters() if param.requires_grad]
    parameters = sum(param.numel() * param.element_size() for param in trained)
    return COPIES_OF_PARAMETERS * parameters + COPIES_OF_ACTIVATIONS * activation_bytes(task)


def activation_bytes(task: Task) -> int:
    """Return the size in bytes of all tensors that autograd saves in the forward pass of one batch."""
    saved: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with preserved_generators():
        model = task.new_model()
        order = BatchOrder(len(task.split("train")), task.batch_size, seed=0)
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            # The graph is kept until all are counted: another tensor could reuse memory that was freed.
            graph = task.batch_loss(model, task.batch("train", order.indices(0)))
    del graph
    return sum(saved.values())


def max_width(task: Task, *, free: int) -> int:
    """Return the number of members that fit into half of the free memory, at least 1.

    Args:
        task: The task that the members train.
        free: Free memory in bytes.
    """
    return max(1, int(MAX_SHARE_OF_FREE_MEMORY * free) // max(1, member_bytes(task)))


def evaluation_batch_size(task: Task, *, members: int, device: str) -> int:
    """Return the number of samples in one forward pass of an evaluation.

    It is computed from sizes, not timed, so that equal seeds and plans give equal results.

    Args:
        task: The task that is evaluated.
        members: Number of members that go through the model at once.
        device: Torch device that they are on.
    """
    limit = max(task.batch_size, MAX_EVALUATION_BATCH_SIZE)
    if torch.device(device).type != "cpu":
        return limit
    sample_bytes = members * activation_bytes(task) / task.batch_size
    return max(task.batch_size, min(limit, int(MAX_CPU_ACTIVATION_BYTES / max(1.0, sample_bytes))))
