"""What an explanation found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from surefoot.explanation.claim import Claim
from surefoot.explanation.contrast import Contrast
from surefoot.explanation.slices.result import LossSlice
from surefoot.fleet.plan import Plan
from surefoot.values import Json


@dataclass(frozen=True, slots=True, eq=False)
class ExplainResult:
    """What :func:`explain` found.

    Attributes:
        task: The task's name.
        claims: The textbook's claims, judged.
        contrasts: The table "learning rate | momentum"; empty where its trainings were not asked for.
        steps: Length of every training.
        full_steps: Length of the task's own.
        seeds: How many each was repeated with.
        config_steps, seconds: What it cost; full batches are counted by their samples.
        plan: How it was run; ``None`` on a landscape, which needs no fleet.
        left_out: Claims that cannot be asked there, each with the reason.
        loss_slice: The loss on a plane of the weights with trainings past it; of a network, if all claims were asked.
    """

    task: str
    claims: tuple[Claim, ...]
    contrasts: tuple[Contrast, ...]
    steps: int
    full_steps: int
    seeds: int
    config_steps: int
    seconds: float
    plan: Plan | None
    left_out: tuple[tuple[str, str], ...] = ()
    loss_slice: LossSlice | None = None

    def to_json(self, commands: Mapping[str, str] | None = None) -> dict[str, Json]:
        """Return the result as the JSON object that the command prints.

        Args:
            commands: What repeats each claim, by its name.
        """
        known = commands or {}
        return {
            "schema": 1,
            "task": self.task,
            "claims": [{**claim.to_json(), "command": known.get(claim.name)} for claim in self.claims],
            "contrasts": [row.to_json() for row in self.contrasts],
            "steps": self.steps,
            "full_steps": self.full_steps,
            "seeds": self.seeds,
            "config_steps": self.config_steps,
            "seconds": self.seconds,
            "plan": None if self.plan is None else self.plan.to_json(),
            "left_out": dict(self.left_out),
            "loss_slice": None if self.loss_slice is None else self.loss_slice.to_json(),
        }
