"""Check on one batch that a task can be trained, before any budget is spent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from surefoot.core.errors import SurefootError, TaskError
from surefoot.tasks.batch_order_and_trees import BatchOrder
from surefoot.tasks.task import SplitName, Task, call_model, inputs_and_targets
from surefoot.tasks.user_code_errors import locate_error

T = TypeVar("T")

# Hints for errors of torch, by a part of their message.
ERROR_HINTS = {
    "same dtype": "model and data differ in dtype: use .float() on the data, or precision='fp64'.",
    "scalar type Long": "class indices must be integers: use .long() on the targets.",
    "dtype to be Long": "class indices must be integers: use .long() on the targets.",
    "not implemented for 'Int'": "class indices must be int64: use .long() on the targets.",
    "mat1 and mat2 shapes": "the input size of the first layer does not match the data.",
    "out of bounds": "the model has fewer outputs than the targets have classes.",
}


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """Size of a task's model, and its loss and metric before training.

    Attributes:
        parameters: Number of trainable parameters, counted by element.
        frozen_parameters: Number of parameters that are not trained.
        buffers: Number of elements of buffers, such as the running statistics of BatchNorm.
        initial_loss: Loss of the first training batch before training.
        initial_metric: Metric of the first validation batch before training; ``None`` without a metric.
        modules: Class names of the model's modules, sorted.
    """

    parameters: int
    frozen_parameters: int
    buffers: int
    initial_loss: float
    initial_metric: float | None
    modules: tuple[str, ...]


def sanity_check(task: Task) -> ModelSummary:
    """Check that a task can be trained, and return the size and the first scores of its model.

    It creates the model, and computes the loss of one training batch and the loss and metric of one validation batch.
    torch's generators keep their states, no gradient is computed, and the test data are not used.

    Raises:
        TaskError: If the factory, the model, the loss or the metric raises or returns a wrong value; the model has no
            trainable parameter or shares its weights with the next one; or the loss is not finite.

    Example:
        >>> x, y = torch.zeros(8, 3), torch.zeros(8, 1)
        >>> task = Task("line", lambda: nn.Linear(3, 1), nn.functional.mse_loss, (x, y), (x, y), batch_size=4, steps=9)
        >>> sanity_check(task).parameters
        4
    """
    # No devices: forking the generators of accelerators would initialise them all.
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        model = _build_model(task)
        loss = _first_batch_value(task, model, "train", "objective" if task.objective else "loss", task.batch_loss)
        if not loss.requires_grad:
            raise _task_error(
                task,
                "the loss does not depend on the model's parameters.",
                hint="check whether it calls detach() or .item().",
            )
        model.eval()
        with torch.no_grad():
            _first_batch_value(task, model, "valid", "objective" if task.objective else "loss", task.batch_loss)
            metric = _first_batch_value(task, model, "valid", "metric", task.batch_metric) if task.metric else None
    return _summary(model, loss.item(), None if metric is None else metric.item())


def _build_model(task: Task) -> nn.Module:
    model, again = _call_factory(task), _call_factory(task)
    if any(is_lazy(parameter) for parameter in model.parameters()):
        hint = "give the layers their input sizes, or run a batch through the model before returning it."
        raise _task_error(task, "the model has lazy layers.", hint=hint)
    if not _trainable_parameters(model):
        hint = "check requires_grad, and use nn.ModuleList instead of a plain list of layers."
        raise _task_error(task, "the model has no trainable parameter.", hint=hint)
    if any(parameter.is_complex() for parameter in _trainable_parameters(model)):
        raise _task_error(
            task, "the model has complex parameters.", hint="use separate real parameters for real and imaginary parts."
        )
    if _trainable_parameters(model) & _trainable_parameters(again):
        hint = "build the model inside the function: lambda: Net(), not lambda: net."
        raise _task_error(task, "the model factory returns the same weights every time.", hint=hint)
    return model.double() if task.precision == "fp64" else model


def _call_factory(task: Task) -> nn.Module:
    model = _call_user_code(task, "the model factory", task.model)
    if not isinstance(model, nn.Module):
        given = type(model).__name__
        hint = "check that the function ends with a return statement."
        raise _task_error(task, f"the model factory must return a new nn.Module; given {given}.", hint=hint)
    return model


def _trainable_parameters(model: nn.Module) -> set[nn.Parameter]:
    """Return the parameters that require a gradient; parameters are equal only if they are the same object."""
    return {parameter for parameter in model.parameters() if parameter.requires_grad}


def _first_batch_value(
    task: Task, model: nn.Module, split: SplitName, what: str, value: Callable[[Any, Any], Tensor]
) -> Tensor:
    """Return a scalar of a split's first batch; errors say whether the model or ``what`` has raised."""
    size = min(task.batch_size, len(task.split(split)))
    batch = task.batch(split, BatchOrder(len(task.split(split)), size, seed=0).indices(0))
    on_batch = f"on the first {split} batch"
    if task.objective is None:
        _call_user_code(
            task, f"the model's forward pass {on_batch}", lambda: call_model(model, inputs_and_targets(batch)[0])
        )
    return _require_scalar(
        task, _call_user_code(task, f"the {what} {on_batch}", lambda: value(model, batch)), what=what, on_batch=on_batch
    )


def _require_scalar(task: Task, value: Any, *, what: str, on_batch: str) -> Tensor:
    if not isinstance(value, Tensor):
        hint = (
            f"create an instance: {type(value).__name__}()." if isinstance(value, nn.Module) else "do not call .item()."
        )
        raise _task_error(
            task, f"the {what} must return a tensor of one element; given {type(value).__name__}.", hint=hint
        )
    if value.ndim > 0:
        raise _task_error(
            task,
            f"the {what} must be a scalar; given a tensor of shape {list(value.shape)}.",
            hint="use reduction='mean', or .mean() at the end.",
        )
    if not torch.isfinite(value):
        raise _task_error(
            task,
            f"the {what} {on_batch} is {value.item()} before any training.",
            hint="check for very large inputs, a log of 0, or a division by 0.",
        )
    return value


def _call_user_code(task: Task, what: str, action: Callable[[], T]) -> T:
    try:
        return action()
    except SurefootError:
        raise
    except Exception as error:
        hint = next((hint for sign, hint in ERROR_HINTS.items() if sign in str(error)), None)
        raise _task_error(task, f"{what} raised {locate_error(error)}.", hint=hint) from error


def _summary(model: nn.Module, loss: float, metric: float | None) -> ModelSummary:
    trained = sum(parameter.numel() for parameter in _trainable_parameters(model))
    return ModelSummary(
        parameters=trained,
        frozen_parameters=sum(parameter.numel() for parameter in model.parameters()) - trained,
        buffers=sum(buffer.numel() for buffer in model.buffers()),
        initial_loss=loss,
        initial_metric=metric,
        modules=tuple(sorted({type(module).__name__ for module in model.modules()})),
    )


def _task_error(task: Task, message: str, *, hint: str | None) -> TaskError:
    return TaskError(f"task {task.name!r}: {message}", hint=hint)
