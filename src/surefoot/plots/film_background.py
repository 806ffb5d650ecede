"""The canvas of a film: the surface on its axes, colours and names of the recipes, and where a position lies on it."""

from __future__ import annotations

import io
from dataclasses import dataclass

import altair as alt
import numpy as np
import torch
from PIL import Image, ImageColor, ImageDraw, ImageFont

from surefoot.plots.axes_and_point_labels import linear_ticks
from surefoot.plots.chart import PIXELS_PER_POINT, inline_data
from surefoot.plots.loss_surfaces import CURVE_MARGIN, CURVE_POINTS, loss_image, recipe_names
from surefoot.plots.theme import DARK_THEME, LIGHT_THEME, trajectory_colours
from surefoot.surfaces.descent import Array, Descent

# Sizes in points.
PLOT_WIDTH, PLOT_HEIGHT = 640, 360
LEFT_MARGIN, RIGHT_MARGIN, BOTTOM_MARGIN = 64, 20, 48
# Above the plot: the title, a row for each recipe, and a gap.
TITLE_HEIGHT, ROW_HEIGHT, PLOT_GAP = 44, 24, 14
MARKER_RADIUS, TITLE_FONT_SIZE, FONT_SIZE = 7, 17, 13
# Half the size of the cross at a minimum.
CROSS_ARM = 5
# Positions further away than this many times the size of the plot are not drawn: Pillow takes no larger coordinates.
MAX_DISTANCE = 20.0

Colour = tuple[int, int, int]
Pixel = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class FilmCanvas:
    """What is the same in all frames of a film.

    Attributes:
        descent: The descent that the film shows.
        dark: Whether the background is dark.
        bottom: Lowest value of the vertical axis.
        top: Highest value of the vertical axis.
    """

    descent: Descent
    dark: bool
    bottom: float
    top: float

    @classmethod
    def of(cls, descent: Descent, *, dark: bool) -> FilmCanvas:
        """Return the canvas of a descent: over its surface's box; in one dimension as high as its curve."""
        surface = descent.surface
        if surface.dimensions > 1:
            return cls(descent, dark, *surface.box[1])
        losses = surface.value(torch.from_numpy(np.linspace(*surface.box[0], CURVE_POINTS)[:, None])).numpy()
        margin = CURVE_MARGIN * float(np.ptp(losses))
        return cls(descent, dark, float(losses.min()) - margin, float(losses.max()) + margin)

    @property
    def header_height(self) -> int:
        """Height of what is above the plot, in points."""
        return TITLE_HEIGHT + ROW_HEIGHT * len(self.descent.recipes) + PLOT_GAP

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a frame, in points."""
        return LEFT_MARGIN + PLOT_WIDTH + RIGHT_MARGIN, self.header_height + PLOT_HEIGHT + BOTTOM_MARGIN

    @property
    def ink(self) -> Colour:
        """Colour of text."""
        return rgb((DARK_THEME if self.dark else LIGHT_THEME)["title"]["color"])

    @property
    def paper(self) -> Colour:
        """Colour of the background."""
        return rgb((DARK_THEME if self.dark else LIGHT_THEME)["background"])

    @property
    def colours(self) -> list[Colour]:
        """Colours of the recipes."""
        return [rgb(colour) for colour in trajectory_colours(len(self.descent.recipes), dark=self.dark)]

    @property
    def names(self) -> list[str]:
        """Names of the recipes."""
        return recipe_names(self.descent)

    def pixel(self, position: Array, loss: float) -> Pixel | None:
        """Return where a position lies, in pixels from the plot's top left; ``None`` where that is far outside.

        Args:
            position: Position on the surface, ``[D]``.
            loss: Loss at the position: its height where the surface has one dimension.
        """
        left, right = self.descent.surface.box[0]
        x, y = float(position[0]), float(position[1]) if len(position) > 1 else loss
        across, up = (x - left) / (right - left), (y - self.bottom) / (self.top - self.bottom)
        if not max(abs(across), abs(up)) < MAX_DISTANCE:  # NaN as well
            return None
        return PIXELS_PER_POINT * PLOT_WIDTH * across, PIXELS_PER_POINT * PLOT_HEIGHT * (1.0 - up)

    def plot_corner(self) -> tuple[int, int]:
        """Return the plot's top left corner in a frame, in pixels."""
        return PIXELS_PER_POINT * LEFT_MARGIN, PIXELS_PER_POINT * self.header_height

    def background(self) -> Image.Image:
        """Return a frame without trajectories and without text: the surface on its axes."""
        width, height = self.size
        frame = Image.new("RGB", (PIXELS_PER_POINT * width, PIXELS_PER_POINT * height), self.paper)
        frame.paste(self._plot(), (0, PIXELS_PER_POINT * self.header_height - PIXELS_PER_POINT * PLOT_GAP // 2))
        return frame

    def _plot(self) -> Image.Image:
        """Return the surface on its axes as Vega draws them, from half a gap above it to the lower edge."""
        config = {key: value for key, value in (DARK_THEME if self.dark else LIGHT_THEME).items() if key != "title"}
        in_plane = self.descent.surface.dimensions > 1
        chart = alt.LayerChart(
            layer=[self._area()] if in_plane else [self._area(), self._outline()],
            width=PLOT_WIDTH,
            height=PLOT_HEIGHT,
            autosize=alt.AutoSizeParams(type="none"),
            padding={"left": LEFT_MARGIN, "right": RIGHT_MARGIN, "top": PLOT_GAP // 2, "bottom": BOTTOM_MARGIN},
        ).configure(**config)
        buffer = io.BytesIO()
        chart.save(buffer, format="png", scale_factor=PIXELS_PER_POINT)
        picture = Image.open(buffer).convert("RGB")
        if in_plane:
            size = PIXELS_PER_POINT * PLOT_WIDTH, PIXELS_PER_POINT * PLOT_HEIGHT
            contours = loss_image(self.descent.surface, *size, dark=self.dark).convert("RGB")
            self._draw_minima(contours)
            picture.paste(contours, (PIXELS_PER_POINT * LEFT_MARGIN, PIXELS_PER_POINT * PLOT_GAP // 2))
        return picture

    def _draw_minima(self, plot: Image.Image) -> None:
        """Draw a cross at each minimum."""
        draw, arm = ImageDraw.Draw(plot), CROSS_ARM * PIXELS_PER_POINT
        for minimum in self.descent.surface.minima:
            pixel = self.pixel(np.array(minimum), 0.0)
            if pixel is not None:
                x, y = pixel
                draw.line([(x - arm, y), (x + arm, y)], fill=self.ink, width=PIXELS_PER_POINT)
                draw.line([(x, y - arm), (x, y + arm)], fill=self.ink, width=PIXELS_PER_POINT)

    def _x(self) -> alt.X:
        left, right = self.descent.surface.box[0]
        axis = alt.Axis(grid=False, values=linear_ticks(left, right, max_ticks=9), format="~g")
        return alt.X("x:Q", title="x", scale=alt.Scale(domain=[left, right], nice=False, zero=False), axis=axis)

    def _y(self) -> alt.Y:
        in_plane = self.descent.surface.dimensions > 1
        axis = alt.Axis(grid=not in_plane, values=linear_ticks(self.bottom, self.top, max_ticks=7), format="~g")
        scale = alt.Scale(domain=[self.bottom, self.top], nice=False, zero=False)
        return alt.Y("y:Q", title="y" if in_plane else "loss", scale=scale, axis=axis)

    def _curve(self) -> alt.Chart:
        """Return the loss over one dimension; in two dimensions only the axes of the chart matter."""
        surface = self.descent.surface
        points = np.linspace(*surface.box[0], CURVE_POINTS)
        losses = surface.value(torch.from_numpy(points[:, None])).numpy() if surface.dimensions < 2 else points * 0.0
        rows = ({"x": x, "y": y} for x, y in zip(points.tolist(), losses.tolist(), strict=True))
        return alt.Chart(inline_data(rows)).encode(self._x(), self._y())

    def _area(self) -> alt.Chart:
        opacity = 1.0 if self.descent.surface.dimensions < 2 else 0.0
        area: alt.Chart = self._curve().mark_area(style="outside", opacity=opacity).encode(y2=alt.datum(self.bottom))
        return area

    def _outline(self) -> alt.Chart:
        line: alt.Chart = self._curve().mark_line(style="drawn", strokeWidth=1.5, opacity=0.6)
        return line


def rgb(text: str) -> Colour:
    """Return red, green and blue, 0 to 255, of a colour as ``#0072B2``."""
    red, green, blue = ImageColor.getrgb(text)[:3]
    return red, green, blue


def blend_with_paper(colour: Colour, paper: Colour, *, share: float) -> Colour:
    """Return a mixture of two colours.

    Args:
        colour: The colour.
        paper: Colour of the background.
        share: Share of the background in the mixture, 0 to 1.
    """
    red, green, blue = (round(share * b + (1.0 - share) * a) for a, b in zip(colour, paper, strict=True))
    return red, green, blue


def font(size: int) -> ImageFont.FreeTypeFont:
    """Return the font that comes with Pillow, the same on every machine.

    Args:
        size: Size in points.
    """
    loaded = ImageFont.load_default(size * PIXELS_PER_POINT)
    if not isinstance(loaded, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType.")
    return loaded
