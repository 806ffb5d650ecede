"""A film of a descent, picture by picture.

A descent -> a film in a file: GIF anywhere, MP4 where PyAV is installed.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from surefoot.core.errors import OutputError, nearest
from surefoot.core.files import atomic_path
from surefoot.core.formatting import measured
from surefoot.plots.figures import require_folder
from surefoot.plots.film_canvas import (
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
from surefoot.surfaces.descent import Descent
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


SUFFIXES = (".gif", ".mp4")
# Pictures a second; GIF counts in hundredths of a second.
FASTEST, USUAL = 50, 20
# How long the last picture stays, in seconds, before a GIF begins anew.
REST = 2.0
COLOURS = 256
# How much paper is in the colours of balls and ways, and of their edges.
SHADES = (0.0, 0.25, FAINT, 0.75)


def animate(descent: Descent, path: Path | str, *, fps: int = USUAL, dark: bool = False) -> None:
    """Write a descent as a film: the balls on their landscape, step by step, with what happens to them in words.

    A picture shows one step; of more than 240 steps every n-th is shown, and the last. The last picture stays for two
    seconds. A GIF is 724 points wide, an MP4 (H.264) has twice as many pixels.

    Args:
        descent: What :func:`surefoot.descend` returned, of at most 7 balls.
        path: Ends in ``.gif`` or, where PyAV is installed, ``.mp4``.
        fps: Pictures a second, 1 to 50.
        dark: Whether it is to lie on black.

    Raises:
        OutputError: If it cannot be written so, or there is no colour for so many balls.

    Example:
        >>> import surefoot, tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> animate(surefoot.descend("ravine", ["sgd(lr=0.5)", "adam(lr=0.5)"], steps=5), folder / "balls.gif")
        >>> with Image.open(folder / "balls.gif") as film:
        ...     film.n_frames
        6
    """
    if not isinstance(descent, Descent):
        raise TypeError(
            f"films are of descents; given {type(descent).__name__}. A slice's landscape is its surface: "
            "animate(surefoot.descend(found.surface, recipes, steps=100), path)."
        )
    check_animation(path)
    if not 1 <= fps <= FASTEST:
        raise OutputError(f"a film has 1 to {FASTEST} pictures a second; given {fps}.")
    path = Path(path)
    stage = Stage.of(descent, dark=dark)
    film = pictures(stage)
    with atomic_path(path) as temporary:
        if path.suffix.lower() == ".gif":
            _write_gif(film, temporary, stage, fps=fps)
        else:
            _write_mp4(film, temporary, stage, fps=fps)


def check_animation(path: Path | str) -> None:
    """Make sure that a film can be written there, before any work for it is done.

    Raises:
        OutputError: If the suffix is none of a film's, PyAV is missing for an MP4, or there is no such folder.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        alike = nearest(suffix, SUFFIXES)
        raise OutputError(f"a film ends in {' or '.join(SUFFIXES)}; given {str(path)!r}.", hint=alike)
    if suffix == ".mp4" and importlib.util.find_spec("av") is None:
        raise OutputError(
            f"an MP4 needs PyAV, which is not installed; given {str(path)!r}.",
            hint=f"pip install av, or write {path.with_suffix('.gif').name!r}, which needs nothing.",
        )
    require_folder(path)


def _write_gif(film: Iterator[Image.Image], path: Path, stage: Stage, *, fps: int) -> None:
    """Write all pictures in one palette, in which the balls have their own colours."""
    first = next(film)
    palette = _palette(first, stage)
    count = len(steps_shown(stage.descent.steps))
    each = round(1000 / fps / 10) * 10
    durations = [each] * (count - 1) + [round(1000 * REST)]
    rest = (_small(picture, palette) for picture in film)
    _small(first, palette).save(
        path, format="gif", save_all=True, append_images=rest, duration=durations, loop=0, disposal=1
    )


def _palette(picture: Image.Image, stage: Stage) -> Image.Image:
    """Return a picture that has 256 colours: the balls' down to their ways', and those that suit the ground best."""
    own = [mixed(colour, stage.paper, share=share) for share in SHADES for colour in stage.colours]
    own += [stage.paper, stage.ink]
    colours = picture.quantize(COLOURS - len(own), dither=Image.Dither.NONE).getpalette() or []
    kept = colours[: 3 * (COLOURS - len(own))]
    palette = Image.new("P", (1, 1))
    palette.putpalette([*(value for colour in own for value in colour), *kept])
    return palette


def _small(picture: Image.Image, palette: Image.Image) -> Image.Image:
    return picture.reduce(SCALE).quantize(palette=palette, dither=Image.Dither.NONE)


def _write_mp4(film: Iterator[Image.Image], path: Path, stage: Stage, *, fps: int) -> None:
    """Write H.264 that plays anywhere, its index first so that a browser need not wait for the end."""
    import av  # noqa: PLC0415  (optional)

    try:
        with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=fps, options={"crf": "18"})
            stream.pix_fmt = "yuv420p"
            stream.time_base = Fraction(1, fps)
            stream.width, stream.height = (SCALE * length for length in stage.size)
            picture = None
            for picture in film:
                container.mux(stream.encode(av.VideoFrame.from_image(picture)))
            for _ in range(round(REST * fps)):
                container.mux(stream.encode(av.VideoFrame.from_image(picture)))
            container.mux(stream.encode(None))
    except av.FFmpegError as error:
        raise OutputError(f"cannot write {path.name!r}: {error}.", hint="write a .gif instead.") from error
