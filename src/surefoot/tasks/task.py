"""The Task: what is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from surefoot.core.errors import TaskError
from surefoot.tasks.batches import double, tensors
from surefoot.tasks.split import Split, as_split

Loss: TypeAlias = Callable[[Any, Any], Tensor]
Objective: TypeAlias = Callable[[Any, Any], Tensor]
Metric: TypeAlias = Callable[[Any, Any], Tensor]
Precision: TypeAlias = Literal["fp32", "fp64", "bf16"]
SplitName: TypeAlias = Literal["train", "valid", "test"]

PRECISIONS: tuple[Precision, ...] = ("fp32", "fp64", "bf16")
SPLITS: tuple[SplitName, ...] = ("train", "valid", "test")


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A model with its objective and data, for a number of steps.

    Attributes:
        name: What reports call it.
        model: Factory of a fresh ``nn.Module``; draws its initialisation from torch's generator.
        loss: ``(output, target) -> scalar``, the mean over the batch. The model is called on the batch's inputs: a
            tuple or list becomes its arguments, a dict its keyword arguments.
        train, valid: ``(inputs, targets)`` tensors, a ``Dataset``, a ``DataLoader`` or a list of samples; kept as
            splits.
        batch_size: Samples in one micro-batch.
        steps, epochs: Length of a full training: optimizer steps, or passes over the training data; one of them.
        metric: ``(output, target) -> scalar`` mean over the batch, reported beside the loss (with ``objective``:
            ``(model, batch) -> scalar``).
        test: Data that nothing touches before the last comparison.
        objective: ``(model, batch) -> scalar`` mean over the batch, in place of ``loss``: dict batches, several
            losses, whatever the model needs.
        accumulate: Micro-batches whose mean gradient makes one optimizer step.
        precision: ``fp32`` (model and data as they are), ``fp64`` (both in float64) or ``bf16`` (autocast).
        notes: What was decided in making the task, for the user to read.

    Raises:
        TaskError: All faults at once, in one line.
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
        _require(self, self._part_faults() + self._number_faults())
        for name in SPLITS:
            data = getattr(self, name)
            if data is not None:
                object.__setattr__(self, name, as_split(data, name=name))
        _require(self, self._length_faults())

    def _part_faults(self) -> list[str]:
        faults = [f"{name} data are missing" for name in ("train", "valid") if getattr(self, name) is None]
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
        """Samples that one optimizer step sees."""
        return self.batch_size * self.accumulate

    @property
    def total_steps(self) -> int:
        """Optimizer steps of one full training (1x)."""
        if self.epochs is None:
            return self.steps or 0  # never 0: __post_init__ has made sure of one of the two
        return int(self.epochs * len(self.train)) // self.step_samples

    def with_length(self, *, steps: int | None = None, epochs: float | None = None) -> Task:
        """Return the same task, trained for so many steps or epochs; one of them is given.

        Raises:
            TaskError: If neither or both are given, or the length is below one step.
        """
        return replace(self, steps=steps, epochs=epochs)

    def split(self, name: SplitName) -> Split:
        """Return one of the task's data sets.

        Raises:
            TaskError: If the task has no such split.
        """
        data: Split | None = getattr(self, name)
        if data is None:
            raise TaskError(f"task {self.name!r} has no {name} data.", hint=f"pass {name}=... when the task is made.")
        return data

    def batch(self, split: SplitName, indices: Tensor) -> Any:
        """Return samples of a split as a batch, in the task's precision."""
        batch = self.split(split).batch(indices)
        return double(batch) if self.precision == "fp64" else batch

    def new_model(self) -> nn.Module:
        """Return a fresh model in the task's precision."""
        model = self.model()
        return model.double() if self.precision == "fp64" else model

    def batch_loss(self, model: Callable[..., Any], batch: Any) -> Tensor:
        """Return the objective of one batch: a scalar, the mean over its samples.

        Args:
            model: The module, or anything called as it is, such as a ``functional_call``.
            batch: As ``batch`` returns it.

        Raises:
            TaskError: If the task has a ``loss`` and the batch is no ``(inputs, targets)``.
        """
        return self._apply(self.loss if self.objective is None else self.objective, model, batch, what="loss")

    def batch_metric(self, model: Callable[..., Any], batch: Any) -> Tensor:
        """Return the metric of one batch: a scalar; only for tasks that have one.

        Raises:
            TaskError: If the task has none, or has a ``loss`` and the batch is no ``(inputs, targets)``.
        """
        return self._apply(self.metric, model, batch, what="metric")

    def batch_scores(self, model: Callable[..., Any], batch: Any) -> tuple[Tensor, Tensor]:
        """Return loss and metric of one batch (the loss again where there is no metric), by one forward pass if it can.

        With an ``objective``, which calls the model as it likes, there is one for each.
        """
        if self.metric is None:
            loss = self.batch_loss(model, batch)
            return loss, loss
        if self.loss is None or self.objective is not None:
            return self.batch_loss(model, batch), self.batch_metric(model, batch)
        with self._autocast(batch):
            inputs, targets = pair(batch)
            outputs = call_model(model, inputs)
            return self.loss(outputs, targets), self.metric(outputs, targets)

    def _apply(self, function: Objective | None, model: Callable[..., Any], batch: Any, *, what: str) -> Tensor:
        if function is None:
            raise TaskError(f"task {self.name!r} has no {what}.", hint=f"pass {what}=... when the task is made.")
        with self._autocast(batch):
            if self.objective is not None:
                return function(model, batch)
            inputs, targets = pair(batch)
            return function(call_model(model, inputs), targets)

    def _autocast(self, batch: Any) -> AbstractContextManager[Any]:
        if self.precision != "bf16":
            return nullcontext()
        device = next((tensor.device.type for tensor in tensors(batch)), "cpu")
        return torch.autocast(device, dtype=torch.bfloat16)


def call_model(model: Callable[..., Any], inputs: Any) -> Any:
    """Call the model on a batch's inputs: ``model(*inputs)`` of a tuple or list, ``model(**inputs)`` of a dict.

    Example:
        >>> call_model(max, (3, 5))
        5
    """
    if isinstance(inputs, (tuple, list)):
        return model(*inputs)
    if isinstance(inputs, Mapping):
        return model(**inputs)
    return model(inputs)


def pair(batch: Any) -> tuple[Any, Any]:
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
