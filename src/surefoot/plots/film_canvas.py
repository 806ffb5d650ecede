"""The stage of a film: a landscape, who the balls are, and where on it a place lies."""

from __future__ import annotations

import io
from dataclasses import dataclass

import altair as alt
import numpy as np
import torch
from PIL import Image, ImageColor, ImageDraw, ImageFont

from surefoot.plots.axes import linear_ticks
from surefoot.plots.loss_contours import ball_colours, ball_names, ground
from surefoot.plots.theme import DARK, LIGHT, inline
from surefoot.surfaces.descent import Array, Descent

# Sizes in points; everything is drawn at SCALE pixels a point.
SCALE = 2
WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, BOTTOM = 64, 20, 48
TITLE, ROW, GAP = 44, 24, 14
BALL, TITLE_TEXT, TEXT = 7, 17, 13
# Points of a hill, and the room around it as a share of its height.
LINE, ROOM = 400, 0.06
# So many times the landscape's size away nothing is drawn any more.
FAR = 20.0

Colour = tuple[int, int, int]
Pixel = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """What stays the same in all pictures of a film.

    Attributes:
        descent: Whose film it is.
        dark: Whether it is on black.
        bottom, top: The lowest and the highest value on the upright axis.
    """

    descent: Descent
    dark: bool
    bottom: float
    top: float

    @classmethod
    def of(cls, descent: Descent, *, dark: bool) -> Stage:
        """Return the stage of a descent: its surface's box, or on a line as high as its hill."""
        surface = descent.surface
        if surface.dimensions > 1:
            return cls(descent, dark, *surface.box[1])
        hill = surface.value(torch.from_numpy(np.linspace(*surface.box[0], LINE)[:, None])).numpy()
        room = ROOM * float(np.ptp(hill))
        return cls(descent, dark, float(hill.min()) - room, float(hill.max()) + room)

    @property
    def above(self) -> int:
        """What lies above the landscape: the title and a row for each ball, in points."""
        return TITLE + ROW * len(self.descent.recipes) + GAP

    @property
    def size(self) -> tuple[int, int]:
        """Of a picture, in points."""
        return LEFT + WIDTH + RIGHT, self.above + HEIGHT + BOTTOM

    @property
    def ink(self) -> Colour:
        """The colour of what is written."""
        return colour_of((DARK if self.dark else LIGHT)["title"]["color"])

    @property
    def paper(self) -> Colour:
        """The colour of the ground."""
        return colour_of((DARK if self.dark else LIGHT)["background"])

    @property
    def colours(self) -> list[Colour]:
        """Of the balls."""
        return [colour_of(each) for each in ball_colours(len(self.descent.recipes), dark=self.dark)]

    @property
    def names(self) -> list[str]:
        """Of the balls."""
        return ball_names(self.descent)

    def place(self, position: Array, loss: float) -> Pixel | None:
        """Return where a ball lies, in pixels from the landscape's top left; ``None`` where that is far out of it."""
        left, right = self.descent.surface.box[0]
        x, y = float(position[0]), float(position[1]) if len(position) > 1 else loss
        across, up = (x - left) / (right - left), (y - self.bottom) / (self.top - self.bottom)
        if not max(abs(across), abs(up)) < FAR:
            return None
        return SCALE * WIDTH * across, SCALE * HEIGHT * (1.0 - up)

    def corner(self) -> tuple[int, int]:
        """Return the landscape's top left in a picture, in pixels."""
        return SCALE * LEFT, SCALE * self.above

    def empty(self) -> Image.Image:
        """Return the picture without balls and without words: the landscape on its axes."""
        drawn = self._axes()
        whole = Image.new("RGB", (SCALE * self.size[0], SCALE * self.size[1]), self.paper)
        whole.paste(drawn, (0, SCALE * self.above - SCALE * GAP // 2))
        return whole

    def _axes(self) -> Image.Image:
        """Return the landscape on its axes as Vega draws them, from half a gap above it to the lower edge."""
        config = {key: value for key, value in (DARK if self.dark else LIGHT).items() if key != "title"}
        layers = [self._ground(), self._outline()] if self.descent.surface.dimensions < 2 else [self._ground()]
        chart = alt.LayerChart(
            layer=layers,
            width=WIDTH,
            height=HEIGHT,
            autosize=alt.AutoSizeParams(type="none"),
            padding={"left": LEFT, "right": RIGHT, "top": GAP // 2, "bottom": BOTTOM},
        ).configure(**config)
        buffer = io.BytesIO()
        chart.save(buffer, format="png", scale_factor=SCALE)
        picture = Image.open(buffer).convert("RGB")
        if self.descent.surface.dimensions > 1:
            shades = ground(self.descent.surface, SCALE * WIDTH, SCALE * HEIGHT, dark=self.dark)
            field = shades.convert("RGB")
            self._crosses(field)
            picture.paste(field, (SCALE * LEFT, SCALE * GAP // 2))
        return picture

    def _crosses(self, field: Image.Image) -> None:
        """Mark the minima on the ground."""
        draw, arm = ImageDraw.Draw(field), 5 * SCALE
        for minimum in self.descent.surface.minima:
            spot = self.place(np.array(minimum), 0.0)
            if spot is not None:
                x, y = spot
                draw.line([(x - arm, y), (x + arm, y)], fill=self.ink, width=SCALE)
                draw.line([(x, y - arm), (x, y + arm)], fill=self.ink, width=SCALE)

    def _x(self) -> alt.X:
        left, right = self.descent.surface.box[0]
        axis = alt.Axis(grid=False, values=linear_ticks(left, right, most=9), format="~g")
        return alt.X("x:Q", title="x", scale=alt.Scale(domain=[left, right], nice=False, zero=False), axis=axis)

    def _y(self) -> alt.Y:
        plane = self.descent.surface.dimensions > 1
        axis = alt.Axis(grid=not plane, values=linear_ticks(self.bottom, self.top, most=7), format="~g")
        scale = alt.Scale(domain=[self.bottom, self.top], nice=False, zero=False)
        return alt.Y("y:Q", title="y" if plane else "loss", scale=scale, axis=axis)

    def _hill(self) -> alt.Chart:
        surface = self.descent.surface
        places = np.linspace(*surface.box[0], LINE)
        heights = surface.value(torch.from_numpy(places[:, None])).numpy() if surface.dimensions < 2 else places * 0.0
        rows = ({"x": x, "y": y} for x, y in zip(places.tolist(), heights.tolist(), strict=True))
        return alt.Chart(inline(rows)).encode(self._x(), self._y())

    def _ground(self) -> alt.Chart:
        opacity = 1.0 if self.descent.surface.dimensions < 2 else 0.0
        area: alt.Chart = self._hill().mark_area(style="outside", opacity=opacity).encode(y2=alt.datum(self.bottom))
        return area

    def _outline(self) -> alt.Chart:
        line: alt.Chart = self._hill().mark_line(style="drawn", strokeWidth=1.5, opacity=0.6)
        return line


def colour_of(text: str) -> Colour:
    """Return a colour's red, green and blue."""
    red, green, blue = ImageColor.getrgb(text)[:3]
    return red, green, blue


def mixed(colour: Colour, paper: Colour, *, share: float) -> Colour:
    """Return a colour with a share of the paper's in it."""
    red, green, blue = (round(share * b + (1.0 - share) * a) for a, b in zip(colour, paper, strict=True))
    return red, green, blue


def font(size: int) -> ImageFont.FreeTypeFont:
    """Return the type that comes with Pillow, in points: the same on every machine."""
    found = ImageFont.load_default(size * SCALE)
    if not isinstance(found, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType.")
    return found
