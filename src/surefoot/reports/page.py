"""A page that holds everything it shows and asks no network for anything: what all reports in HTML are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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

from surefoot.core.files import atomic_path
from surefoot.core.formatting import numeral
from surefoot.export.pytorch import pytorch_code
from surefoot.plots.theme import DARK, LIGHT
from surefoot.recipe.recipe import Recipe

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


def page(
    template: str,
    *,
    panels: Sequence[Panel],
    recipe: Recipe | None,
    steps: int,
    environment: Mapping[str, Any] | None,
    command: str | None,
    **content: Any,
) -> str:
    """Return a page.

    Args:
        template: Its name.
        panels: Its figures.
        recipe: What its code to paste is of, if there is any.
        steps: Length of the training.
        environment: What it ran on.
        command: What asks for the same again.
        content: Whatever else the template shows.
    """
    pages = Environment(
        loader=PackageLoader("surefoot.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return pages.get_template(template).render(
        panels=panels,
        data=_script({"specs": [each.spec for each in panels], "light": LIGHT, "dark": DARK}),
        library=_library(),
        code=None if recipe is None else _highlighted(recipe, steps),
        code_style=_code_style(),
        environment=environment_rows(environment or {}),
        command=command,
        **content,
    )


def write_page(text: str, path: Path) -> None:
    """Write a page, whole or not at all.

    Raises:
        OutputError: If the file cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def panel(chart: alt.LayerChart, caption: str) -> Panel:
    """Return a figure as part of a page, as wide as there is room."""
    spec = chart.to_dict()
    title = spec.pop("title")["text"]
    del spec["config"]
    spec |= {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
    return Panel(title, caption, spec)


@cache
def _library() -> Markup:
    """Return the script that draws the figures."""
    return Markup(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))  # noqa: S704  (no user's text in it)


def _script(data: Any) -> Markup:
    """Return JSON that stands in a script element: no text in it can end the element."""
    return Markup(json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"))  # noqa: S704


def _highlighted(recipe: Recipe, steps: int) -> Markup:
    code = pytorch_code(recipe, steps=steps)
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
