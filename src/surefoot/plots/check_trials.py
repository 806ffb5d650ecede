"""The settings that a check tried, each with all that came of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from surefoot.checking.result import CheckResult
from surefoot.diagnosis.foresight import Judged
from surefoot.diagnosis.inquiry import share_name
from surefoot.checking.neighbourhood import Setting
from surefoot.numerals import measured
from surefoot.plots.theme import ADVISED, YOURS

# In the order of their colours.
CHECK_ROLES = (ADVISED, YOURS)


@dataclass(frozen=True, slots=True)
class Tried:
    """A setting that a check trained.

    Attributes:
        setting: Its learning rate and momentum.
        trainings: What came of it, in the order in which it was trained.
    """

    setting: Setting
    trainings: tuple[Judged, ...]

    @property
    def furthest(self) -> Judged:
        """The longest training on the first seed."""
        return max((row for row in self.trainings if row.seed == 0), key=lambda row: row.share)

    @property
    def diverged(self) -> bool:
        """Whether that one did."""
        return not math.isfinite(self.furthest.loss)

    @property
    def losses(self) -> str:
        """All its losses in words."""
        return "; ".join(
            f"{share_name(row.share)}{', another seed' if row.seed else ''}: {measured(row.loss)}"
            for row in sorted(self.trainings, key=lambda row: (row.seed, row.share))
        )


def tried_settings(result: CheckResult) -> list[Tried]:
    """Return every setting once."""
    settings = dict.fromkeys(row.setting for row in result.forks)
    return [Tried(each, tuple(row for row in result.forks if row.setting == each)) for each in settings]


def marked_settings(result: CheckResult) -> dict[str, Setting]:
    """Return the recipe's own setting and, where there is another, the advised one, by role.

    The advised one comes first, so that the own lies on top.
    """
    if result.advised == result.own:
        return {YOURS: result.own}
    return {ADVISED: result.advised, YOURS: result.own}
