"""A film of a descent, picture by picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

from surefoot.numerals import measured
from surefoot.plots.stage import (
    BALL,
    HEIGHT,
    RIGHT,
    ROW,
    SCALE,
    TEXT,
    TITLE,
    TITLE_TEXT,
    WIDTH,
    Colour,
    Pixel,
    Stage,
    font,
    mixed,
)
from surefoot.surfaces.events import Event, Kind, events

# Pictures that a film has at most, besides the last: longer descents are shown every n-th step.
MOST_PICTURES = 240
# How much of the paper is in a way's colour, so that the ball stands out from it.
FAINT = 0.5
# Left of the words.
MARGIN = 16
DONE = {
    Kind.OVERSHOOT: "overshoots",
    Kind.OSCILLATION: "oscillates",
    Kind.ESCAPE: "escapes",
    Kind.ARRIVAL: "arrives",
    Kind.DIVERGENCE: "diverges",
}


def steps_shown(steps: int) -> list[int]:
    """Return the steps that a film shows: all, or of very many every n-th and the last.

    Example:
        >>> steps_shown(3), len(steps_shown(1000)), steps_shown(1000)[-2:]
        ([0, 1, 2, 3], 201, [995, 1000])
    """
    every = math.ceil(steps / MOST_PICTURES)
    return sorted({*range(0, steps + 1, every), steps})


def pictures(stage: Stage) -> Iterator[Image.Image]:
    """Yield a picture for each of the steps that are shown, at ``SCALE`` pixels a point.

    Each has the balls where the descent has them, the ways that they came, and in words the step, the losses, and what
    has happened so far.
    """
    ground, corner = stage.empty(), stage.corner()
    field = ground.crop((*corner, corner[0] + SCALE * WIDTH, corner[1] + SCALE * HEIGHT))
    happened = events(stage.descent.surface, stage.descent)
    before = 0
    for step in steps_shown(stage.descent.steps):
        _ways(field, stage, before, step)
        picture = ground.copy()
        picture.paste(field, corner)
        _balls(picture, stage, step)
        _words(picture, stage, step, happened)
        before = step
        yield picture


def _ways(field: Image.Image, stage: Stage, before: int, step: int) -> None:
    """Draw what the balls have come since the picture before; what is drawn stays."""
    draw = ImageDraw.Draw(field)
    plane = stage.descent.surface.dimensions > 1
    for k, colour in enumerate(stage.colours):
        spots = [_spot(stage, k, at) for at in range(before, step + 1)]
        faint = mixed(colour, stage.paper, share=FAINT)
        for start, end in pairwise(spots):
            if plane and start is not None and end is not None:
                draw.line([start, end], fill=faint, width=2 * SCALE)
        for spot in spots:
            if spot is not None:
                _disc(draw, spot, 2 * SCALE, faint)


def _balls(picture: Image.Image, stage: Stage, step: int) -> None:
    """Draw the balls that are in the landscape."""
    draw, (left, top) = ImageDraw.Draw(picture), stage.corner()
    for k, colour in enumerate(stage.colours):
        spot = _spot(stage, k, step)
        if spot is not None and _is_inside(spot):
            middle = left + spot[0], top + spot[1]
            _disc(draw, middle, (BALL + 2) * SCALE, stage.paper)
            _disc(draw, middle, BALL * SCALE, colour)


def _words(picture: Image.Image, stage: Stage, step: int, happened: Sequence[Sequence[Event]]) -> None:
    """Write the title with the step, and a row for each ball: its recipe, and what there is to say of it."""
    draw, descent = ImageDraw.Draw(picture), stage.descent
    large, small = font(TITLE_TEXT), font(TEXT)
    right, middle = SCALE * (stage.size[0] - RIGHT), SCALE * TITLE // 2
    draw.text((SCALE * MARGIN, middle), descent.surface.name, font=large, fill=stage.ink, anchor="lm")
    draw.text((right, middle), f"step {step:,} of {descent.steps:,}", font=large, fill=stage.ink, anchor="rm")
    for k, (name, colour) in enumerate(zip(stage.names, stage.colours, strict=True)):
        y = SCALE * (TITLE + k * ROW + ROW // 2)
        _disc(draw, (SCALE * (MARGIN + BALL), y), BALL * SCALE, colour)
        said = _said(stage, k, step, happened[k])
        draw.text((right, y), said, font=small, fill=stage.ink, anchor="rm")
        begin = SCALE * (MARGIN + 3 * BALL)
        room = right - begin - draw.textlength(said, small) - SCALE * MARGIN
        draw.text((begin, y), _cut(name, small, room), font=small, fill=stage.ink, anchor="lm")


def _said(stage: Stage, k: int, step: int, happened: Sequence[Event]) -> str:
    """Return what has happened to a ball so far, and its loss.

    After a divergence there is no loss to tell; elsewhere a ball that is not seen is said to be out of the picture.
    """
    past = [event for event in happened if event.step <= step]
    words = [f"{DONE[event.kind]} at {event.step:,}" for event in past]
    if any(event.kind is Kind.DIVERGENCE for event in past):
        return ", ".join(words)
    spot = _spot(stage, k, step)
    unseen = [] if spot is not None and _is_inside(spot) else ["out of the picture"]
    return ", ".join([*words, *unseen, f"loss {measured(float(stage.descent.losses[k, step]))}"])


def _spot(stage: Stage, k: int, step: int) -> Pixel | None:
    return stage.place(stage.descent.positions[k, step], float(stage.descent.losses[k, step]))


def _is_inside(spot: Pixel) -> bool:
    return 0 <= spot[0] <= SCALE * WIDTH and 0 <= spot[1] <= SCALE * HEIGHT


def _disc(draw: ImageDraw.ImageDraw, middle: Pixel, radius: int, colour: Colour) -> None:
    x, y = middle
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _cut(text: str, of: ImageFont.FreeTypeFont, room: float) -> str:
    """Return a text, or as much of its beginning as there is room for."""
    if of.getlength(text) <= room:
        return text
    return next((short for end in range(len(text), 0, -1) if of.getlength(short := text[:end] + "...") <= room), "")
