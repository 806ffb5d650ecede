"""The Task: a model, its objective, its data, batch size and length of training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from surefoot.core.errors import TaskError
from surefoot.core.formatting import short_repr
from surefoot.tasks.as_split import Split, as_split
from surefoot.tasks.batch_order_and_trees import tensor_leaves, to_float64

Loss: TypeAlias = Callable[[Any, Any], Tensor]
Objective: TypeAlias = Callable[[Any, Any], Tensor]
Metric: TypeAlias = Callable[[Any, Any], Tensor]
Precision: TypeAlias = Literal["fp32", "fp64", "bf16"]
SplitName: TypeAlias = Literal["train", "valid", "test"]

PRECISIONS: tuple[Precision, ...] = ("fp32", "fp64", "bf16")
SPLITS: tuple[SplitName, ...] = ("train", "valid", "test")


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A model with its objective and data, trained for a number of steps.

    Attributes:
        name: Name of the task in reports.
        model: Function that returns a new ``nn.Module``, initialised from torch's global generator.
        loss: Function ``(output, target) -> scalar``, the mean over the batch. The model is called with the batch's
            inputs: a tuple or list as positional arguments, a dict as keyword arguments.
        train: Training data: ``(inputs, targets)`` tensors, a ``Dataset``, a ``DataLoader`` or a list of samples;
            stored as a split.
        valid: Validation data, of the same types.
        batch_size: Number of samples in one micro-batch.
        steps: Length of a full training in optimizer steps; either ``steps`` or ``epochs`` is given.
        epochs: Length of a full training in passes over the training data.
        metric: Function ``(output, target) -> scalar``, the mean over the batch, which is reported next to the loss;
            with ``objective`` it is ``(model, batch) -> scalar``.
        test: Test data, which are used only for the final comparison.
        objective: Function ``(model, batch) -> scalar``, the mean over the batch, instead of ``loss``: for dict
            batches, several losses, or whatever the model needs.
        accumulate: Number of micro-batches whose mean gradient makes one optimizer step.
        precision: ``fp32`` (model and data as they are), ``fp64`` (both in float64) or ``bf16`` (autocast).
        notes: What was decided when the task was made, in sentences for the user.

    Raises:
        TaskError: If arguments are missing or not allowed; one error names all faults.
        DataError: If data cannot be read.

    Example:
        >>> import torch
        >>> x, y = torch.randn(100, 3), torch.randn(100, 1)
        >>> task = Task("line", lambda: nn.Linear(3, 1), nn.functional.mse_loss,
        ...             (x[:80], y[:80]), (x[80:], y[80:]), batch_size=16, epochs=4)
        >>> task.total_steps
        20
    """

    name: str
    model: Callable[[], nn.Module]
    loss: Loss | None = None
    train: Any = None
    valid: Any = None
    batch_size: int = 0
    steps: int | None = None
    epochs: float | None = None
    metric: Metric | None = None
    test: Any = None
    objective: Objective | None = None
    accumulate: int = 1
    precision: Precision = "fp32"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(self, self._argument_faults() + self._number_faults())
        for name in SPLITS:
            data = getattr(self, name)
            if data is not None:
                object.__setattr__(self, name, as_split(data, name=name))
        _require(self, self._length_faults())

    def _argument_faults(self) -> list[str]:
        faults = [f"{name} data are missing" for name in ("train", "valid") if getattr(self, name) is None]
        if not isinstance(self.name, str) or not self.name.strip() or not self.name.isprintable():
            faults.append(f"name must be a printable text on one line; given {short_repr(self.name)}")
        if isinstance(self.model, nn.Module) or not callable(self.model):
            given = type(self.model).__name__
            faults.append(
                f"model must be a function that returns a new nn.Module, such as lambda: {given}(...); given a {given}"
            )
        if (self.loss is None) == (self.objective is None):
            faults.append("one of loss and objective is needed; given " + ("neither" if self.loss is None else "both"))
        return faults + [
            f"{name} must be a function; given {value!r}"
            for name, value in (("loss", self.loss), ("objective", self.objective), ("metric", self.metric))
            if value is not None and not callable(value)
        ]

    def _number_faults(self) -> list[str]:
        whole = {"batch_size": self.batch_size, "accumulate": self.accumulate}
        whole |= {} if self.steps is None else {"steps": self.steps}
        faults = [
            f"{name} must be a whole number of at least 1; given {value!r}"
            for name, value in whole.items()
            if not isinstance(value, int) or isinstance(value, bool) or value < 1
        ]
        if (self.steps is None) == (self.epochs is None):
            faults.append("one of steps and epochs is needed; given " + ("neither" if self.steps is None else "both"))
        if self.epochs is not None and not 0 < self.epochs < float("inf"):
            faults.append(f"epochs must be a number above 0; given {self.epochs!r}")
        if self.precision not in PRECISIONS:
            faults.append(f"precision must be one of {', '.join(PRECISIONS)}; given {self.precision!r}")
        return faults

    def _length_faults(self) -> list[str]:
        samples = len(self.train)
        if self.batch_size > samples:
            return [f"batch_size must be at most {samples}, the number of training samples; given {self.batch_size}"]
        if self.total_steps < 1:
            return [f"{self.epochs} epochs of {samples} samples make no full step of {self.step_samples}; allow more"]
        return []

    @property
    def step_samples(self) -> int:
        """Number of samples in one optimizer step."""
        return self.batch_size * self.accumulate

    @property
    def total_steps(self) -> int:
        """Number of optimizer steps of one full training (1x)."""
        if self.epochs is None:
            return self.steps or 0  # never 0: __post_init__ checks that one of the two is given
        return int(self.epochs * len(self.train)) // self.step_samples

    def with_length(self, *, steps: int | None = None, epochs: float | None = None) -> Task:
        """Return the same task with another length of training, in steps or in epochs.

        Raises:
            TaskError: If neither or both are given, or the length is less than one step.
        """
        return replace(self, steps=steps, epochs=epochs)

    def split(self, name: SplitName) -> Split:
        """Return one of the task's data sets by its name.

        Raises:
            TaskError: If the task has no such split.
        """
        data: Split | None = getattr(self, name)
        if data is None:
            raise TaskError(f"task {self.name!r} has no {name} data.", hint=f"pass {name}=... when the task is made.")
        return data

    def batch(self, split: SplitName, indices: Tensor) -> Any:
        """Return the samples of a split at ``indices`` (shape [B]) as a batch, in the task's precision."""
        batch = self.split(split).batch(indices)
        return to_float64(batch) if self.precision == "fp64" else batch

    def new_model(self) -> nn.Module:
        """Return a new model in the task's precision."""
        model = self.model()
        return model.double() if self.precision == "fp64" else model

    def batch_loss(self, model: Callable[..., Any], batch: Any) -> Tensor:
        """Return the objective of one batch: a scalar, the mean over its samples.

        Args:
            model: The module, or a function that is called like it, such as a ``functional_call``.
            batch: A batch, as :meth:`batch` returns it.

        Raises:
            TaskError: If the task has a ``loss`` and the batch is not a pair ``(inputs, targets)``.
        """
        return self._apply(self.loss if self.objective is None else self.objective, model, batch, what="loss")

    def batch_metric(self, model: Callable[..., Any], batch: Any) -> Tensor:
        """Return the metric of one batch: a scalar, the mean over its samples.

        Raises:
            TaskError: If the task has no metric, or has a ``loss`` and the batch is not a pair ``(inputs, targets)``.
        """
        return self._apply(self.metric, model, batch, what="metric")

    def batch_scores(self, model: Callable[..., Any], batch: Any) -> tuple[Tensor, Tensor]:
        """Return loss and metric of one batch; the loss twice where the task has no metric.

        Both come from one forward pass, unless the task has an ``objective``, which calls the model itself.
        """
        if self.metric is None:
            loss = self.batch_loss(model, batch)
            return loss, loss
        if self.loss is None or self.objective is not None:
            return self.batch_loss(model, batch), self.batch_metric(model, batch)
        with self._autocast(batch):
            inputs, targets = inputs_and_targets(batch)
            outputs = call_model(model, inputs)
            return self.loss(outputs, targets), self.metric(outputs, targets)

    def _apply(self, function: Objective | None, model: Callable[..., Any], batch: Any, *, what: str) -> Tensor:
        if function is None:
            raise TaskError(f"task {self.name!r} has no {what}.", hint=f"pass {what}=... when the task is made.")
        with self._autocast(batch):
            if self.objective is not None:
                return function(model, batch)
            inputs, targets = inputs_and_targets(batch)
            return function(call_model(model, inputs), targets)

    def _autocast(self, batch: Any) -> AbstractContextManager[Any]:
        if self.precision != "bf16":
            return nullcontext()
        device = next((tensor.device.type for tensor in tensor_leaves(batch)), "cpu")
        return torch.autocast(device, dtype=torch.bfloat16)


def call_model(model: Callable[..., Any], inputs: Any) -> Any:
    """Call a model with a batch's inputs: ``model(*inputs)`` for a tuple or list, ``model(**inputs)`` for a dict.

    Example:
        >>> call_model(max, (3, 5))
        5
    """
    if isinstance(inputs, (tuple, list)):
        return model(*inputs)
    if isinstance(inputs, Mapping):
        return model(**inputs)
    return model(inputs)


def inputs_and_targets(batch: Any) -> tuple[Any, Any]:
    """Return a batch's inputs and targets.

    Raises:
        TaskError: If the batch is not a tuple or list of two.
    """
    if isinstance(batch, (tuple, list)) and len(batch) == 2:
        return batch[0], batch[1]
    given = f"a {type(batch).__name__}" + (f" of {len(batch)}" if isinstance(batch, (tuple, list, Mapping)) else "")
    raise TaskError(
        f"loss(output, target) needs batches of (inputs, targets); given {given}.",
        hint="several inputs go in one tuple, ((a, b), targets); or use objective(model, batch).",
    )


def _require(task: Task, faults: list[str]) -> None:
    if faults:
        raise TaskError(f"task {task.name!r}: " + "; ".join(faults) + ".")
