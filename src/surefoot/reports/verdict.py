"""A check's verdict in words, and as the terminal shows it: what is wrong, what else was tried, what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from surefoot.checking.result import CheckResult
from surefoot.finding import Symptom
from surefoot.diagnosis.foresight import Judged
from surefoot.diagnosis.forks import cools
from surefoot.diagnosis.inquiry import FULL, LONGER, SHORT, share_name
from surefoot.checking.neighbourhood import Setting
from surefoot.numerals import measured, numeral
from surefoot.plots.verdicts import TITLES, verdict_title
from surefoot.reports.sentences import seconds_text
from surefoot.reports.tables import plain_table

SYMPTOMS: dict[Symptom, str] = {
    "overshoot": "the loss rose before it fell",
    "oscillation": "successive updates point against each other",
    "spikes": "the training loss jumps",
    "slow": "the validation loss still falls at the end",
    "noise_floor": "gradients are mostly noise",
    "divergence": "the loss left the numbers",
}


@dataclass(frozen=True, slots=True)
class TriedRow:
    """A setting in the table of what was tried.

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
    parts += [Padding(_tried(result), (1, 0)), *map(Text, check_notes(result))]
    parts += [Text(f"{TITLES[finding.verdict]}: {finding.why}") for finding in others]
    return Group(*parts, Text(check_cost(result)))


def tried_heads(result: CheckResult) -> list[str]:
    """Return the columns of losses."""
    heads = [f"{share_name(share)} {'of it' if share < FULL else 'training'}" for share in _lengths(result)]
    return [*heads, *["another seed"] * _again(result)]


def tried_rows(result: CheckResult) -> list[TriedRow]:
    """Return every setting tried, by momentum and learning rate, with its losses."""
    own, advised = result.own, result.advised
    columns = [(share, 0) for share in _lengths(result)] + [(FULL, 1)] * _again(result)
    return [
        TriedRow(
            numeral(setting.lr),
            numeral(setting.momentum),
            tuple(_loss(result.forks, setting, share, seed) for share, seed in columns),
            setting == own,
            setting == advised and advised != own,
        )
        for setting in sorted({row.setting for row in result.forks}, key=lambda each: (each.momentum, each.lr))
    ]


def _lengths(result: CheckResult) -> list[float]:
    return [share for share in (SHORT, LONGER, FULL) if any(row.share == share for row in result.forks)]


def _again(result: CheckResult) -> bool:
    return any(row.seed for row in result.forks)


def _tried(result: CheckResult) -> Table:
    heads = ["\n".join(head.rsplit(" ", 1)) for head in tried_heads(result)]
    table = plain_table("learning rate", "momentum", *heads)
    for row in tried_rows(result):
        style = "bold" if row.own else None
        table.add_row(f"{'> ' if row.own else '  '}{row.lr}", row.momentum, *row.losses, style=style)
    return table


def _loss(forks: tuple[Judged, ...], setting: Setting, share: float, seed: int) -> str:
    return next(
        (measured(row.loss) for row in forks if (row.setting, row.share, row.seed) == (setting, share, seed)), "-"
    )


def check_notes(result: CheckResult) -> Iterator[str]:
    """Yield what the numbers mean, and what else was measured."""
    own = " but for the other seed's" if _again(result) else ""
    cooled = " What is trained for a part cools down as the whole does." if cools(result.recipe, result.steps) else ""
    yield f"Validation losses; all start alike and see the same batches{own}.{cooled}"
    if result.symptoms:
        yield "Its curves show: " + ", ".join(SYMPTOMS[symptom] for symptom in result.symptoms) + "."
    if result.curved is not None and result.curved.sharpness.value is not None:
        limit = result.curved.limit
        allows = "" if limit is None else f", which allows rates up to {numeral(limit)} with full batches"
        yield (
            f"Sharpness where it ended: {numeral(result.curved.sharpness.value)}{allows}; along its mini-batches' "
            f"gradients {numeral(result.curved.step_sharpness)}. {result.curved.share_of_noise:.0%} of a gradient is "
            "noise there."
        )


def check_cost(result: CheckResult) -> str:
    """Return what the verdict cost."""
    trainings = numeral(result.config_steps / result.steps)
    return (
        f"{seconds_text(result.seconds)}: {result.config_steps:,} config-steps, as many as {trainings} full trainings "
        f"of {result.steps:,} steps."
    )
