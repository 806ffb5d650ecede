"""The Plan: how a fleet is run on this machine.

How many members fit into memory.
"""

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
from surefoot.core.values import Json
from surefoot.tasks.batches import BatchOrder
from surefoot.tasks.seeding import borrowed_generators
from surefoot.tasks.task import Task

Backend: TypeAlias = Literal["serial", "stacked"]

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What ``calibrate`` decided; recorded with the study, and enough to run it the same way again.

    Attributes:
        backend: A loop over members, or all at once.
        width: Most members whose gradients are computed at once.
        threads: Threads torch used.
        device: Where the training ran.
        processes: Processes that shared the members, one thread each.
        compiled: Whether torch.compile was used.
        config_step_us: Measured cost of one config-step in microseconds.
        loop_us: The same for the loop over members.
        reason: One line that says why.

    Raises:
        StudyError: If a field is not what it must be.

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
            raise StudyError(f"a plan's {'; '.join(faults)}.")

    def to_json(self) -> dict[str, Json]:
        """Return the plan as JSON data."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, data: Json) -> Plan:
        """Read a plan from what :meth:`to_json` returned.

        Raises:
            StudyError: If the data are no plan, or one of a newer version.
        """
        if not isinstance(data, dict) or not {"backend", "width"} <= data.keys():
            raise StudyError("a plan is a JSON object with 'backend' and 'width'.", hint="--json prints one.")
        if data.get("schema", SCHEMA) != SCHEMA:
            raise StudyError(f"the plan is of version {data['schema']!r}; known is {SCHEMA}.", hint="update surefoot.")
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in data.items() if key in known})  # type: ignore[arg-type]  # it checks

    def _faults(self) -> Iterator[str]:
        if self.backend not in get_args(Backend):
            yield f"backend is one of {', '.join(get_args(Backend))}, not {self.backend!r}"
        for name in ("width", "threads", "processes"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                yield f"{name} is a whole number of at least 1, not {value!r}"
        for name in ("device", "reason"):
            if not isinstance(getattr(self, name), str):
                yield f"{name} is a text, not {getattr(self, name)!r}"
        for name in ("config_step_us", "loop_us"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int | float) or not 0 < value < math.inf):
                yield f"{name} is a number above 0, not {value!r}"
        if not isinstance(self.compiled, bool) or (self.compiled and self.backend != "stacked"):
            yield f"compiled is true or false, and true only where stacked, not {self.compiled!r}"

    @property
    def summary(self) -> str:
        """The plan in a few words."""
        how = f"stacked, {self.width} at once" if self.backend == "stacked" else "one after another"
        how += ", compiled" if self.compiled else ""
        how += f", in {self.processes} processes" if self.processes > 1 else ""
        cost = "" if self.config_step_us is None else f", {self.config_step_us:.0f} µs a config-step"
        ratio = f" ({self.loop_us / self.config_step_us:.1f}x a loop)" if self.config_step_us and self.loop_us else ""
        return f"{how}{cost}{ratio}"


def trainings_of(budget: Budget, *, steps: int, plan: Plan) -> float:
    """Return a budget in full trainings; one in seconds by the plan's measured cost of a config-step.

    Raises:
        BudgetError: If a budget in seconds meets a plan without a measured cost.
    """
    if budget.trainings is not None:
        return budget.trainings
    if plan.config_step_us is None or budget.seconds is None:
        raise BudgetError(f"the budget {budget} needs a plan with a measured cost.", hint="give the budget as 30x.")
    return 1e6 * budget.seconds / (plan.config_step_us * steps)


# Parameters, gradients, two slots, and what an update rule holds for a moment.
COPIES_OF_PARAMETERS = 8
# Saved activations live beside their gradients and the vectorised program's intermediate values.
COPIES_OF_ACTIVATIONS = 3
SHARE_OF_FREE = 0.5


def free_bytes(device: str = "cpu") -> int:
    """Return the memory that is free on a device now; that of the machine where the device does not tell."""
    if torch.device(device).type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def member_bytes(task: Task) -> int:
    """Return about how much memory one more member takes: its parameters and one batch's activations."""
    with borrowed_generators():
        trained = [param for param in task.new_model().parameters() if param.requires_grad]
    parameters = sum(param.numel() * param.element_size() for param in trained)
    return COPIES_OF_PARAMETERS * parameters + COPIES_OF_ACTIVATIONS * activation_bytes(task)


def activation_bytes(task: Task) -> int:
    """Return the bytes of one batch's activations: counted, all that autograd saves in one forward pass."""
    saved: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with borrowed_generators():
        model = task.new_model()
        order = BatchOrder(len(task.split("train")), task.batch_size, seed=0)
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            # The graph is kept to the end: what it lets go of could be counted twice, or another in its place.
            graph = task.batch_loss(model, task.batch("train", order.indices(0)))
    del graph
    return sum(saved.values())


def widest(task: Task, *, free: int) -> int:
    """Return how many members fit into half of the free memory, at least 1.

    Args:
        task: What is trained.
        free: Bytes of free memory.
    """
    return max(1, int(SHARE_OF_FREE * free) // max(1, member_bytes(task)))


# Most samples of one pass, and on the CPU most bytes of activations, those of all members together: a transformer is
# two to three times as fast in small passes, a perceptron is cheapest by the hundred.
SAMPLES, CPU_BYTES = 512, 16 * 2**20


def samples_a_pass(task: Task, *, members: int, device: str) -> int:
    """Return how many samples to evaluate at once; counted, not timed, so that equal seeds and plans stay equal."""
    most = max(task.batch_size, SAMPLES)
    if torch.device(device).type != "cpu":
        return most
    bytes_a_sample = members * activation_bytes(task) / task.batch_size
    return max(task.batch_size, min(most, int(CPU_BYTES / max(1.0, bytes_a_sample))))
