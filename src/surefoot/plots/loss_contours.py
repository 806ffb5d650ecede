"""The loss over a surface of two dimensions as grey bands, with a contour line where one band ends."""

from __future__ import annotations

import base64
import io

import altair as alt
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from surefoot.plots.chart import inline_data
from surefoot.plots.theme import FIGURE_HEIGHT, FIGURE_WIDTH
from surefoot.surfaces.surface import Surface

BAND_COUNT = 12
# Losses below this share of the highest belong to the lowest band.
MIN_LOSS_SHARE = 1e-3
# Grey levels, 0 to 255: of the lowest and of the highest band, and how much darker a contour line is than its band.
# Grey, so that every colour of a trajectory stands out.
LOWEST_BAND_GREY, HIGHEST_BAND_GREY, CONTOUR_DARKENING = 196, 250, 16
# The same on a dark background, where low is light and contour lines are lighter.
LOWEST_BAND_GREY_ON_BLACK, HIGHEST_BAND_GREY_ON_BLACK, CONTOUR_DARKENING_ON_BLACK = 78, 34, -14
# Grey level of the transparent image in a chart: seen on white and on black paper alike.
OVERLAY_GREY = 128


def contour_layer(surface: Surface, *, size: tuple[int, int] | None = None) -> alt.Chart:
    """Return the bands as the lowest layer of a chart, with the image inside the chart.

    The image is of one transparent grey, denser where the loss is lower: dark on white paper, light on black.

    Args:
        surface: The surface, drawn over its box.
        size: Width and height of the chart in points; needed for one of several in a column. Without it the image has
            the size of its chart.
    """
    width, height = (alt.ExprRef("width"), alt.ExprRef("height")) if size is None else size
    image = alt.Chart(inline_data([{"url": _overlay_url(surface)}])).mark_image(
        align="left", baseline="top", aspect=False, aria=False, width=width, height=height
    )
    layer: alt.Chart = image.encode(x=alt.value(0), y=alt.value(0), url="url:N")
    return layer


def loss_image(surface: Surface, width: int, height: int, *, dark: bool = False) -> Image.Image:
    """Return the bands as an opaque grey image, darker where the loss is lower; on a dark background lighter.

    Args:
        surface: The surface, drawn over its box.
        width: Width in pixels.
        height: Height in pixels.
        dark: Whether the background is dark.
    """
    bands = loss_bands(surface, width, height)
    low, high, line = (
        (LOWEST_BAND_GREY_ON_BLACK, HIGHEST_BAND_GREY_ON_BLACK, CONTOUR_DARKENING_ON_BLACK)
        if dark
        else (LOWEST_BAND_GREY, HIGHEST_BAND_GREY, CONTOUR_DARKENING)
    )
    greys = low + (high - low) * bands / (BAND_COUNT - 1)
    contours = (np.diff(bands, axis=0, prepend=bands[:1]) != 0) | (np.diff(bands, axis=1, prepend=bands[:, :1]) != 0)
    return Image.fromarray((greys - line * contours).astype(np.uint8))


def loss_bands(surface: Surface, width: int, height: int) -> NDArray[np.int64]:
    """Return the band of each pixel ``[height, width]``, 0 the lowest; bands are even in the log loss.

    Args:
        surface: The surface, sampled over its box.
        width: Number of columns.
        height: Number of rows, the first at the top.

    Example:
        >>> from surefoot.surfaces.quadratics import Ravine
        >>> loss_bands(Ravine(1.0), 5, 5)[2].tolist()
        [11, 9, 0, 9, 11]
    """
    (left, right), (low, high) = surface.box
    x = left + (right - left) * (np.arange(width) + 0.5) / width
    y = high - (high - low) * (np.arange(height) + 0.5) / height
    losses = surface.value(torch.from_numpy(np.stack(np.meshgrid(x, y), axis=-1))).numpy() - surface.lowest
    highest = losses.max() or 1.0  # 0 where the surface is flat
    share = 1.0 - np.log(np.maximum(losses / highest, MIN_LOSS_SHARE)) / np.log(MIN_LOSS_SHARE)
    bands: NDArray[np.int64] = np.minimum(share * BAND_COUNT, BAND_COUNT - 1).astype(np.int64)
    return bands


def _overlay_url(surface: Surface) -> str:
    """Return the transparent image as a data URL."""
    greys = np.asarray(loss_image(surface, 2 * FIGURE_WIDTH, 2 * FIGURE_HEIGHT), dtype=np.float64)
    density = (255.0 - greys) / (255.0 - OVERLAY_GREY)
    overlay = np.stack([*(np.full_like(density, OVERLAY_GREY),) * 3, 255.0 * density], axis=-1)
    buffer = io.BytesIO()
    Image.fromarray(overlay.round().astype(np.uint8), mode="RGBA").save(buffer, format="png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
