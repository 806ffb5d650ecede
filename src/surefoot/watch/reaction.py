"""A learning rate lowered under a schedule that knows nothing of it.

What happens at a verdict: it is told, and where the user wants that, something is done.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeAlias, get_args

from torch import Tensor
from torch.optim import Optimizer

from surefoot.core.finding import Finding, Verdict


class LoweredRate:
    """Multiplies every group's learning rate while the optimizer steps, and gives it back after.

    A scheduler overwrites learning rates, or computes the next from the last; it finds its own and goes its way, at a
    fraction of its height.

    Args:
        optimizer: Whose. Nothing is hooked to it before the factor is below 1.

    Attributes:
        factor: What the rates are multiplied by.

    Example:
        >>> import torch
        >>> w = torch.zeros(1)
        >>> optimizer = torch.optim.SGD([w], lr=1.0)
        >>> LoweredRate(optimizer).lower(0.5)
        >>> w.grad = torch.ones(1)
        >>> optimizer.step()
        >>> w, optimizer.param_groups[0]["lr"]
        (tensor([-0.5000]), 1.0)
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer, self.factor = optimizer, 1.0
        self._hooked = False
        self._held: list[Any] = []

    def lower(self, factor: float) -> None:
        """Multiply the rates by a factor, on top of what was before."""
        self.factor *= factor
        if not self._hooked and self.factor != 1.0:
            self.optimizer.register_step_pre_hook(self._before)
            self.optimizer.register_step_post_hook(self._after)
            self._hooked = True

    def _before(self, *_: Any) -> None:
        self._give_back()  # what a step that raised has left
        for group in self.optimizer.param_groups:
            lr = group["lr"]
            self._held.append(lr.clone() if isinstance(lr, Tensor) else lr)
            if isinstance(lr, Tensor):
                lr.mul_(self.factor)
            else:
                group["lr"] = lr * self.factor

    def _after(self, *_: Any) -> None:
        self._give_back()

    def _give_back(self) -> None:
        for group, lr in zip(self.optimizer.param_groups, self._held, strict=False):
            if isinstance(lr, Tensor):
                group["lr"].copy_(lr)
            else:
                group["lr"] = lr
        self._held = []


ReactionName: TypeAlias = Literal["warn", "stop", "lower"]
REACTIONS: tuple[ReactionName, ...] = get_args(ReactionName)
OnFinding: TypeAlias = ReactionName | Callable[[Finding], object]
FAULTS: tuple[Verdict, ...] = ("diverged", "lr_too_high", "lr_too_low", "momentum_too_high", "plateau")
# Each time a rate is lowered it is by this factor.
HALF = 0.5
# What rounds to 100 % goes without saying.
CERTAIN = 0.995


class Writer(Protocol):
    """What takes scalars and texts: ``torch.utils.tensorboard.SummaryWriter`` does."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> object:
        """Take a scalar."""

    def add_text(self, tag: str, text_string: str, global_step: int) -> object:
        """Take a text."""


class WatchWarning(UserWarning):
    """A training has a fault."""


class Reaction:
    """Does what the user wants at a verdict.

    Args:
        on_finding: ``"warn"``, ``"stop"`` or ``"lower"``, or a function that is given every new finding.
        tell: Takes a line for the user; ``None`` keeps quiet.
        writer: Takes verdicts as texts.
        rate: The learning rate that ``"lower"`` halves.

    Attributes:
        should_stop: Whether a fault was found, with ``"stop"``.
    """

    def __init__(
        self,
        on_finding: OnFinding | None,
        *,
        tell: Callable[[str], object] | None,
        writer: Writer | None,
        rate: LoweredRate,
    ) -> None:
        self.on_finding, self.tell, self.writer, self.rate = on_finding, tell, writer, rate
        self.should_stop = False

    def to(self, finding: Finding, *, step: int) -> bool:
        """React to a new verdict.

        Returns:
            Whether the learning rate was lowered, so that a new record begins.
        """
        lowers = self.on_finding == "lower" and finding.verdict == "lr_too_high"
        line = sentence(finding, step=step)
        if lowers:
            self.rate.lower(HALF)
            line += f" Halved: every learning rate is multiplied by {self.rate.factor:g} from here on."
        if self.tell is not None:
            self.tell(line)
        if self.writer is not None:
            self.writer.add_text("watch/verdict", line, step)
        if finding.verdict in FAULTS and self.on_finding == "warn":
            warnings.warn(line, WatchWarning, stacklevel=5)  # the line that calls Watch.step
        if finding.verdict in FAULTS and self.on_finding == "stop":
            self.should_stop = True
        if callable(self.on_finding):
            self.on_finding(finding)
        return lowers


def sentence(finding: Finding, *, step: int) -> str:
    """Return a finding as one line.

    Example:
        >>> sentence(Finding("lr_too_low", 0.85, "The loss is straight.", advice={"lr": 0.3}), step=200)
        'surefoot, step 200: lr too low (85 % sure). The loss is straight. Advice: lr=0.3.'
    """
    sure = f" ({100 * finding.confidence:.0f} % sure)" if 0.0 < finding.confidence < CERTAIN else ""
    advice = ", ".join(f"{name}={value}" for name, value in finding.advice.items())
    said = f"surefoot, step {step}: {finding.verdict.replace('_', ' ')}{sure}. {finding.why}"
    return f"{said} Advice: {advice}." if advice else said
