"""The settings that a check tried, each with all that came of it."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.checking.evidence import CheckTrial
from surefoot.checking.neighbourhood import Setting
from surefoot.checking.result import CheckResult
from surefoot.numerals import measured
from surefoot.plots.theme import ADVISED, YOURS

# In the order of their colours.
CHECK_ROLES = (ADVISED, YOURS)


@dataclass(frozen=True, slots=True)
class SettingTrials:
    """A setting that a check tried.

    Attributes:
        setting: Its learning rate and momentum.
        trials: What came of it, in the order in which they were run.
    """

    setting: Setting
    trials: tuple[CheckTrial, ...]

    @property
    def longest(self) -> CheckTrial:
        """The longest trial, on the first seed that has one."""
        return max(self.trials, key=lambda trial: (trial.steps, -trial.seed))

    @property
    def diverged(self) -> bool:
        """Whether that one did."""
        return self.longest.diverged

    @property
    def losses(self) -> str:
        """All its losses in words."""
        return "; ".join(
            f"{trial.steps} steps, seed {trial.seed}: {measured(trial.loss)}"
            for trial in sorted(self.trials, key=lambda trial: (trial.steps, trial.seed))
        )


def check_trials(result: CheckResult) -> list[SettingTrials]:
    """Return every setting once."""
    settings = dict.fromkeys(trial.setting for trial in result.trials)
    return [SettingTrials(each, tuple(t for t in result.trials if t.setting == each)) for each in settings]


def marked_settings(result: CheckResult) -> dict[str, Setting]:
    """Return the recipe's own setting and, where there is another, the advised one, by role.

    The advised one comes first, so that the own lies on top.
    """
    if result.advised == result.own:
        return {YOURS: result.own}
    return {ADVISED: result.advised, YOURS: result.own}
