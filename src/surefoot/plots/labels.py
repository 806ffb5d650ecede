"""Labels next to the points that they name, placed where they hide the fewest other points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import altair as alt

from surefoot.plots.theme import FIGURE_WIDTH

# A position on a chart, as shares of its width and height from the top left.
AxesPosition: TypeAlias = tuple[float, float]

# In points: the mean width of a letter at 12 points, the width of a chart on a phone, and the distances from a ring's
# middle to a label next to it, and to one above or below it.
LETTER_WIDTH, PHONE_WIDTH, OFFSET_SIDEWAYS, OFFSET_UPWARDS = 7.0, 240.0, 14, 20
# Height of a label, and its distance from the middle of its ring where it stands above or below, as shares of the
# height of a chart.
LABEL_HEIGHT, LABEL_DISTANCE = 0.06, 0.03


@dataclass(frozen=True, slots=True)
class LabelPosition:
    """Where a label stands relative to the point that it names.

    Attributes:
        align: Which end of the label its anchor is.
        dx: Offset of the anchor to the right, in points.
        dy: Offset of the anchor downwards, in points.
        box: Left, right, top and bottom of the label relative to the point, as shares of a chart of the usual size.
        reach: How far the label reaches to the left and to the right of the point, as shares of the width of a chart on
            a phone, the narrowest.
    """

    align: Literal["left", "center", "right"]
    dx: int
    dy: int
    box: tuple[float, float, float, float]
    reach: tuple[float, float]

    def covered_positions(self, point: AxesPosition) -> list[AxesPosition]:
        """Return a grid of 25 positions over the label.

        Args:
            point: The position of the point that the label names.
        """
        left, right, top, bottom = self.box
        steps = (0.0, 0.25, 0.5, 0.75, 1.0)
        return [
            (point[0] + left + (right - left) * x, point[1] + top + (bottom - top) * y) for x in steps for y in steps
        ]


def label_positions(label: str) -> tuple[LabelPosition, ...]:
    """Return where a label can stand: to the right of its point, to the left, above, below.

    Args:
        label: Text of the label.
    """
    width, width_on_phone = (LETTER_WIDTH * len(label) / chart for chart in (FIGURE_WIDTH, PHONE_WIDTH))
    offset, reach = OFFSET_SIDEWAYS / FIGURE_WIDTH, OFFSET_SIDEWAYS / PHONE_WIDTH + width_on_phone
    level = (-LABEL_HEIGHT / 2, LABEL_HEIGHT / 2)
    centred, centred_reach = (-width / 2, width / 2), (-width_on_phone / 2, width_on_phone / 2)
    above, below = (-LABEL_DISTANCE - LABEL_HEIGHT, -LABEL_DISTANCE), (LABEL_DISTANCE, LABEL_DISTANCE + LABEL_HEIGHT)
    return (
        LabelPosition("left", OFFSET_SIDEWAYS, 0, (offset, offset + width, *level), (0.0, reach)),
        LabelPosition("right", -OFFSET_SIDEWAYS, 0, (-offset - width, -offset, *level), (-reach, 0.0)),
        LabelPosition("center", 0, -OFFSET_UPWARDS, (*centred, *above), centred_reach),
        LabelPosition("center", 0, OFFSET_UPWARDS, (*centred, *below), centred_reach),
    )


def best_label_position(label: str, point: AxesPosition, occupied: Sequence[AxesPosition]) -> LabelPosition:
    """Return the position of a label that lies inside the chart and hides the fewest occupied positions.

    Args:
        label: Text of the label.
        point: The position of the point that it names.
        occupied: Positions that should stay visible.
    """
    return min(label_positions(label), key=lambda position: count_covered(position, point, occupied))


def count_covered(position: LabelPosition, point: AxesPosition, occupied: Sequence[AxesPosition]) -> int:
    """Return how many occupied positions a label hides; more than there are where it leaves the chart.

    Args:
        position: Where the label stands.
        point: The position of the point that it names.
        occupied: Positions that should stay visible.
    """
    x, y = point
    left, right, top, bottom = position.box
    to_left, to_right = position.reach
    outside = x + to_left < 0 or x + to_right > 1 or not 0 <= y + top <= y + bottom <= 1
    covered = sum(left <= other_x - x <= right and top <= other_y - y <= bottom for other_x, other_y in occupied)
    return covered + (len(occupied) + 1) * outside


def labelled_ring(base: alt.Chart, position: LabelPosition, *, roles: Sequence[str]) -> Iterator[alt.Chart]:
    """Yield a ring around the one point of a chart, labelled with its field ``role``.

    Args:
        base: Chart of one row, with its axes.
        position: Where the label stands.
        roles: All roles of the figure, in the order of their colours.
    """
    # Not the colour channel, which is taken by the losses.
    colour = alt.Stroke("role:N", scale=alt.Scale(domain=list(roles)), legend=None)
    yield base.mark_point(filled=False, size=330, strokeWidth=2.5, opacity=1.0).encode(stroke=colour)
    yield from outlined_text(base, position, field="role")


def outlined_text(base: alt.Chart, position: LabelPosition, *, field: str) -> Iterator[alt.Chart]:
    """Yield text with an outline in the colour of the paper, readable over any marks.

    Args:
        base: Chart of the rows, with its axes.
        position: Where the text stands.
        field: Field that holds the text.
    """
    for style in ("halo", "note"):
        text = base.mark_text(style=style, align=position.align, dx=position.dx, dy=position.dy, fontWeight=600)
        yield text.encode(text=f"{field}:N")
