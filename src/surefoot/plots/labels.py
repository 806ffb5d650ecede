"""Names beside what they name, where they hide the least."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import altair as alt

# Where something lies, as shares of the axes from the top left.
Place: TypeAlias = tuple[float, float]
# Width of a letter and of pictures, the usual one and a telephone's, and from a ring to its name; in points.
LETTER, USUAL, NARROW, AWAY = 7.0, 560.0, 240.0, 14


@dataclass(frozen=True, slots=True)
class Side:
    """Where a name stands relative to its ring.

    Attributes:
        align, dx, dy: Its anchor and offset in points.
        box: What it covers (left, right, above, below) as shares of a picture of usual width.
        room: How far it reaches to the left and right in the narrowest picture, a telephone's.
    """

    align: Literal["left", "center", "right"]
    dx: int
    dy: int
    box: tuple[float, float, float, float]
    room: tuple[float, float]

    def covered(self, place: Place) -> list[Place]:
        """Return places all over the name of what lies at a place."""
        left, right, above, below = self.box
        steps = (0.0, 0.25, 0.5, 0.75, 1.0)
        return [
            (place[0] + left + (right - left) * x, place[1] + above + (below - above) * y) for x in steps for y in steps
        ]


def sides(name: str) -> tuple[Side, ...]:
    """Return where a name can stand: to the right, to the left, above, below."""
    usual, narrow = (LETTER * len(name) / width for width in (USUAL, NARROW))
    aside, reach = AWAY / USUAL, AWAY / NARROW + narrow
    return (
        Side("left", AWAY, 0, (aside, aside + usual, -0.03, 0.03), (0.0, reach)),
        Side("right", -AWAY, 0, (-aside - usual, -aside, -0.03, 0.03), (-reach, 0.0)),
        Side("center", 0, -20, (-usual / 2, usual / 2, -0.09, -0.03), (-narrow / 2, narrow / 2)),
        Side("center", 0, 20, (-usual / 2, usual / 2, 0.03, 0.09), (-narrow / 2, narrow / 2)),
    )


def freest(name: str, place: Place, taken: Sequence[Place]) -> Side:
    """Return the side of a place that lies in the picture and where the name hides the fewest of what is taken."""
    return min(sides(name), key=lambda side: hidden(side, place, taken))


def hidden(side: Side, place: Place, taken: Sequence[Place]) -> int:
    """Return how many of what is taken a name hides; more than all where it leaves the picture."""
    across, down = place
    left, right, above, below = side.box
    outside = across + side.room[0] < 0 or across + side.room[1] > 1 or not 0 <= down + above <= down + below <= 1
    return (
        sum(left <= x - across <= right and above <= y - down <= below for x, y in taken) + (len(taken) + 1) * outside
    )


def ring(base: alt.Chart, side: Side, *, roles: Sequence[str]) -> Iterator[alt.Chart]:
    """Yield a ring around one row, with its ``role`` as its name and for its colour.

    Args:
        base: The row on its axes.
        side: Where the name stands.
        roles: All that there are, in the order of their colours.
    """
    # Not the colour channel: that one is the losses'.
    colour = alt.Stroke("role:N", scale=alt.Scale(domain=list(roles)), legend=None)
    yield base.mark_point(filled=False, size=330, strokeWidth=2.5, opacity=1.0).encode(stroke=colour)
    yield from written(base, side, field="role")


def written(base: alt.Chart, side: Side, *, field: str) -> Iterator[alt.Chart]:
    """Yield the text in a field, readable over whatever lies under it."""
    for style in ("halo", "note"):
        text = base.mark_text(style=style, align=side.align, dx=side.dx, dy=side.dy, fontWeight=600)
        yield text.encode(text=f"{field}:N")
