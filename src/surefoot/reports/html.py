"""The report: one HTML page that holds everything it shows and asks no network for anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from surefoot.files import atomic_path
from surefoot.numerals import measured, numeral
from surefoot.plots.comparison import Standing, comparison, ranking
from surefoot.plots.heat_map import heat_map
from surefoot.plots.learning_curves import learning_curves
from surefoot.plots.range_test import range_test
from surefoot.plots.schedule import recipe_schedule
from surefoot.plots.theme import DARK, LIGHT
from surefoot.recipe import pytorch_code
from surefoot.reports.sentences import (
    best_rate_text,
    boundary_warning,
    bounds_text,
    cost,
    headline,
    tied_settings,
    transfer_notes,
)
from surefoot.tuning.result import TuneResult
from surefoot.tuning.scaling import TransferRow

LIGHT_STYLE, DARK_STYLE = "default", "github-dark"


@dataclass(frozen=True, slots=True)
class Panel:
    """A figure of the page.

    Attributes:
        title: Its heading: what is seen.
        caption: How to read it.
        spec: Its specification, without title, look and width: the page has those.
    """

    title: str
    caption: str
    spec: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A confirmed recipe in the table."""

    name: str
    recipe: str
    loss: str
    bounds: str
    metric: str
    test: str
    best: bool


def write_html(
    result: TuneResult, path: Path, *, environment: Mapping[str, Any] | None = None, command: str | None = None
) -> None:
    """Write the report of a tune as one page.

    Args:
        result: What the tune found.
        path: Of the page.
        environment: What it ran on, as a study keeps it.
        command: What asks for the same again.

    Raises:
        OutputError: If the file cannot be written.
    """
    text = html(result, environment=environment, command=command)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def html(result: TuneResult, *, environment: Mapping[str, Any] | None = None, command: str | None = None) -> str:
    """Return the page."""
    pages = Environment(
        loader=PackageLoader("surefoot.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    shown = panels(result)
    rows = [_row(result, standing) for standing in ranking(result)]
    return pages.get_template("report.html.j2").render(
        result=result,
        headline=headline(result),
        warning=boundary_warning(result),
        tied=tied_settings(result),
        cost=cost(result),
        rows=rows,
        with_metric=any(row.metric for row in rows),
        with_test=any(row.test for row in rows),
        transfer=[_transferred(row) for row in result.transfer.rows] if result.transfer else [],
        transfer_notes=transfer_notes(result.transfer) if result.transfer else [],
        panels=shown,
        data=_script({"specs": [panel.spec for panel in shown], "light": LIGHT, "dark": DARK}),
        library=_library(),
        code=_highlighted(result),
        code_style=_code_style(),
        environment=environment_rows(environment or {}),
        command=command,
    )


def panels(result: TuneResult) -> list[Panel]:
    """Return the figures with how to read them."""
    seeds, best = result.default.valid.seeds, result.best
    tried = _panel(
        heat_map(result),
        "Every dot is a setting that the search tried, a cross one that diverged. The colour says how many times its "
        "validation loss is that of the best setting trained as long, the size how long it was trained before better "
        "ones took its place; the squares interpolate between the dots.",
    )
    breaks = []
    if result.ramps:  # there are none where the user bounded the learning rate
        breaks += [
            _panel(
                range_test(result.ramps),
                "The learning rate grows at every step: the loss falls where the network learns and shoots up where "
                "training breaks, at the dashed line.",
            )
        ]
    if best is None:
        return [tried, *breaks]
    compared = _panel(
        comparison(result),
        f"Dots are the mean validation losses over {seeds} fresh seeds, lines their 90 % intervals, ticks the single "
        "seeds: where lines overlap widely the difference may be luck.",
    )
    curves = _panel(
        learning_curves(result),
        "The lower and the sooner, the better; thin lines are single seeds, thick ones their mean. On every seed all "
        "recipes had the same initial weights and the same mini-batches.",
    )
    chart = recipe_schedule(best.recipe, steps=result.steps)
    used = _panel(chart, f"What the recommended recipe, {best.recipe}, uses at every step.")
    return [tried, compared, curves, *breaks, used]


def _panel(chart: alt.LayerChart, caption: str) -> Panel:
    spec = chart.to_dict()
    title = spec.pop("title")["text"]
    del spec["config"]
    spec |= {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
    return Panel(title, caption, spec)


def _row(result: TuneResult, standing: Standing) -> Row:
    found = standing.found
    return Row(
        name=standing.name,
        recipe=str(found.recipe),
        loss=measured(found.valid.mean),
        bounds=bounds_text(found.valid) or "not known",
        metric="" if found.metric is None else measured(found.metric),
        test="" if found.test is None else measured(found.test.mean),
        best=found is result.best,
    )


def _transferred(row: TransferRow) -> list[tuple[str, str]]:
    """Return a row of the transfer as pairs of column and text."""
    ends = row.interval
    return [
        ("Change", row.change),
        ("Steps", f"{row.steps:,}"),
        ("Batch size", f"{row.batch_size:,}"),
        ("Best learning rate", best_rate_text(row)),
        ("90 % interval", "not known" if ends is None else f"{numeral(ends.low)} to {numeral(ends.high)}"),
        ("Loss there", measured(row.loss)),
        ("Loss of the answer", measured(row.loss_of_answer)),
    ]


@cache
def _library() -> Markup:
    """Return the script that draws the figures."""
    return Markup(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))  # noqa: S704  (no user's text in it)


def _script(data: Any) -> Markup:
    """Return JSON that stands in a script element: no text in it can end the element."""
    return Markup(json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"))  # noqa: S704


def _highlighted(result: TuneResult) -> Markup | None:
    if result.best is None:
        return None
    code = pytorch_code(result.best.recipe, steps=result.steps)
    return Markup(highlight(code, PythonLexer(), HtmlFormatter(nowrap=True)))  # noqa: S704  (pygments escapes)


def _code_style() -> Markup:
    """Return the colours of the code, by day and by night."""
    light, dark = (HtmlFormatter(style=style).get_style_defs(".code") for style in (LIGHT_STYLE, DARK_STYLE))
    return Markup(f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}")  # noqa: S704  (pygments' own)


def environment_rows(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a study ran on as pairs of name and value, its packages with their versions in one of them.

    Example:
        >>> environment_rows({"python": "3.11.7", "packages": {"torch": "2.13.0", "optax": None}, "cores": 2})
        [('python', '3.11.7'), ('packages', 'torch 2.13.0'), ('cores', '2')]
    """
    return [(name, _shown(value)) for name, value in environment.items() if value is not None]


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each}" for name, each in value.items() if each is not None)
    return numeral(value) if isinstance(value, float) else str(value)
