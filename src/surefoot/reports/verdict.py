"""A check's verdict in the terminal: what is wrong, what else was tried, what to do."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from surefoot.diagnosis.checked import CheckResult
from surefoot.diagnosis.finding import Symptom, Verdict
from surefoot.diagnosis.foresight import Judged
from surefoot.diagnosis.inquiry import FULL, LONGER, SHORT
from surefoot.numerals import measured, numeral
from surefoot.reports.sentences import seconds_text
from surefoot.reports.tables import plain_table

TITLES: dict[Verdict, str] = {
    "healthy": "Healthy",
    "diverged": "Diverged",
    "lr_too_high": "The learning rate is too high",
    "lr_too_low": "The learning rate is too low",
    "momentum_too_high": "The momentum is too high",
    "momentum_too_low": "The momentum is too low",
    "overfitting": "Overfitting",
    "underfitting": "Underfitting",
    "plateau": "Nothing is learnt",
    "unknown": "Unknown",
}
SYMPTOMS: dict[Symptom, str] = {
    "overshoot": "the loss rose before it fell",
    "oscillation": "successive updates point against each other",
    "spikes": "the training loss jumps",
    "slow": "the validation loss still falls at the end",
    "noise_floor": "gradients are mostly noise",
    "divergence": "the loss left the numbers",
}


def check_table(result: CheckResult) -> RenderableType:
    """Return what a check found."""
    first, *others = result.findings
    sure = "" if first.confidence >= 0.995 else f" ({first.confidence:.0%} sure)"
    parts: list[RenderableType] = [Text(f"{TITLES[first.code]}{sure}: {result.recipe}", style="bold"), Text(first.why)]
    if result.advice != result.recipe:
        parts.append(Text(f"Use {result.advice}", style="bold"))
    parts += [Padding(_tried(result), (1, 0)), *map(Text, _notes(result))]
    parts += [Text(f"{TITLES[finding.code]}: {finding.why}") for finding in others]
    return Group(*parts, Text(_cost(result)))


def _tried(result: CheckResult) -> Table:
    """Return every setting tried, by learning rate, with its losses."""
    again = any(row.seed for row in result.forks)
    lengths = [share for share in (SHORT, LONGER, FULL) if any(row.share == share for row in result.forks)]
    heads = [f"1/{round(1 / share)} of\nit" if share < FULL else "full\ntraining" for share in lengths]
    table = plain_table("learning rate", "momentum", *heads, *["another\nseed"] * again)
    settings = sorted({row.setting for row in result.forks}, key=lambda each: (each.momentum, each.lr))
    own = result.recipe.lr.highest, result.recipe.momentum.highest
    for setting in settings:
        mine = (setting.lr, setting.momentum) == own
        losses = [_loss(result.forks, setting, share, 0) for share in lengths]
        second = [_loss(result.forks, setting, FULL, 1)] if again else []
        table.add_row(
            f"{'> ' if mine else '  '}{numeral(setting.lr)}",
            numeral(setting.momentum),
            *losses,
            *second,
            style="bold" if mine else None,
        )
    return table


def _loss(forks: tuple[Judged, ...], setting: object, share: float, seed: int) -> str:
    return next(
        (measured(row.loss) for row in forks if (row.setting, row.share, row.seed) == (setting, share, seed)), "-"
    )


def _notes(result: CheckResult) -> Iterator[str]:
    yield "Validation losses on the same batches; what is trained for a part is cooled down like the whole."
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


def _cost(result: CheckResult) -> str:
    trainings = numeral(result.config_steps / result.steps)
    return (
        f"{seconds_text(result.seconds)}: {result.config_steps:,} config-steps, as many as {trainings} full trainings "
        f"of {result.steps:,} steps."
    )
