"""Charts that a notebook shows without a network: Altair's own way there fetches its script from a server."""

from __future__ import annotations

import html
import re
from typing import Any

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
