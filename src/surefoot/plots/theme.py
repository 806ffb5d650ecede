"""How all figures look: colours that everyone can tell apart, type sizes, sizes of figures, and legends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from surefoot.core.errors import OutputError

# Width and height of a plot area, in points.
FIGURE_WIDTH, FIGURE_HEIGHT = 560, 320
FONT = "Inter, 'Helvetica Neue', Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"

# The role of a recipe in a search; each role has the same colour in every figure.
RECOMMENDED, DEFAULT, COMPARED, RUNNER_UP = ("recommended", "default", "compared", "runner-up")
RECIPE_ROLES = (RECOMMENDED, DEFAULT, COMPARED, RUNNER_UP)
# Dashes of the roles' lines, in points drawn and left out, in the order of RECIPE_ROLES.
ROLE_DASHES = ([1, 0], [1, 0], [6, 3], [1, 0])
# The roles in a check: they take the colours of the recommended and of the default recipe.
ADVISED, YOURS = "advised", "yours"
CHECK_ROLES = (ADVISED, YOURS)

# The palette of Okabe & Ito (2008), told apart with every kind of colour vision. The first four are the roles' colours.
COLOURS_ON_WHITE = ["#0072B2", "#D55E00", "#E69F00", "#767676", "#009E73", "#CC79A7", "#56B4E9", "#000000"]
# The same hues, lighter: each has a contrast of at least 5 to the dark paper; WCAG 2.2 asks for 3.
COLOURS_ON_BLACK = ["#56B4E9", "#F0743A", "#E69F00", "#9A9FA6", "#1FC29A", "#E09CC4", "#3C8FD0", "#F0E442"]
# Indices of the palette's colours that stand out from grey contours, the most different ones first.
TRAJECTORY_COLOURS = (0, 1, 4, 5, 2, 6, 7)


def _config(*, ink: str, faint: str, paper: str, palette: list[str], dark: bool) -> dict[str, Any]:
    """Return a Vega-Lite configuration.

    Args:
        ink: Colour of text, axes and neutral marks.
        faint: Colour of grid lines and of areas without data.
        paper: Colour of the background.
        palette: Colours of categories, in order.
        dark: Whether the paper is dark: colour scales then run the other way, so that the best stands out.
    """
    small = {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"}
    label = {"labelColor": ink, "titleColor": ink} | small
    axis = {"gridColor": faint, "domainColor": ink, "tickColor": ink, "labelPadding": 4, "titlePadding": 8}
    ramp = {"scheme": "viridis", "extent": [1.0, 0.1] if dark else [0.0, 0.95]}
    ordinal = {"scheme": "viridis", "extent": [1.0, 0.25] if dark else [0.0, 0.8]}
    title = {
        "anchor": "start",
        "color": ink,
        "subtitleColor": ink,
        "fontSize": 15,
        "fontWeight": 600,
        "subtitleFontSize": 12,
        "subtitlePadding": 5,
        "offset": 12,
        "frame": "bounds",
    }
    legend = {
        "symbolStrokeWidth": 2.5,
        "symbolFillColor": ink,
        "labelLimit": 260,
        "titleLimit": 320,
        "gradientLength": 220,
    }
    # Marks name one of these styles instead of a colour, so that they follow the theme of the page.
    styles = {
        "ink": {"stroke": ink},
        "solid": {"fill": ink},
        "note": {"fill": ink, "fontSize": 12},
        "halo": {"fill": paper, "stroke": paper, "strokeWidth": 4, "strokeJoin": "round", "fontSize": 12},
        "backdrop": {"stroke": paper},
        "drawn": {"color": ink},
        "paper": {"color": paper},
        "outside": {"color": faint},
    }
    return {
        "background": paper,
        "font": FONT,
        "view": {"stroke": None},
        "title": title,
        "axis": label | axis,
        "legend": label | legend,
        "range": {"category": palette, "heatmap": ramp, "ramp": ramp, "ordinal": ordinal},
        "line": {"strokeWidth": 2.5, "strokeCap": "round"},
        "rule": {"color": ink},
        "text": {"color": ink, "fontSize": 12},
        "style": styles,
    }


LIGHT_THEME = _config(ink="#1f2328", faint="#e6e8eb", paper="#ffffff", palette=COLOURS_ON_WHITE, dark=False)
DARK_THEME = _config(ink="#e6e8eb", faint="#343a42", paper="#16191d", palette=COLOURS_ON_BLACK, dark=True)


def role_colour(in_legend: Sequence[str] = ()) -> alt.Color:
    """Return the colour channel of the field ``role``.

    Args:
        in_legend: Roles that the legend names; without any there is no legend.
    """
    legend = role_legend(in_legend) if in_legend else None
    return alt.Color("role:N", scale=alt.Scale(domain=list(RECIPE_ROLES)), legend=legend)


def role_legend(in_legend: Sequence[str]) -> alt.Legend:
    """Return the legend of some roles.

    Args:
        in_legend: Roles that the legend names.
    """
    return alt.Legend(
        orient="top", title=None, values=list(in_legend), symbolType="stroke", symbolOpacity=1.0, columns=2
    )


def line_legend() -> alt.Legend:
    """Return the legend of a few lines with short names, in one row above the plot."""
    return alt.Legend(orient="top", title=None, symbolType="stroke", symbolOpacity=1.0, direction="horizontal")


def trajectory_colour(names: Sequence[str]) -> alt.Color:
    """Return the colour channel of the field ``name``, for trajectories over grey contours.

    Args:
        names: Names of the trajectories, in the order of their colours; at most seven.
    """
    scale = alt.Scale(domain=[*names], range=list(trajectory_colours(len(names))))
    legend = alt.Legend(orient="top", title=None, columns=1, labelLimit=500, symbolType="circle", symbolOpacity=1.0)
    return alt.Color("name:N", scale=scale, legend=legend)


def trajectory_colours(count: int, *, dark: bool = False) -> tuple[str, ...]:
    """Return colours for trajectories over grey contours.

    Args:
        count: How many colours, at most seven.
        dark: Whether the background is dark.

    Raises:
        OutputError: If more colours are asked for than can be told apart.

    Example:
        >>> trajectory_colours(2)
        ('#0072B2', '#D55E00')
    """
    if count > len(TRAJECTORY_COLOURS):
        raise OutputError(
            f"a figure shows at most {len(TRAJECTORY_COLOURS)} recipes; given {count}.",
            hint="leave some recipes out.",
        )
    palette = COLOURS_ON_BLACK if dark else COLOURS_ON_WHITE
    return tuple(palette[index] for index in TRAJECTORY_COLOURS[:count])


def unique_names(texts: Sequence[str]) -> list[str]:
    """Return texts as names that differ: equal ones are numbered.

    Args:
        texts: The names wanted.

    Example:
        >>> unique_names(["a", "b", "a"])
        ['a, 1', 'b', 'a, 2']
    """
    return [
        text if texts.count(text) == 1 else f"{text}, {texts[:index].count(text) + 1}"
        for index, text in enumerate(texts)
    ]
