"""``surefoot.Watch``: watches a PyTorch training loop while it runs, and changes nothing in it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot.core.errors import WatchError
from surefoot.core.finding_and_symptoms import Finding
from surefoot.tasks.task import Objective
from surefoot.watch.argument_checks import (
    damaged_state,
    require_loss,
    require_objective,
    require_state,
    require_watchable,
)
from surefoot.watch.curvature_probe import CurvatureProbe, CurvatureUnavailable
from surefoot.watch.findings import make_finding
from surefoot.watch.hysteresis_and_reaction import Hysteresis, LoweredLearningRate, OnFinding, Reaction, Writer
from surefoot.watch.overhead_limiter import OverheadLimiter
from surefoot.watch.training_record import CurvatureSample, TrainingRecord
from surefoot.watch.weight_updates_and_hyperparameters import (
    UpdateProbe,
    UpdateSample,
    current_hyperparameters,
    why_no_curvature,
)

# Version of the dictionary that Watch.state_dict returns; another version is refused.
STATE_VERSION = 2
# Most losses that wait on their device before they are fetched together, however little time there is. Chosen.
MAX_WAITING_LOSSES = 64


class Watch:
    """Watches a training from inside its loop.

        watch = Watch(model, optimizer, objective)
        for batch in loader:
            loss = objective(model, batch)
            ...
            optimizer.step()
            watch.step(loss, batch)

    What is measured, and how often, is decided by the clock: watching takes at most ``overhead`` of the time. With
    batches it measures curvature; without, only the losses and the updates of the weights. Weights, gradients, buffers
    and random numbers are bit for bit those of the training alone, unless ``on_finding`` is to change something.

    Call :meth:`step` after each optimizer step, with the unscaled loss that ``backward()`` was called on; where
    gradients are accumulated, that of the last micro-batch. Steps that a ``GradScaler`` skips are detected. With
    DistributedDataParallel watch ``ddp.module``, on one rank. Sharded weights (FSDP) cannot be read.

    Args:
        model: The model that is trained, compiled or not.
        optimizer: Any optimizer of torch; a finding says what cannot be measured with it.
        objective: Function ``(model, batch) -> loss``, a scalar mean; without it no curvature is measured.
        print_fn: Called with a line whenever the verdict changes; ``None`` prints nothing.
        writer: Receives scalars and verdicts, as ``torch.utils.tensorboard.SummaryWriter`` does.
        on_finding: ``"warn"`` warns of a fault, ``"stop"`` sets :attr:`should_stop`, ``"lower"`` halves every learning
            rate, under its schedule, where it is too high; a function is called with every new finding.
        overhead: Largest share of the time that watching may take; with ``None`` every step is measured.
        clock: Returns seconds that never decrease.

    Raises:
        WatchError: If arguments are wrong; the message names all of them.

    Example:
        >>> w = nn.Linear(1, 1)
        >>> optimizer = torch.optim.SGD(w.parameters(), lr=0.1)
        >>> watch = Watch(w, optimizer, print_fn=None)
        >>> finding = watch.step(float("nan"))
        >>> finding.verdict, finding.evidence["diverged_at"]
        ('diverged', 0.0)
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        objective: Objective | None = None,
        *,
        print_fn: Callable[[str], object] | None = print,
        writer: Writer | None = None,
        on_finding: OnFinding | None = None,
        overhead: float | None = 0.05,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        require_watchable(
            model, optimizer, objective, print_fn=print_fn, on_finding=on_finding, overhead=overhead, writer=writer
        )
        self.optimizer, self.writer = optimizer, writer
        self._objective = objective
        self._curvature_probe = None if objective is None else CurvatureProbe(model, optimizer, objective)
        self._update_probe = UpdateProbe(optimizer)
        self._limiter = OverheadLimiter(overhead=overhead, clock=clock)
        self._lowered_lr = LoweredLearningRate(optimizer)
        self._reaction = Reaction(on_finding, print_fn=print_fn, writer=writer, lowered_lr=self._lowered_lr)
        no_objective = "there is no objective to measure curvature with"
        self._record = TrainingRecord(
            why_no_curvature=no_objective if objective is None else why_no_curvature(optimizer)
        )
        self._hysteresis = Hysteresis()
        self._waiting: list[Tensor | float] = []
        self._steps = 0

    @property
    def finding(self) -> Finding:
        """The finding now, from everything that was measured."""
        self._update_hyperparameters()
        self._update_finding()
        return self._hysteresis.finding

    @property
    def record(self) -> TrainingRecord:
        """Everything that was measured so far, for reading only."""
        self._fetch_losses()
        return self._record

    @property
    def overhead(self) -> float:
        """Share of the time since the first step that watching took, by its own clock."""
        return self._limiter.measured_overhead

    @property
    def samples(self) -> dict[str, int]:
        """Number of measurements of the updates, and of the curvature."""
        return {"updates": self._record.updates.count, "curvature": self._record.curvature.count}

    @property
    def should_stop(self) -> bool:
        """Whether a fault was found, where ``on_finding`` is ``"stop"``."""
        return self._reaction.should_stop

    def step(self, loss: Tensor | float, batch: Any = None) -> Finding | None:
        """Record one optimizer step, after it.

        Args:
            loss: Loss of the step, a scalar.
            batch: Batch that the loss was computed on; without it no curvature is measured.

        Returns:
            The finding, at the steps at which the verdict changes; ``None`` at all others.

        Raises:
            WatchError: If the loss is not a scalar, or the objective cannot be used on the batch.
        """
        with self._limiter.step():
            has_diverged = self._add_loss(loss)
            if batch is not None:
                self._measure_curvature(batch)
            return self._measure_signals(at_once=has_diverged)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that was measured, as plain numbers, words and lists, for the user's checkpoint."""
        self._fetch_losses()
        return {
            "version": STATE_VERSION,
            "steps": self._steps,
            "record": self._record.state(),
            "steady": self._hysteresis.state(),
            "factor": self._lowered_lr.factor,
            "should_stop": self._reaction.should_stop,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what :meth:`state_dict` returned.

        Raises:
            WatchError: If the state is not of a watch, is of another version, or is damaged; nothing is changed then.
        """
        require_state(state, version=STATE_VERSION)
        try:
            record, hysteresis = TrainingRecord.from_state(state["record"]), Hysteresis.from_state(state["steady"])
            steps, should_stop = state["steps"], state["should_stop"]
            factor = state["factor"] / self._lowered_lr.factor
        except (KeyError, TypeError, ValueError) as error:
            raise damaged_state(error) from error
        # Whether curvature can be measured depends on the optimizer and the objective of this watch.
        record.why_no_curvature = self._record.why_no_curvature
        self._record, self._hysteresis, self._steps = record, hysteresis, steps
        self._reaction.should_stop = should_stop
        self._lowered_lr.lower(factor)
        self._waiting.clear()
        self._update_probe.reset()

    def _add_loss(self, loss: Tensor | float) -> bool:
        """Keep a loss; return whether it is known already to be NaN or inf, and is the first one that is."""
        require_loss(loss)
        # A clone: compiled code and in-place arithmetic overwrite a loss, and its graph must not be kept alive.
        self._waiting.append(loss.detach().clone().reshape(()) if isinstance(loss, Tensor) else float(loss))
        self._steps += 1
        is_on_host = self._steps == 1 or not isinstance(loss, Tensor) or loss.device.type == "cpu"
        is_first = self._hysteresis.finding.verdict != "diverged"
        return is_on_host and is_first and not math.isfinite(self._waiting[-1])

    def _measure_curvature(self, batch: Any) -> None:
        """Measure curvature on the batch, if there is time for it."""
        require_objective(self._objective)
        if self._curvature_probe is None or not self._limiter.allows("curvature"):
            return
        with self._limiter.work("curvature"):
            try:
                measured = self._curvature_probe.measure(batch, lr_factor=self._lowered_lr.factor)
            except CurvatureUnavailable as reason:
                self._curvature_probe, self._record.why_no_curvature = None, str(reason)
                return
            except WatchError as error:
                if not self._record.curvature:
                    raise  # on the first batch the arguments are wrong; later on a watch must not end a training
                self._curvature_probe, self._record.why_no_curvature = None, str(error)
                return
            if measured is not None:
                self._update_hyperparameters()
                sample = CurvatureSample(self._steps - 1, self._record.hyperparameters.lr, measured.value)
                self._record.curvature.add(sample)
                self._write(reach=sample.ratio)

    def _measure_signals(self, *, at_once: bool) -> Finding | None:
        """Read the weights, if there is time for it; return the new finding where the verdict changed."""
        is_overdue = at_once or len(self._waiting) >= MAX_WAITING_LOSSES
        if not (is_overdue or self._update_probe.is_under_way or self._limiter.allows("signals")):
            return None
        with self._limiter.work("signals"):
            measured = self._update_probe.read()
            if self._update_probe.is_under_way and not is_overdue:
                return None
            self._update_hyperparameters()
            if measured is not None:
                cosine, ratio = measured
                lr = self._record.hyperparameters.lr
                self._record.updates.add(UpdateSample(self._steps - 1, lr, cosine, ratio))
                self._write(update_cosine=cosine, update_to_weight=ratio)
            return self._update_finding()

    def _update_finding(self) -> Finding | None:
        """Make a finding of everything that was measured; return it where the verdict changed."""
        self._fetch_losses()
        losses, before = self._record.losses, self._hysteresis.finding.verdict
        if not losses.count:
            return None
        if losses.diverged_at is not None or self._record.has_non_finite_weights:
            self._record.has_non_finite_weights = self._update_probe.has_non_finite_weights()
        if len(losses.recent):
            current = self._record.hyperparameters
            self._write(loss=losses.recent[-1], lr=current.lr, momentum=current.momentum)
        step = self._steps - 1
        self._hysteresis = self._hysteresis.add(make_finding(self._record), step=step)
        if self._hysteresis.finding.verdict == before:
            return None
        if self._reaction.react(self._hysteresis.finding, step=step):
            self._record.restart()
        return self._hysteresis.finding

    def _fetch_losses(self) -> None:
        """Fetch the losses that wait on their device, together: for each transfer the host waits for the device."""
        waiting, self._waiting = self._waiting, []
        tensors = [loss for loss in waiting if isinstance(loss, Tensor)]
        if len(tensors) == len(waiting) and len({(loss.device, loss.dtype) for loss in tensors}) == 1:
            self._record.losses.add(torch.stack(tensors).tolist())
        else:
            self._record.losses.add(map(float, waiting))

    def _update_hyperparameters(self) -> None:
        current = current_hyperparameters(self.optimizer, lr_factor=self._lowered_lr.factor)
        self._record.update_hyperparameters(current)

    def _write(self, **values: float) -> None:
        if self.writer is not None:
            for name, value in values.items():
                if math.isfinite(value):
                    self.writer.add_scalar(f"watch/{name}", value, self._steps - 1)
