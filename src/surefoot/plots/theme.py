"""Data inside a chart's specification: plain rows, no table library, no limit, nothing fetched.

One look for all figures: colours that everyone can tell apart, type that stays readable when small.

"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import altair as alt
import vl_convert

# Around a chart in its frame, for the page's margin and the menu.
MARGIN = 24


class _Offline:
    """Shows a chart in a frame of its own, script included, unless another of Altair's renderers was enabled.

    About 1 MB a chart; ``altair.renderers.enable("svg")`` gives a small picture instead that does not answer the mouse.
    """

    def _repr_mimebundle_(self, *include: Any, **exclude: Any) -> Any:
        if alt.renderers.active != "default":
            return super()._repr_mimebundle_(*include, **exclude)  # type: ignore[misc]  # of the chart that it is mixed into
        return {"text/html": framed(self)}


class Layers(_Offline, alt.LayerChart):
    """Charts over one another."""


class Column(_Offline, alt.VConcatChart):
    """Charts below one another."""


def framed(chart: Any) -> str:
    """Return a chart as HTML that asks no network for anything and minds nothing around it."""
    size = re.search(r'width="([\d.]+)" height="([\d.]+)"', vl_convert.vegalite_to_svg(chart.to_json()))
    width, height = (round(float(length)) + MARGIN for length in size.groups()) if size else ("100%", 600)
    page = html.escape(chart.to_html(inline=True), quote=True)
    return f'<iframe srcdoc="{page}" width="{width}" height="{height}" style="border: 0; max-width: 100%"></iframe>'


Cell: TypeAlias = "str | int | float | bool | None"
Row: TypeAlias = Mapping[str, Cell]


def inline(rows: Iterable[Row]) -> alt.InlineData:
    """Return rows as a chart's data; what is not finite becomes null, and floats keep six digits."""
    return alt.InlineData(values=[{key: _cell(value) for key, value in row.items()} for row in rows])


def _cell(value: Cell) -> Cell:
    if not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if math.isfinite(value) else None


# What a figure is, once it is ready to be shown or saved.
Figure: TypeAlias = "alt.LayerChart | alt.VConcatChart"

WIDTH, HEIGHT = 560, 320
FONT = "Inter, 'Helvetica Neue', Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"

# Who a line or a dot belongs to; the same colour in every figure.
RECOMMENDED, DEFAULT, COMPARED, RUNNER_UP = ("recommended", "default", "compared", "runner-up")
ROLES = (RECOMMENDED, DEFAULT, COMPARED, RUNNER_UP)
# Of a check; they take the colours of the recommended and of the default.
ADVISED, YOURS = "advised", "yours"
DASHES = ([1, 0], [1, 0], [6, 3], [1, 0])

# Okabe & Ito (2008): the first four are the roles' colours; on black they are lighter.
ON_WHITE = ["#0072B2", "#D55E00", "#E69F00", "#767676", "#009E73", "#CC79A7", "#56B4E9", "#000000"]
ON_BLACK = ["#56B4E9", "#F0743A", "#E69F00", "#9A9FA6", "#1FC29A", "#E09CC4", "#3C8FD0", "#F0E442"]


def _config(*, ink: str, faint: str, paper: str, roles: list[str], dark: bool) -> dict[str, Any]:
    small = {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"}
    label = {"labelColor": ink, "titleColor": ink} | small
    axis = {"gridColor": faint, "domainColor": ink, "tickColor": ink, "labelPadding": 4, "titlePadding": 8}
    # The best settings are to stand out from the paper, black or white.
    ramp = {"scheme": "viridis", "extent": [1.0, 0.1] if dark else [0.0, 0.95]}
    ordinal = {"scheme": "viridis", "extent": [1.0, 0.25] if dark else [0.0, 0.8]}
    return {
        "background": paper,
        "font": FONT,
        "view": {"stroke": None},
        "title": {
            "anchor": "start",
            "color": ink,
            "subtitleColor": ink,
            "fontSize": 15,
            "fontWeight": 600,
            "subtitleFontSize": 12,
            "subtitlePadding": 5,
            "offset": 12,
            "frame": "bounds",
        },
        "axis": label | axis,
        "legend": label
        | {
            "symbolStrokeWidth": 2.5,
            "symbolFillColor": ink,
            "labelLimit": 260,
            "titleLimit": 320,
            "gradientLength": 220,
        },
        "range": {"category": roles, "heatmap": ramp, "ramp": ramp, "ordinal": ordinal},
        "line": {"strokeWidth": 2.5, "strokeCap": "round"},
        "rule": {"color": ink},
        "text": {"color": ink, "fontSize": 12},
        "style": {
            "ink": {"stroke": ink},
            "solid": {"fill": ink},
            "note": {"fill": ink, "fontSize": 12},
            "halo": {"fill": paper, "stroke": paper, "strokeWidth": 4, "strokeJoin": "round", "fontSize": 12},
            "backdrop": {"stroke": paper},
            "drawn": {"color": ink},
            "paper": {"color": paper},
            "outside": {"color": faint},
        },
    }


LIGHT = _config(ink="#1f2328", faint="#e6e8eb", paper="#ffffff", roles=ON_WHITE, dark=False)
DARK = _config(ink="#e6e8eb", faint="#343a42", paper="#16191d", roles=ON_BLACK, dark=True)


def layered(*layers: alt.Chart, width: int = WIDTH, height: int = HEIGHT) -> alt.LayerChart:
    """Return charts drawn over one another, the first lowest."""
    return Layers(layer=list(layers), width=width, height=height)


def column(*charts: alt.LayerChart, spacing: int) -> alt.VConcatChart:
    """Return charts one below the other."""
    return Column(vconcat=list(charts), spacing=spacing)


def finished(chart: alt.LayerChart | alt.VConcatChart, title: str, *, subtitle: str | list[str] | None = None) -> Any:
    """Return a chart with its title and the look of all figures.

    The title is also what a screen reader says.
    """
    lines = [subtitle] if isinstance(subtitle, str) else subtitle or []
    heading = alt.TitleParams(text=title, subtitle=lines) if lines else alt.TitleParams(text=title)
    described = chart.properties(title=heading, description=" ".join([f"{title}.", *lines]))
    return described.configure(**LIGHT)


def by_role(named: Sequence[str] = ()) -> alt.Color:
    """Return the colour of every role, with a legend of those that are named."""
    return alt.Color("role:N", scale=alt.Scale(domain=list(ROLES)), legend=role_legend(named) if named else None)


def role_legend(named: Sequence[str]) -> alt.Legend:
    """Return the legend of some roles."""
    return alt.Legend(orient="top", title=None, values=list(named), symbolType="stroke", symbolOpacity=1.0, columns=2)
