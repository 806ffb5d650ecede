"""Charts and their data: what Altair draws, shown in a notebook without a network, or written to a picture file."""

from __future__ import annotations

import html
import io
import math
import re
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import altair as alt
import numpy as np
import vl_convert

from surefoot.core.errors import OutputError, did_you_mean
from surefoot.core.files import atomic_path
from surefoot.plots.theme import FIGURE_HEIGHT, FIGURE_WIDTH, LIGHT_THEME

# A chart of this package: marks in layers over one another, or several charts in a column.
Figure: TypeAlias = "alt.LayerChart | alt.VConcatChart"
Cell: TypeAlias = "str | int | float | bool | None"
# One row of a chart's data, by field.
Row: TypeAlias = Mapping[str, Cell]

# Points of a line: more than a figure has pixels across, few enough for a small file.
MAX_LINE_POINTS = 1500
# Letters of a subtitle that fit the width of a figure: FIGURE_WIDTH points of 12-point type.
MAX_SUBTITLE_LETTERS = 96
# Points that a notebook's frame has more than its chart: the page's margin and the menu.
IFRAME_MARGIN = 24


def inline_data(rows: Iterable[Row]) -> alt.InlineData:
    """Return rows as data inside a chart's specification.

    Floats keep six significant digits; NaN and infinity become null, for JSON has neither.

    Args:
        rows: One mapping of field to value for each row.
    """
    return alt.InlineData(values=[{key: _json_cell(value) for key, value in row.items()} for row in rows])


def _json_cell(value: Cell) -> Cell:
    if not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if math.isfinite(value) else None


def sampled_indices(count: int) -> list[int]:
    """Return the indices of a line's points: all, or of very many 1500 that are evenly spaced.

    Args:
        count: Number of points that there are.

    Example:
        >>> sampled_indices(3), len(sampled_indices(10_000)), sampled_indices(10_000)[-1]
        ([0, 1, 2], 1500, 9999)
    """
    indices = np.linspace(0, count - 1, min(count, MAX_LINE_POINTS)).round().astype(np.int64)
    return [*map(int, np.unique(indices))]


def layered(*layers: alt.Chart, width: int = FIGURE_WIDTH, height: int = FIGURE_HEIGHT) -> alt.LayerChart:
    """Return charts drawn over one another.

    Args:
        layers: The charts, the lowest first.
        width: Width of the plot area in points.
        height: Height of the plot area in points.
    """
    return OfflineLayerChart(layer=list(layers), width=width, height=height)


def column(*charts: alt.LayerChart, spacing: int) -> alt.VConcatChart:
    """Return charts one below the other.

    Args:
        charts: The charts, the uppermost first.
        spacing: Points between two of them.
    """
    return OfflineVConcatChart(vconcat=list(charts), spacing=spacing)


def titled(chart: alt.LayerChart | alt.VConcatChart, title: str, *, subtitle: str | list[str] | None = None) -> Any:
    """Return a chart with a title and the light theme.

    Title and subtitle are also the description that a screen reader reads out.

    Args:
        chart: The chart, without a title.
        title: What the chart shows, in one line.
        subtitle: How to read it: one line or several.
    """
    lines = [subtitle] if isinstance(subtitle, str) else subtitle or []
    heading = alt.TitleParams(text=title, subtitle=lines) if lines else alt.TitleParams(text=title)
    described = chart.properties(title=heading, description=" ".join([f"{title}.", *lines]))
    return described.configure(**LIGHT_THEME)


def subtitle_lines(text: str, *, max_lines: int = 4) -> list[str]:
    """Return a text as lines that fit the width of a figure; what is longer ends in an ellipsis.

    Args:
        text: The subtitle.
        max_lines: Lines that there is room for.

    Example:
        >>> subtitle_lines("short"), [len(line) <= 96 for line in subtitle_lines("a word and " * 30, max_lines=3)]
        (['short'], [True, True, True])
    """
    return textwrap.wrap(text, MAX_SUBTITLE_LETTERS, max_lines=max_lines, placeholder=" …")


class _OfflineChart:
    """Mixin: a notebook shows the chart without a network.

    Altair's default renderer fetches its script from a server. This one puts chart and script into an iframe, about
    1 MB a chart. ``altair.renderers.enable("svg")`` shows a small picture instead, without tooltips.
    """

    def _repr_mimebundle_(self, *include: Any, **exclude: Any) -> Any:
        if alt.renderers.active != "default":
            return super()._repr_mimebundle_(*include, **exclude)  # type: ignore[misc]  # the chart class has it
        return {"text/html": iframe_html(self)}


class OfflineLayerChart(_OfflineChart, alt.LayerChart):
    """Charts over one another, shown in a notebook without a network."""


class OfflineVConcatChart(_OfflineChart, alt.VConcatChart):
    """Charts in a column, shown in a notebook without a network."""


def iframe_html(chart: Any) -> str:
    """Return a chart as an iframe that holds its script and fetches nothing.

    Args:
        chart: Any chart of Altair's.
    """
    size = re.search(r'width="([\d.]+)" height="([\d.]+)"', vl_convert.vegalite_to_svg(chart.to_json()))
    width, height = (round(float(length)) + IFRAME_MARGIN for length in size.groups()) if size else ("100%", 600)
    page = html.escape(_offline_page(chart), quote=True)
    return f'<iframe srcdoc="{page}" width="{width}" height="{height}" style="border: 0; max-width: 100%"></iframe>'


# What stands before and after the specification in the pages of Altair; JSON has no line breaks in its texts.
SPEC_BEGINS, SPEC_ENDS = "\n  const spec = ", ";\n  const embedOpt = "
PICTURE_SUFFIXES = (".png", ".svg", ".html")
# Resolution of PNG files: sharp on screens with two pixels to a point.
PIXELS_PER_POINT = 2


def check_picture(path: Path | str) -> None:
    """Make sure that a picture can be written, before any work for it is done.

    Args:
        path: Path of the picture.

    Raises:
        OutputError: If the suffix is not one of a picture, or the folder does not exist.
    """
    path = Path(path)
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        example = f"as in {path.with_suffix('.png').name if path.name else 'chart.png'}"
        hint = did_you_mean(path.suffix.lower(), PICTURE_SUFFIXES) or example
        raise OutputError(f"a picture ends in {', '.join(PICTURE_SUFFIXES)}; given {str(path)!r}.", hint=hint)
    check_folder(path)


def check_folder(path: Path) -> None:
    """Make sure that the folder of a file exists.

    Args:
        path: Path of the file.

    Raises:
        OutputError: If the folder does not exist.
    """
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {str(path)!r}: its folder does not exist.", hint=f"make {str(path.parent)!r}.")


def write_chart(chart: Figure, path: Path | str) -> None:
    """Write a chart to a file; the suffix chooses the format. The file is written whole or not at all.

    Args:
        chart: The chart.
        path: Path of the file, ending in ``.png``, ``.svg`` or ``.html``.

    Raises:
        OutputError: If the suffix is another one, or the file cannot be written.
    """
    check_picture(path)
    path = Path(path)
    suffix = path.suffix.lower()
    options: dict[str, Any] = {"scale_factor": PIXELS_PER_POINT} if suffix == ".png" else {}
    with atomic_path(path) as temporary:
        if suffix == ".html":
            temporary.write_text(_offline_page(chart), encoding="utf-8")
        else:
            chart.save(temporary, format=cast('Literal["png", "svg"]', suffix[1:]), **options)


def _offline_page(chart: Any) -> str:
    """Return a chart as an HTML page that fetches nothing; no text in the chart can end its script element."""
    before, begin, rest = chart.to_html(inline=True).partition(SPEC_BEGINS)
    spec, end, after = rest.rpartition(SPEC_ENDS)
    return f"{before}{begin}{spec.replace('<', chr(92) + 'u003c')}{end}{after}"


def png(chart: Figure) -> bytes:
    """Return a chart as the content of a PNG file with two pixels to a point."""
    buffer = io.BytesIO()
    chart.save(buffer, format="png", scale_factor=PIXELS_PER_POINT)
    return buffer.getvalue()
