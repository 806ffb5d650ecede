"""A claim of the textbook, judged on a network."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.explanation.effect import Effect, Number, Verdict, judge
from surefoot.explanation.figure import Figure
from surefoot.values import Json


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """What the textbook says, and what the network says to it.

    Attributes:
        title: The claim.
        effects: What it foretells, and what was measured: the verdict follows from these alone.
        sentence: What was found, in words.
        figure: To be seen with it.
        numbers: What else was measured.
        name: What ``--claim`` calls it.
    """

    title: str
    effects: tuple[Effect, ...]
    sentence: str
    figure: Figure
    numbers: tuple[Number, ...] = ()
    name: str = ""

    @property
    def verdict(self) -> Verdict:
        """Holds, does not hold here, or too close to call."""
        return judge(self.effects)

    def to_json(self) -> dict[str, Json]:
        """Return it as JSON, without the figure."""
        return {
            "name": self.name,
            "title": self.title,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "effects": [effect.to_json() for effect in self.effects],
            "numbers": [number.to_json() for number in self.numbers],
        }
