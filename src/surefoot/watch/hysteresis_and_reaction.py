"""When the verdict of a watch changes, so that noise does not flip it, and what the watch then does."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeAlias, get_args

from torch import Tensor
from torch.optim import Optimizer

from surefoot.core.finding_and_symptoms import Finding, Verdict

# Number of findings in a row that must agree, and steps between the first and the last of them (ADR 0012). Chosen.
MIN_AGREEING, MIN_STEPS_AGREEING = 3, 20

INITIAL_FINDING = Finding("unknown", 0.0, "Nothing has been measured yet.")


@dataclass(frozen=True, slots=True)
class Hysteresis:
    """The finding that counts, and a candidate that may replace it.

    Attributes:
        finding: The finding that counts, with its newest evidence.
        candidate: Verdict of the newest finding.
        since: Step at which the candidate was first found.
        agreeing: How often in a row the candidate was found.

    Example:
        >>> hysteresis = Hysteresis()
        >>> for step in (10, 20, 30):
        ...     hysteresis = hysteresis.add(Finding("healthy", 0.7, "The loss falls."), step=step)
        ...     print(step, hysteresis.finding.verdict)
        10 unknown
        20 unknown
        30 healthy
    """

    finding: Finding = INITIAL_FINDING
    candidate: str = "unknown"
    since: int = 0
    agreeing: int = 0

    def add(self, finding: Finding, *, step: int) -> Hysteresis:
        """Return what counts after a further finding; one that is certain, such as a loss of NaN, counts at once."""
        if finding.verdict == self.finding.verdict or finding.confidence == 1.0:
            return Hysteresis(finding, finding.verdict, step, MIN_AGREEING)
        if finding.verdict != self.candidate:
            return replace(self, candidate=finding.verdict, since=step, agreeing=1)
        after = replace(self, agreeing=self.agreeing + 1)
        is_stable = after.agreeing >= MIN_AGREEING and step - after.since >= MIN_STEPS_AGREEING
        return replace(after, finding=finding) if is_stable else after

    def state(self) -> dict[str, Any]:
        """Return plain numbers and words, for a checkpoint."""
        finding = {
            "verdict": self.finding.verdict,
            "confidence": self.finding.confidence,
            "why": self.finding.why,
            "evidence": dict(self.finding.evidence),
            "advice": dict(self.finding.advice),
        }
        return {"counts": finding, "candidate": self.candidate, "since": self.since, "looks": self.agreeing}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Hysteresis:
        """Return the hysteresis that :meth:`state` was called on."""
        return cls(Finding(**state["counts"]), *(state[name] for name in ("candidate", "since", "looks")))


ReactionName: TypeAlias = Literal["warn", "stop", "lower"]
REACTIONS: tuple[ReactionName, ...] = get_args(ReactionName)
OnFinding: TypeAlias = ReactionName | Callable[[Finding], object]
# Verdicts to warn of, or to stop at.
FAULTS: tuple[Verdict, ...] = ("diverged", "lr_too_high", "lr_too_low", "momentum_too_high", "plateau")
# Factor on the learning rate each time that it is lowered. Chosen.
LOWERING_FACTOR = 0.5
# A confidence from here on rounds to 100 %, and is not shown.
MIN_CONFIDENCE_NOT_SHOWN = 0.995


class Writer(Protocol):
    """Takes scalars and texts, as ``torch.utils.tensorboard.SummaryWriter`` does."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> object:
        """Take a scalar."""

    def add_text(self, tag: str, text_string: str, global_step: int) -> object:
        """Take a text."""


class WatchWarning(UserWarning):
    """A watched training has a fault."""


class LoweredLearningRate:
    """Multiplies the learning rate of every parameter group while the optimizer steps, and restores it after the step.

    A scheduler overwrites the learning rates, or computes the next ones from the last: it finds those that it set, and
    its schedule is followed at a fraction of its height.

    Args:
        optimizer: The optimizer. No hook is registered before the factor is below 1.

    Attributes:
        factor: What the learning rates are multiplied by.

    Example:
        >>> import torch
        >>> w = torch.zeros(1)
        >>> optimizer = torch.optim.SGD([w], lr=1.0)
        >>> LoweredLearningRate(optimizer).lower(0.5)
        >>> w.grad = torch.ones(1)
        >>> optimizer.step()
        >>> w, optimizer.param_groups[0]["lr"]
        (tensor([-0.5000]), 1.0)
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer, self.factor = optimizer, 1.0
        self._is_hooked = False
        self._saved: list[Any] = []

    def lower(self, factor: float) -> None:
        """Multiply the learning rates by a further factor."""
        self.factor *= factor
        if not self._is_hooked and self.factor != 1.0:
            self.optimizer.register_step_pre_hook(self._before_step)
            self.optimizer.register_step_post_hook(self._after_step)
            self._is_hooked = True

    def _before_step(self, *_: Any) -> None:
        self._restore()  # a step that raised an error left the lowered rates
        for group in self.optimizer.param_groups:
            lr = group["lr"]
            self._saved.append(lr.clone() if isinstance(lr, Tensor) else lr)
            if isinstance(lr, Tensor):
                lr.mul_(self.factor)
            else:
                group["lr"] = lr * self.factor

    def _after_step(self, *_: Any) -> None:
        self._restore()

    def _restore(self) -> None:
        for group, lr in zip(self.optimizer.param_groups, self._saved, strict=False):
            if isinstance(lr, Tensor):
                group["lr"].copy_(lr)
            else:
                group["lr"] = lr
        self._saved = []


class Reaction:
    """Does what the user wants when the verdict changes.

    Args:
        on_finding: ``"warn"``, ``"stop"`` or ``"lower"``, or a function that is called with every new finding.
        print_fn: Called with a line for the user; ``None`` prints nothing.
        writer: Takes verdicts as texts.
        lowered_lr: The learning rate that ``"lower"`` halves.

    Attributes:
        should_stop: Whether a fault was found, with ``"stop"``.
    """

    def __init__(
        self,
        on_finding: OnFinding | None,
        *,
        print_fn: Callable[[str], object] | None,
        writer: Writer | None,
        lowered_lr: LoweredLearningRate,
    ) -> None:
        self.on_finding, self.print_fn, self.writer, self.lowered_lr = on_finding, print_fn, writer, lowered_lr
        self.should_stop = False

    def react(self, finding: Finding, *, step: int) -> bool:
        """React to a new verdict.

        Returns:
            Whether the learning rate was lowered, so that the record has to begin anew.
        """
        lowers = self.on_finding == "lower" and finding.verdict == "lr_too_high"
        line = format_finding(finding, step=step)
        if lowers:
            self.lowered_lr.lower(LOWERING_FACTOR)
            line += f" Halved: from now on every learning rate is multiplied by {self.lowered_lr.factor:g}."
        if self.print_fn is not None:
            self.print_fn(line)
        if self.writer is not None:
            self.writer.add_text("watch/verdict", line, step)
        if finding.verdict in FAULTS and self.on_finding == "warn":
            warnings.warn(line, WatchWarning, stacklevel=5)  # the user's line that calls Watch.step
        if finding.verdict in FAULTS and self.on_finding == "stop":
            self.should_stop = True
        if callable(self.on_finding):
            self.on_finding(finding)
        return lowers


def format_finding(finding: Finding, *, step: int) -> str:
    """Return a finding as one line.

    Example:
        >>> format_finding(Finding("lr_too_low", 0.85, "The loss is linear.", advice={"lr": 0.3}), step=200)
        'surefoot, step 200: lr too low (85 % sure). The loss is linear. Advice: lr=0.3.'
    """
    is_uncertain = 0.0 < finding.confidence < MIN_CONFIDENCE_NOT_SHOWN
    confidence = f" ({100 * finding.confidence:.0f} % sure)" if is_uncertain else ""
    advice = ", ".join(f"{name}={value}" for name, value in finding.advice.items())
    line = f"surefoot, step {step}: {finding.verdict.replace('_', ' ')}{confidence}. {finding.why}"
    return f"{line} Advice: {advice}." if advice else line
