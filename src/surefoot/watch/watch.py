"""Watch: judges a plain PyTorch training while it runs, and changes nothing in it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot.core.errors import WatchError
from surefoot.core.finding import Finding
from surefoot.tasks.task import Objective
from surefoot.watch.arguments import (
    damaged_state,
    require_loss,
    require_objective,
    require_state,
    require_watchable,
)
from surefoot.watch.curvature import Curvature, NoCurvature
from surefoot.watch.findings import judge
from surefoot.watch.hysteresis import Steadiness
from surefoot.watch.overhead_limiter import Governor
from surefoot.watch.reaction import LoweredRate, OnFinding, Reaction, Writer
from surefoot.watch.record import Bend, Record
from surefoot.watch.weight_updates import Update, Updates, rates_of, reason_against

VERSION = 2
# Losses that wait on their device before they are fetched in one go, however little time there is.
MOST_WAITING = 64


class Watch:
    """Judges a training from inside its loop.

        watch = Watch(model, optimizer, objective)
        for batch in loader:
            loss = objective(model, batch)
            ...
            optimizer.step()
            watch.step(loss, batch)

    What it looks at, and how often, it decides by the clock: watching takes at most ``overhead`` of the time. With
    batches it measures curvature; without, only the losses and the updates. Weights, gradients, buffers and random
    numbers are bit for bit those of the training alone, unless ``on_finding`` is to change something.

    After each optimizer step it is given the loss that was derived, not scaled, of the last micro-batch where
    gradients are accumulated; steps that a ``GradScaler`` skips are seen as such. With DistributedDataParallel watch
    ``ddp.module``, on one rank. Sharded weights (FSDP) it cannot read.

    Args:
        model: What is trained; compiled or not.
        optimizer: Any of torch; what cannot be judged of one is said in the finding.
        objective: ``(model, batch) -> loss``, a scalar mean; without it there is no curvature.
        tell: Takes a line whenever the verdict changes; ``None`` keeps quiet.
        writer: Takes scalars and verdicts, as ``torch.utils.tensorboard.SummaryWriter`` does.
        on_finding: ``"warn"`` warns of a fault, ``"stop"`` sets :attr:`should_stop`, ``"lower"`` halves every learning
            rate, under its schedule, where it is found to be too high; a function is given every new finding.
        overhead: Most share of the time that watching may take; ``None``: look at every step, whatever it takes.
        clock: Seconds, never going back.

    Raises:
        WatchError: All faults at once, in one line.

    Example:
        >>> w = nn.Linear(1, 1)
        >>> optimizer = torch.optim.SGD(w.parameters(), lr=0.1)
        >>> watch = Watch(w, optimizer, tell=None)
        >>> found = watch.step(float("nan"))
        >>> found.verdict, found.evidence["diverged_at"]
        ('diverged', 0.0)
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        objective: Objective | None = None,
        *,
        tell: Callable[[str], object] | None = print,
        writer: Writer | None = None,
        on_finding: OnFinding | None = None,
        overhead: float | None = 0.05,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        require_watchable(
            model, optimizer, objective, tell=tell, on_finding=on_finding, overhead=overhead, writer=writer
        )
        self.optimizer, self.writer = optimizer, writer
        self._objective = objective
        self._curvature = None if objective is None else Curvature(model, optimizer, objective)
        self._updates = Updates(optimizer)
        self._governor = Governor(overhead=overhead, clock=clock)
        self._rate = LoweredRate(optimizer)
        self._reaction = Reaction(on_finding, tell=tell, writer=writer, rate=self._rate)
        self._record = Record(unjudged=_unjudged(objective, optimizer))
        self._steady = Steadiness()
        self._waiting: list[Tensor | float] = []
        self._steps = 0

    @property
    def finding(self) -> Finding:
        """What is found so far; looks at everything there is."""
        self._see_rates()
        self._judge()
        return self._steady.counts

    @property
    def record(self) -> Record:
        """Everything seen so far, to be read and not to be changed."""
        self._fetch()
        return self._record

    @property
    def overhead(self) -> float:
        """Share of the time since the first step that watching took, by its own clock."""
        return self._governor.taken

    @property
    def samples(self) -> dict[str, int]:
        """How often was looked: at the updates, and at the curvature (bends)."""
        return {"updates": self._record.updates.count, "bends": self._record.bends.count}

    @property
    def should_stop(self) -> bool:
        """Whether a fault was found, where ``on_finding`` is ``"stop"``."""
        return self._reaction.should_stop

    def step(self, loss: Tensor | float, batch: Any = None) -> Finding | None:
        """Take note of one optimizer step, after it.

        Args:
            loss: Its loss, a scalar.
            batch: What it was derived on; without, there is no curvature.

        Returns:
            The finding, at the steps at which the verdict changes.

        Raises:
            WatchError: If the loss is no scalar, or the objective cannot be used on the batch.
        """
        with self._governor.step():
            alarm = self._take(loss)
            if batch is not None:
                self._measure(batch)
            return self._sample(at_once=alarm)

    def state_dict(self) -> dict[str, Any]:
        """Return everything seen so far, for the user's checkpoint: plain numbers, words and lists."""
        self._fetch()
        return {
            "version": VERSION,
            "steps": self._steps,
            "record": self._record.state(),
            "steady": self._steady.state(),
            "factor": self._rate.factor,
            "should_stop": self._reaction.should_stop,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned.

        Raises:
            WatchError: If it is not of a watch, of another version of one, or damaged; nothing is changed then.
        """
        require_state(state, version=VERSION)
        try:
            record, steady = Record.from_state(state["record"]), Steadiness.from_state(state["steady"])
            steps, should_stop, factor = state["steps"], state["should_stop"], state["factor"] / self._rate.factor
        except (KeyError, TypeError, ValueError) as error:
            raise damaged_state(error) from error
        record.unjudged = self._record.unjudged  # of the optimizer and objective that are here now
        self._record, self._steady, self._steps = record, steady, steps
        self._reaction.should_stop = should_stop
        self._rate.lower(factor)
        self._waiting.clear()
        self._updates.forget()

    def _take(self, loss: Tensor | float) -> bool:
        """Keep the loss; tell whether it is known already to be no number, for the first time."""
        require_loss(loss)
        # A clone: compiled code and in-place arithmetic write over a loss, and a graph must not live on.
        self._waiting.append(loss.detach().clone().reshape(()) if isinstance(loss, Tensor) else float(loss))
        self._steps += 1
        at_hand = self._steps == 1 or not isinstance(loss, Tensor) or loss.device.type == "cpu"
        return at_hand and self._steady.counts.verdict != "diverged" and not math.isfinite(self._waiting[-1])

    def _measure(self, batch: Any) -> None:
        """Measure curvature on the batch, if it is time."""
        require_objective(self._objective)
        if self._curvature is None or not self._governor.allows("curvature"):
            return
        with self._governor.work("curvature"):
            try:
                found = self._curvature.measure(batch, factor=self._rate.factor)
            except NoCurvature as reason:
                self._curvature, self._record.unjudged = None, str(reason)
                return
            except WatchError as error:
                if not self._record.bends:
                    raise  # with the first batch it is the arguments; later on it must not end a training
                self._curvature, self._record.unjudged = None, str(error)
                return
            if found is not None:
                self._see_rates()
                bend = Bend(self._steps - 1, self._record.rates.lr, found.value)
                self._record.bends.add(bend)
                self._write(reach=bend.reach)

    def _sample(self, *, at_once: bool) -> Finding | None:
        """Look at the weights, if it is time; judge once there is something new."""
        overdue = at_once or len(self._waiting) >= MOST_WAITING
        if not (overdue or self._updates.looking or self._governor.allows("signals")):
            return None
        with self._governor.work("signals"):
            found = self._updates.look()
            if self._updates.looking and not overdue:
                return None
            self._see_rates()
            if found is not None:
                cosine, ratio = found
                self._record.updates.add(Update(self._steps - 1, self._record.rates.lr, cosine, ratio))
                self._write(update_cosine=cosine, update_to_weight=ratio)
            return self._judge()

    def _judge(self) -> Finding | None:
        """Judge everything there is; return the finding where the verdict is another than before."""
        self._fetch()
        losses, before = self._record.losses, self._steady.counts.verdict
        if not losses.count:
            return None
        if losses.lost_at is not None or self._record.weights_lost:
            self._record.weights_lost = self._updates.lost()
        if len(losses.recent):
            self._write(loss=losses.recent[-1], lr=self._record.rates.lr, momentum=self._record.rates.momentum)
        step = self._steps - 1
        self._steady = self._steady.seen(judge(self._record), step=step)
        if self._steady.counts.verdict == before:
            return None
        if self._reaction.to(self._steady.counts, step=step):
            self._record.forget()
        return self._steady.counts

    def _fetch(self) -> None:
        """Fetch the losses that wait, in one go: each fetch makes the host wait for the device."""
        waiting, self._waiting = self._waiting, []
        tensors = [loss for loss in waiting if isinstance(loss, Tensor)]
        if len(tensors) == len(waiting) and len({(loss.device, loss.dtype) for loss in tensors}) == 1:
            self._record.losses.add(torch.stack(tensors).tolist())
        else:
            self._record.losses.add(map(float, waiting))

    def _see_rates(self) -> None:
        self._record.see_rates(rates_of(self.optimizer, factor=self._rate.factor))

    def _write(self, **values: float) -> None:
        if self.writer is not None:
            for name, value in values.items():
                if math.isfinite(value):
                    self.writer.add_scalar(f"watch/{name}", value, self._steps - 1)


def _unjudged(objective: Objective | None, optimizer: Optimizer) -> str | None:
    return "there is no objective to measure curvature with" if objective is None else reason_against(optimizer)
