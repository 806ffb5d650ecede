"""What a check found, as the terminal shows it: the verdict, what else was tried, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from surefoot.checking.neighbourhood import Setting
from surefoot.checking.result import CheckResult
from surefoot.core.formatting import measured, numeral
from surefoot.plots.check_losses import check_trials
from surefoot.reports.search_tables import plain_table
from surefoot.wording.verdicts import TITLES, check_cost, check_notes, verdict_title

# Seeds that have a column of their own; further ones are in the figure.
MOST_COLUMNS = 5


@dataclass(frozen=True, slots=True)
class TrialRow:
    """A setting in the table of trials.

    Attributes:
        lr, momentum: In words.
        losses: One for each column, in words.
        own, advised: Whose it is.
    """

    lr: str
    momentum: str
    losses: tuple[str, ...]
    own: bool
    advised: bool


def check_table(result: CheckResult) -> RenderableType:
    """Return what a check found."""
    first, *others = result.findings
    parts: list[RenderableType] = [Text(f"{verdict_title(first)}: {result.recipe}", style="bold"), Text(first.why)]
    if result.advice != result.recipe:
        parts.append(Text(f"Use {result.advice}", style="bold"))
    parts += [Padding(_trials(result), (1, 0)), *map(Text, check_notes(result))]
    parts += [Text(f"{TITLES[finding.verdict]}: {finding.why}") for finding in others]
    return Group(*parts, Text(check_cost(result)))


def trial_heads(result: CheckResult) -> list[str]:
    """Return the columns of losses."""
    several = {steps for steps, seed in _columns(result) if seed != result.first_seed}
    return [
        f"{steps:,} steps, seed {seed}" if steps in several else f"{steps:,} steps" for steps, seed in _columns(result)
    ]


def trial_rows(result: CheckResult) -> list[TrialRow]:
    """Return every setting tried, by momentum and learning rate, with its losses."""
    own, advised = result.own, result.advised
    settings = sorted((each.setting for each in check_trials(result)), key=lambda each: (each.momentum, each.lr))
    return [
        TrialRow(
            numeral(setting.lr),
            numeral(setting.momentum),
            tuple(_loss(result, setting, steps, seed) for steps, seed in _columns(result)),
            setting == own,
            setting == advised and advised != own,
        )
        for setting in settings
    ]


def _columns(result: CheckResult) -> list[tuple[int, int]]:
    """Return lengths and seeds; of too many the last, which are the longest."""
    every = sorted({(trial.steps, trial.seed) for trial in result.trials})
    return [every[0], *every[1:][-(MOST_COLUMNS - 1) :]]


def _trials(result: CheckResult) -> Table:
    heads = ["\n".join(head.split(", ")) for head in trial_heads(result)]
    table = plain_table("learning rate", "momentum", *heads)
    for row in trial_rows(result):
        style = "bold" if row.own else None
        table.add_row(f"{'> ' if row.own else '  '}{row.lr}", row.momentum, *row.losses, style=style)
    return table


def _loss(result: CheckResult, setting: Setting, steps: int, seed: int) -> str:
    key = setting, steps, seed
    return next((measured(t.loss) for t in result.trials if (t.setting, t.steps, t.seed) == key), "-")
