"""The balls of a descent: their colours, and what people call them.

The ground that balls roll over: bands of equal loss, with a line where one ends and the next begins.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import altair as alt
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from surefoot.core.errors import OutputError
from surefoot.plots.theme import HEIGHT, ON_BLACK, ON_WHITE, WIDTH, inline
from surefoot.surfaces.descent import Descent
from surefoot.surfaces.surface import Surface

# Of the theme's colours those that stand out from a grey ground, the most different first.
PLACES = (0, 1, 4, 5, 2, 6, 7)


def ball_colours(count: int, *, dark: bool = False) -> tuple[str, ...]:
    """Return so many colours that everyone can tell apart.

    Raises:
        OutputError: If there are not so many.

    Example:
        >>> ball_colours(2)
        ('#0072B2', '#D55E00')
    """
    if count > len(PLACES):
        raise OutputError(
            f"a picture shows at most {len(PLACES)} balls; given {count}.", hint="leave some recipes out."
        )
    palette = ON_BLACK if dark else ON_WHITE
    return tuple(palette[place] for place in PLACES[:count])


def ball_names(descent: Descent) -> list[str]:
    """Return the balls' recipes, numbered where two are the same."""
    return numbered([str(recipe) for recipe in descent.recipes])


def numbered(texts: Sequence[str]) -> list[str]:
    """Return texts with a number where two are the same.

    Example:
        >>> numbered(["a", "b", "a"])
        ['a, 1', 'b', 'a, 2']
    """
    return [
        text if texts.count(text) == 1 else f"{text}, {texts[:place].count(text) + 1}"
        for place, text in enumerate(texts)
    ]


BANDS = 12
# What is lower than this share of the highest loss is as low as can be.
LOWEST = 1e-3
# The darkest and the lightest band, and how much darker a line is: grey, so that every ball's colour stands out.
LOW, HIGH, LINE = 196, 250, 16
LOW_ON_BLACK, HIGH_ON_BLACK, LINE_ON_BLACK = 78, 34, -14
# What a veil is made of: between white and black, so that it is seen on both.
GREY = 128


def ground(surface: Surface, width: int, height: int, *, dark: bool = False) -> Image.Image:
    """Return the losses over a surface of two dimensions, the darker the lower; on black, the lighter.

    Args:
        surface: What is drawn, over its box.
        width: In pixels.
        height: The same.
        dark: Whether it is to lie on black.
    """
    bands = bands_of(surface, width, height)
    low, high, line = (LOW_ON_BLACK, HIGH_ON_BLACK, LINE_ON_BLACK) if dark else (LOW, HIGH, LINE)
    shades = low + (high - low) * bands / (BANDS - 1)
    edges = (np.diff(bands, axis=0, prepend=bands[:1]) != 0) | (np.diff(bands, axis=1, prepend=bands[:, :1]) != 0)
    return Image.fromarray((shades - line * edges).astype(np.uint8))


def bands_of(surface: Surface, width: int, height: int) -> NDArray[np.int64]:
    """Return the number of each pixel's band ``[height, width]``, 0 the lowest; bands are even in the log loss.

    Example:
        >>> from surefoot.surfaces.quadratics import Ravine
        >>> bands_of(Ravine(1.0), 5, 5)[2].tolist()
        [11, 9, 0, 9, 11]
    """
    (left, right), (low, high) = surface.box
    # Middles of pixels, from the left and from the top.
    x = left + (right - left) * (np.arange(width) + 0.5) / width
    y = high - (high - low) * (np.arange(height) + 0.5) / height
    losses = surface.value(torch.from_numpy(np.stack(np.meshgrid(x, y), axis=-1))).numpy() - surface.lowest
    highest = losses.max() or 1.0  # where all is equally low
    share = 1.0 - np.log(np.maximum(losses / highest, LOWEST)) / np.log(LOWEST)
    bands: NDArray[np.int64] = np.minimum(share * BANDS, BANDS - 1).astype(np.int64)
    return bands


def ground_layer(surface: Surface, *, size: tuple[int, int] | None = None) -> alt.Chart:
    """Return the ground as the lowest layer of a chart; the picture is inside the chart.

    It is a veil of one grey, the denser the lower the loss: on white paper dark, on black light.

    Args:
        surface: What is drawn, over its box.
        size: Of the chart, in points; needed for one of several in a column. Alone it has whatever the chart has.
    """
    width, height = (alt.ExprRef("width"), alt.ExprRef("height")) if size is None else size
    picture = alt.Chart(inline([{"url": _veil(surface)}])).mark_image(
        align="left",
        baseline="top",
        aspect=False,
        aria=False,
        width=width,
        height=height,
    )
    layer: alt.Chart = picture.encode(x=alt.value(0), y=alt.value(0), url="url:N")
    return layer


def _veil(surface: Surface) -> str:
    """Return the address that holds the picture."""
    shades = np.asarray(ground(surface, 2 * WIDTH, 2 * HEIGHT), dtype=np.float64)
    density = (255.0 - shades) / (255.0 - GREY)
    veil = np.stack([*(np.full_like(density, GREY),) * 3, 255.0 * density], axis=-1)
    buffer = io.BytesIO()
    Image.fromarray(veil.round().astype(np.uint8), mode="RGBA").save(buffer, format="png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
