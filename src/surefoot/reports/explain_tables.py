"""A descent in the terminal: where the balls ended, and what happened to them.

A schedule drawn with characters, for the terminal.

An explanation as the terminal shows it: each claim's verdict with its numbers, then the table of contrasts.

A slice of a loss in the terminal: where the trainings ended, and how much of their ways the plane shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np
import plotext
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from surefoot.core.formatting import measured, numeral, percent, seconds_text
from surefoot.core.values import Json, finite_or_none
from surefoot.explanation.claim import Claim, Effect, Verdict
from surefoot.explanation.result import ExplainResult
from surefoot.loss_slices.result import SLICE, LossSlice
from surefoot.plots.axes import linear_ticks
from surefoot.reports.search_tables import plain_table
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.text import schedule_text
from surefoot.surfaces.descent import Descent
from surefoot.surfaces.events import Event, events


def descent_table(descent: Descent) -> RenderableType:
    """Return a row for each ball."""
    table = plain_table("recipe", "loss at the end")
    table.add_column("what happened")
    for recipe, losses, happened in zip(descent.recipes, descent.losses, events(descent.surface, descent), strict=True):
        table.add_row(str(recipe), measured(float(losses[-1])), _words(happened))
    head = Text(f"{descent.surface.name}, {descent.steps:,} steps", style="bold")
    return Group(head, Text(descent.surface.about), table)


def descent_json(descent: Descent) -> dict[str, Json]:
    """Return a descent as the JSON object that the command prints: every position, ``null`` where it is no number."""
    return {
        "schema": 1,
        "surface": descent.surface.name,
        "steps": descent.steps,
        "lowest": descent.surface.lowest,
        "balls": [_ball(descent, k, happened) for k, happened in enumerate(events(descent.surface, descent))],
    }


def _words(happened: Sequence[Event]) -> str:
    return ", ".join(f"{event.kind.value} at {event.step:,}" for event in happened) or "nothing of note"


def _ball(descent: Descent, k: int, happened: Sequence[Event]) -> Json:
    return {
        "recipe": str(descent.recipes[k]),
        "losses": [finite_or_none(loss) for loss in descent.losses[k].tolist()],
        "positions": [[finite_or_none(each) for each in place] for place in descent.positions[k].tolist()],
        "events": [{"kind": event.kind.value, "step": event.step} for event in happened],
    }


def schedule_plot(schedule: Schedule, total: int, *, width: int = 72, height: int = 16) -> str:
    """Return a schedule drawn with characters, without colours.

    Args:
        schedule: What to draw.
        total: Steps of the training.
        width: Columns, at least 30.
        height: Lines, at least 8.
    """
    steps = np.unique(np.linspace(0, total - 1, min(total, 4 * width)).round().astype(np.int64))
    values = schedule.values(steps, total)
    # The library draws on one figure that all share: cleared before and after.
    plotext.terminal.limit(False, False)
    figure = plotext.figure.clear()
    figure.plot_size(max(width, 30), max(height, 8)).theme("colorless")
    figure.draw(figure.signal(steps.tolist(), values.tolist(), marker="braille").lines())
    low, high = min(0.0, float(values.min())), float(values.max()) or 1.0
    at_y, at_x = linear_ticks(low, high, most=max(3, height // 3)), linear_ticks(0, total, most=max(3, width // 14))
    figure.ruler("y").lim(low, high).ticks(at_y, [numeral(tick) for tick in at_y])
    figure.ruler("x").lim(0, total).ticks(at_x, [f"{tick:,.0f}" if tick == int(tick) else "" for tick in at_x])
    figure.title(schedule_text(schedule)).label(f"step of {total:,}")
    drawn: str = figure.build().string(colorless=True)
    plotext.figure.clear()
    return "\n".join(line.rstrip() for line in drawn.splitlines())


MARKS: dict[Verdict, str] = {"holds": "+", "does not hold here": "-", "too close to call": "?"}


def explain_note(result: ExplainResult) -> str:
    """Return what the numbers are."""
    seeds = "seeds" if result.plan is not None else "starts"
    return (
        f"Factors are means over {seeds} with their 90 % intervals; what is best is chosen on other {seeds} than "
        "the one it is judged on."
    )


def explain_table(result: ExplainResult, commands: Mapping[str, str]) -> RenderableType:
    """Return the claims, the table of contrasts and the cost.

    Args:
        result: What was found.
        commands: What repeats each claim, by its name, and the slice.
    """
    parts: list[RenderableType] = [Text(explain_headline(result), style="bold")]
    for claim in result.claims:
        parts.append(Padding(_claim(claim, commands), (1, 0, 0, 0)))
    if result.contrasts:
        parts.append(Padding(_contrasts(result), (1, 0, 0, 0)))
    if SLICE in commands:
        parts.append(Padding(Text(f"The loss around these trainings, drawn: {commands[SLICE]}"), (1, 0, 0, 0)))
    if result.left_out:
        lines = [Text(f"  {name}: {why}.") for name, why in result.left_out]
        parts.append(Padding(Group(Text("Not asked here:"), *lines), (1, 0, 0, 0)))
    return Group(*parts, Padding(Text(explain_note(result)), (1, 0, 0, 0)), Text(explain_cost(result)))


def explain_headline(result: ExplainResult) -> str:
    """Return how many claims came out which way.

    Example:
        >>> from types import SimpleNamespace as Any
        >>> explain_headline(Any(task="wine", claims=[Any(verdict="holds"), Any(verdict="holds")]))
        'Of 2 claims of the textbook, on wine 2 hold.'
    """
    counts = Counter(claim.verdict for claim in result.claims)
    close = "is too close to call", "are too close to call"
    words = {"holds": ("holds", "hold"), "does not hold here": ("does not", "do not")}
    said = [
        f"{counts[verdict]} {words.get(verdict, close)[counts[verdict] > 1]}"
        for verdict in get_args(Verdict)
        if counts[verdict]
    ]
    claims = "claim" if len(result.claims) == 1 else "claims"
    return f"Of {len(result.claims)} {claims} of the textbook, on {result.task} {', '.join(said)}."


def explain_cost(result: ExplainResult) -> str:
    """Return what it cost, and how long the trainings were."""
    if result.plan is None:
        return (
            f"{seconds_text(result.seconds)}: {result.config_steps:,} steps of balls, descents of {result.steps:,} "
            f"steps from {result.seeds} starts."
        )
    trainings = numeral(result.config_steps / result.full_steps)
    length = "" if result.steps == result.full_steps else f" of {result.full_steps:,}"
    return (
        f"{seconds_text(result.seconds)}: {result.config_steps:,} config-steps, as many as {trainings} full trainings; "
        f"trainings of {result.steps:,}{length} steps on {result.seeds} seeds."
    )


def foretold(effect: Effect) -> str:
    """Return what a claim foretells of an effect.

    Example:
        >>> from surefoot.explanation.claim import Number
        >>> foretold(Effect(Number("steps", 2.0, 1.5, 2.5, "x"), notable=1.2))
        'above 1x, at least 1.2x'
    """
    if effect.side == "at most":
        return f"at most {effect.notable:.3g}x"
    return f"above 1x, at least {effect.notable:.3g}x" if effect.notable > 1 else "above 1x"


def _claim(claim: Claim, commands: Mapping[str, str]) -> RenderableType:
    head = Text.assemble((f"{MARKS[claim.verdict]} {claim.title}: ", ""), (claim.verdict, "bold"))
    body: list[RenderableType] = [Text(claim.sentence)]
    if claim.name in commands:
        body.append(Text(commands[claim.name], style="dim"))
    return Group(head, Padding(Group(*body), (0, 0, 0, 2)))


def _contrasts(result: ExplainResult) -> Table:
    table = plain_table("")
    table.add_column("Learning rate", ratio=1)
    table.add_column("Momentum", ratio=1)
    for row in result.contrasts:
        table.add_row(row.respect, row.lr, row.momentum)
    return table


# An error that is smaller is said to be at most this.
LEAST_ERROR = 1e-4


def slice_table(found: LossSlice) -> RenderableType:
    """Return a row for each training."""
    table = plain_table("recipe", "end loss", "in plane")
    for way in found.ways:
        table.add_row(str(way.recipe), measured(way.end_loss), percent(way.within) if len(way.steps) > 1 else "-")
    table.columns[0].overflow = "fold"
    left = [
        Text(f"{way.recipe} is out of the picture from step {way.left_at:,} on.") for way in found.ways if way.left_at
    ]
    head = Text(f"The loss of {found.task} on a plane of its weights", style="bold")
    return Group(head, Text(slice_sentence(found)), table, *left, Text(slice_cost(found)))


def slice_sentence(found: LossSlice) -> str:
    """Return what plane it is, with its numbers."""
    about = found.surface.about.removesuffix(".")
    if found.told is None:
        return f"{about}."
    if found.along == "ways":
        return f"{about}: {percent(found.told[0])} along the first, {percent(found.told[1])} along the second."
    return f"{about}: curvatures {numeral(found.told[1])} and {numeral(found.told[0])}."


def slice_caption(found: LossSlice) -> str:
    """Return how the picture of a slice is to be read."""
    return (
        f"{slice_sentence(found)} The ground is the loss of {found.samples:,} training samples, the lower the more "
        "grey; ways are the shadows that trainings cast on the plane, from the cross to the rings."
    )


def slice_cost(found: LossSlice) -> str:
    """Return what it cost, and how exact the landscape is."""
    rows, columns = found.surface.grid.shape
    unknown = f" ({found.unknown:,} of them without a number, drawn as high as any)" if found.unknown else ""
    return (
        f"{seconds_text(found.seconds)}: {found.config_steps:,} config-steps; losses of {found.samples:,} samples at "
        f"{columns} x {rows} places{unknown}{_error(found.error)}."
    )


def _error(error: float | None) -> str:
    if error is None:
        return ""
    share = f"{100 * error:.2g}" if error >= LEAST_ERROR else f"{100 * LEAST_ERROR:g}"
    return f"; between them wrong by at most {share} % of their range where it was looked"
