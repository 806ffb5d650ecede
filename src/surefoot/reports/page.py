"""The HTML page that all reports are made of: it holds everything that it shows and fetches nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from surefoot.core.errors import RecipeError
from surefoot.core.files import atomic_path
from surefoot.core.formatting import format_number
from surefoot.export.pytorch import pytorch_code
from surefoot.plots.figure_registry import CaptionedFigure
from surefoot.plots.theme import DARK_THEME, LIGHT_THEME
from surefoot.recipe.recipe import Recipe

# Pygments' styles for code on a light and on a dark page.
LIGHT_CODE_STYLE, DARK_CODE_STYLE = "default", "github-dark"


@dataclass(frozen=True, slots=True)
class PageFigure:
    """A figure as a page shows it.

    Attributes:
        title: Heading: what the figure shows.
        caption: How to read it.
        spec: Vega-Lite specification without title, theme and width, which the page sets.
    """

    title: str
    caption: str
    spec: dict[str, Any]

    @classmethod
    def of(cls, figure: CaptionedFigure) -> PageFigure:
        """Return a figure for a page, as wide as there is room; of a column of charts each has its own width."""
        spec = figure.chart.to_dict()
        title = spec.pop("title", figure.name.replace("_", " "))
        title = title["text"] if isinstance(title, Mapping) else title
        spec.pop("config", None)
        if "vconcat" not in spec:
            spec |= {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
        return cls(title, figure.caption, spec)


def page(
    template: str,
    *,
    figures: Sequence[PageFigure],
    recipe: Recipe | None,
    steps: int,
    environment: Mapping[str, Any] | None,
    command: str | None,
    **content: Any,
) -> str:
    """Return a page.

    Args:
        template: File name of the template.
        figures: Figures of the page, in the order in which they are drawn.
        recipe: Recipe whose PyTorch code the page shows; ``None`` for a page without code.
        steps: Length of the training in steps, for that code.
        environment: Versions and hardware that the results were measured with.
        command: Command that repeats the report.
        content: Whatever else the template shows.
    """
    templates = Environment(
        loader=PackageLoader("surefoot.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return templates.get_template(template).render(
        figures=figures,
        data=_script({"specs": [each.spec for each in figures], "light": LIGHT_THEME, "dark": DARK_THEME}),
        library=_library(),
        code=None if recipe is None else _highlighted(recipe, steps),
        code_style=_code_style(),
        environment=environment_rows(environment or {}),
        command=command,
        **content,
    )


def write_page(text: str, path: Path) -> None:
    """Write a page to a file, whole or not at all.

    Args:
        text: The page.
        path: Path of the file.

    Raises:
        OutputError: If the file cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def environment_rows(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return versions and hardware as pairs of name and value, all packages in one of them.

    Args:
        environment: What a study records of the machine.

    Example:
        >>> environment_rows({"python": "3.11.7", "packages": {"torch": "2.13.0", "optax": None}, "cores": 2})
        [('python', '3.11.7'), ('packages', 'torch 2.13.0'), ('cores', '2')]
    """
    return [(name, _value_text(value)) for name, value in environment.items() if value is not None]


def _value_text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each}" for name, each in value.items() if each is not None)
    return format_number(value) if isinstance(value, float) else str(value)


@cache
def _library() -> Markup:
    """Return the JavaScript that draws the figures."""
    return Markup(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))  # noqa: S704  (no user's text in it)


def _script(data: Any) -> Markup:
    """Return JSON for a script element; no text in it can end the element."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return Markup(text)  # noqa: S704  (every < is escaped)


def _highlighted(recipe: Recipe, steps: int) -> Markup:
    """Return the recipe's PyTorch code, or why there is none, as a comment: a plugin may not say how to write it."""
    try:
        code = pytorch_code(recipe, steps=steps)
    except RecipeError as error:
        code = f"# {error}"
    return Markup(highlight(code, PythonLexer(), HtmlFormatter(nowrap=True)))  # noqa: S704  (pygments escapes)


def _code_style() -> Markup:
    """Return the style sheet of code on a light and on a dark page."""
    styles = (HtmlFormatter(style=style).get_style_defs(".code") for style in (LIGHT_CODE_STYLE, DARK_CODE_STYLE))
    light, dark = styles
    return Markup(f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}")  # noqa: S704  (pygments' own text)
