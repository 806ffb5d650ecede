"""A check as the terminal shows it: the verdict, what else was tried, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from surefoot.checking.neighbourhood import LrAndMomentum
from surefoot.checking.result import CheckResult
from surefoot.core.formatting import format_measurement, format_number
from surefoot.plots.check_losses import tried_settings
from surefoot.reports.terminal_tables import plain_table
from surefoot.wording.verdicts import VERDICT_TITLES, check_cost, check_notes, verdict_title

# Columns of losses that a terminal of 80 letters has room for; all trials are in the figure.
MAX_LOSS_COLUMNS = 5


@dataclass(frozen=True, slots=True)
class TrialRow:
    """A setting in the table of trials.

    Attributes:
        lr: Learning rate in words.
        momentum: Momentum in words.
        losses: Validation losses in words, one for each column; ``-`` where there was no trial.
        is_current: Whether it is the setting of the recipe that was checked.
        is_advised: Whether it is the advised setting, where that is another one.
    """

    lr: str
    momentum: str
    losses: tuple[str, ...]
    is_current: bool
    is_advised: bool


def check_table(result: CheckResult) -> RenderableType:
    """Return the result of a check: the verdict, the advice, the trials, other findings, and the cost.

    Args:
        result: What ``check`` returned.
    """
    first, *others = result.findings
    headline = f"{verdict_title(first)}: {result.checked_recipe}"
    parts: list[RenderableType] = [Text(headline, style="bold"), Text(first.why)]
    if result.recipe != result.checked_recipe:
        parts.append(Text(f"Use {result.recipe}", style="bold"))
    parts += [Padding(_trial_table(result), (1, 0)), *map(Text, check_notes(result))]
    parts += [Text(f"{VERDICT_TITLES[finding.verdict]}: {finding.why}") for finding in others]
    return Group(*parts, Text(check_cost(result)))


def trial_columns(result: CheckResult) -> list[str]:
    """Return the titles of the columns of losses: a training length, and its seed where there are several.

    Args:
        result: What ``check`` returned.
    """
    columns = _lengths_and_seeds(result)
    with_several_seeds = {steps for steps, seed in columns if seed != result.first_seed}
    return [
        f"{steps:,} steps, seed {seed}" if steps in with_several_seeds else f"{steps:,} steps"
        for steps, seed in columns
    ]


def trial_rows(result: CheckResult) -> list[TrialRow]:
    """Return a row for every setting tried, by momentum and learning rate.

    Args:
        result: What ``check`` returned.
    """
    current, advised = result.current, result.advised
    settings = [each.hyperparameters for each in tried_settings(result)]
    return [
        TrialRow(
            lr=format_number(setting.lr),
            momentum=format_number(setting.momentum),
            losses=tuple(_loss_text(result, setting, steps, seed) for steps, seed in _lengths_and_seeds(result)),
            is_current=setting == current,
            is_advised=setting == advised and advised != current,
        )
        for setting in sorted(settings, key=lambda each: (each.momentum, each.lr))
    ]


def _lengths_and_seeds(result: CheckResult) -> list[tuple[int, int]]:
    """Return training length and seed of each column: of too many the first, and the last, which are the longest."""
    every = sorted({(trial.steps, trial.seed) for trial in result.trials})
    return [every[0], *every[1:][-(MAX_LOSS_COLUMNS - 1) :]]


def _trial_table(result: CheckResult) -> Table:
    titles = ["\n".join(title.split(", ")) for title in trial_columns(result)]
    table = plain_table("learning rate", "momentum", *titles)
    for row in trial_rows(result):
        lr = f"{'> ' if row.is_current else '  '}{row.lr}"
        table.add_row(lr, row.momentum, *row.losses, style="bold" if row.is_current else None)
    return table


def _loss_text(result: CheckResult, setting: LrAndMomentum, steps: int, seed: int) -> str:
    key = setting, steps, seed
    losses = (trial.loss for trial in result.trials if (trial.hyperparameters, trial.steps, trial.seed) == key)
    return next(map(format_measurement, losses), "-")
