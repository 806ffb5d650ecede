"""Does the task run at all? One batch tells, before any budget is spent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from surefoot.core.errors import SurefootError, TaskError
from surefoot.tasks.batches import BatchOrder
from surefoot.tasks.task import SplitName, Task, call_model, pair
from surefoot.tasks.user_code_errors import blame

T = TypeVar("T")

HINTS = {
    "same dtype": "model and data differ in their number type: use .float() on the data, or precision='fp64'.",
    "scalar type Long": "class numbers are whole: use .long() on the targets.",
    "dtype to be Long": "class numbers are whole: use .long() on the targets.",
    "not implemented for 'Int'": "class numbers are int64: use .long() on the targets.",
    "mat1 and mat2 shapes": "the first layer's size is not that of the data.",
    "out of bounds": "the model has fewer outputs than the targets have classes.",
}


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What one look at a task shows.

    Attributes:
        parameters: Numbers that are trained.
        frozen_parameters: Numbers in parameters that are not trained.
        buffers: Numbers in buffers, such as BatchNorm's running statistics.
        initial_loss: Loss of the first training batch, before any training.
        initial_metric: Metric of the first validation batch, before any training; ``None`` without a metric.
        modules: Class names of the model's modules, sorted.
    """

    parameters: int
    frozen_parameters: int
    buffers: int
    initial_loss: float
    initial_metric: float | None
    modules: tuple[str, ...]


def probe(task: Task) -> ModelFacts:
    """Build the model, compute the loss of one training batch, and loss and metric of one validation batch.

    torch's generator is left as it was; nothing is differentiated and the test data are not touched.

    Raises:
        TaskError: If the factory, the model, the loss or the metric raises or returns what it must not; the model
            cannot be trained or is the same object every time; or the loss is not finite at the start.

    Example:
        >>> x, y = torch.zeros(8, 3), torch.zeros(8, 1)
        >>> task = Task("line", lambda: nn.Linear(3, 1), nn.functional.mse_loss, (x, y), (x, y), batch_size=4, steps=9)
        >>> probe(task).parameters
        4
    """
    with (
        torch.random.fork_rng(devices=[]),
        torch.enable_grad(),
    ):  # CPU only: forking every accelerator would start them all
        torch.manual_seed(0)
        model = _built(task)
        loss = _value(task, model, "train", "objective" if task.objective else "loss", task.batch_loss)
        if not loss.requires_grad:
            raise _fault(task, "the loss does not depend on the model's parameters.", hint="look for detach() in it.")
        model.eval()
        with torch.no_grad():
            _value(task, model, "valid", "objective" if task.objective else "loss", task.batch_loss)
            metric = _value(task, model, "valid", "metric", task.batch_metric) if task.metric else None
    return _facts(model, loss.item(), None if metric is None else metric.item())


def _built(task: Task) -> nn.Module:
    model, again = _module(task), _module(task)
    if any(is_lazy(parameter) for parameter in model.parameters()):
        hint = "give their sizes, or run a batch through the model before it is returned."
        raise _fault(task, "the model has lazy layers.", hint=hint)
    if not _trained(model):
        hint = "is requires_grad off everywhere, or do the layers hide in a plain list?"
        raise _fault(task, "the model has no trainable parameter.", hint=hint)
    if any(parameter.is_complex() for parameter in _trained(model)):
        raise _fault(task, "the model has complex parameters.", hint="keep their real and imaginary parts apart.")
    if _trained(model) & _trained(again):
        hint = "build the model inside the function: lambda: Net(), not lambda: net."
        raise _fault(task, "the model factory returns the same weights every time.", hint=hint)
    return model.double() if task.precision == "fp64" else model


def _module(task: Task) -> nn.Module:
    model = _attempt(task, "the model factory", task.model)
    if not isinstance(model, nn.Module):
        given = type(model).__name__
        hint = "does the function end with return?"
        raise _fault(task, f"the model factory returned a {given}; a new nn.Module is needed.", hint=hint)
    return model


def _trained(model: nn.Module) -> set[nn.Parameter]:
    """Return the parameters that are trained; two of them are equal only if they are the same object."""
    return {parameter for parameter in model.parameters() if parameter.requires_grad}


def _value(task: Task, model: nn.Module, split: SplitName, what: str, value: Callable[[Any, Any], Tensor]) -> Tensor:
    """Return a scalar of the split's first batch, having told the model's faults from those of ``what``."""
    size = min(task.batch_size, len(task.split(split)))
    batch = task.batch(split, BatchOrder(len(task.split(split)), size, seed=0).indices(0))
    where = f"on the first {split} batch"
    if task.objective is None:
        _attempt(task, f"the model's forward pass {where}", lambda: call_model(model, pair(batch)[0]))
    return _scalar(task, _attempt(task, f"the {what} {where}", lambda: value(model, batch)), what=what, where=where)


def _scalar(task: Task, value: Any, *, what: str, where: str) -> Tensor:
    if not isinstance(value, Tensor):
        hint = f"make an instance: {type(value).__name__}()." if isinstance(value, nn.Module) else "no .item() in it."
        raise _fault(
            task, f"the {what} returned a {type(value).__name__}; a tensor of one number is needed.", hint=hint
        )
    if value.ndim > 0:
        raise _fault(
            task,
            f"the {what} is not scalar: its shape is {list(value.shape)}.",
            hint="use reduction='mean', or .mean() at the end.",
        )
    if not torch.isfinite(value):
        raise _fault(
            task,
            f"the {what} {where} is {value.item()} before any training.",
            hint="look for huge inputs, a log of 0 or a division by 0.",
        )
    return value


def _attempt(task: Task, what: str, action: Callable[[], T]) -> T:
    try:
        return action()
    except SurefootError:
        raise
    except Exception as error:
        hint = next((hint for sign, hint in HINTS.items() if sign in str(error)), None)
        raise _fault(task, f"{what} raised {blame(error)}.", hint=hint) from error


def _facts(model: nn.Module, loss: float, metric: float | None) -> ModelFacts:
    trained = sum(parameter.numel() for parameter in _trained(model))
    return ModelFacts(
        parameters=trained,
        frozen_parameters=sum(parameter.numel() for parameter in model.parameters()) - trained,
        buffers=sum(buffer.numel() for buffer in model.buffers()),
        initial_loss=loss,
        initial_metric=metric,
        modules=tuple(sorted({type(module).__name__ for module in model.modules()})),
    )


def _fault(task: Task, message: str, *, hint: str | None) -> TaskError:
    return TaskError(f"task {task.name!r}: {message}", hint=hint)
