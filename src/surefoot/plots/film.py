"""Films of descents, frame by frame: GIF anywhere, MP4 where PyAV is installed."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from surefoot.core.errors import OutputError, did_you_mean
from surefoot.core.files import atomic_path
from surefoot.core.formatting import format_measurement
from surefoot.plots.chart import PIXELS_PER_POINT, check_folder
from surefoot.plots.film_background import (
    FONT_SIZE,
    MARKER_RADIUS,
    PLOT_HEIGHT,
    PLOT_WIDTH,
    RIGHT_MARGIN,
    ROW_HEIGHT,
    TITLE_FONT_SIZE,
    TITLE_HEIGHT,
    Colour,
    FilmCanvas,
    Pixel,
    blend_with_paper,
    font,
)
from surefoot.surfaces.descent import Descent, Event, EventKind

FILM_SUFFIXES = (".gif", ".mp4")
# Largest number of frames besides the last; of longer descents every n-th step is shown. 240 last 12 seconds.
MAX_FRAMES = 240
# Frames a second. GIF counts in hundredths of a second, and players slow down what is faster than 50.
MAX_FPS, DEFAULT_FPS = 50, 20
# How long the last frame stays, in seconds, before a GIF starts again.
LAST_FRAME_SECONDS = 2.0
# Share of the paper's colour in a trail, so that the marker at its end stands out.
TRAIL_PAPER_SHARE = 0.5
# Colours of a GIF, and the mixtures with paper that markers, trails and their smooth edges need among them.
PALETTE_SIZE, PALETTE_PAPER_SHARES = 256, (0.0, 0.25, TRAIL_PAPER_SHARE, 0.75)
# Left and right of text, in points.
TEXT_MARGIN = 16
EVENT_VERBS = {
    EventKind.OVERSHOOT: "overshoots",
    EventKind.OSCILLATION: "oscillates",
    EventKind.ESCAPE: "escapes",
    EventKind.ARRIVAL: "arrives",
    EventKind.DIVERGENCE: "diverges",
}


def animate(descent: Descent, path: Path | str, *, fps: int = DEFAULT_FPS, dark: bool = False) -> None:
    """Write a descent as a film: every recipe moves over the surface step by step, with its events and loss in words.

    A frame shows one step; of more than 240 steps every n-th is shown, and the last. The last frame stays for two
    seconds. A GIF is 724 pixels wide; an MP4 (H.264) has twice as many pixels each way.

    Args:
        descent: What :func:`surefoot.descend` returned, of at most 7 recipes.
        path: Path of the film, ending in ``.gif`` or, where PyAV is installed, ``.mp4``.
        fps: Frames a second, 1 to 50.
        dark: Whether the background is dark.

    Raises:
        OutputError: If the film cannot be written, or there are more recipes than colours.
        TypeError: If it is not a descent.

    Example:
        >>> import surefoot, tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> animate(surefoot.descend("ravine", ["sgd(lr=0.5)", "adam(lr=0.5)"], steps=5), folder / "descent.gif")
        >>> with Image.open(folder / "descent.gif") as film:
        ...     film.n_frames
        6
    """
    if not isinstance(descent, Descent):
        raise TypeError(
            f"a film shows a descent; given {type(descent).__name__}. To film a descent on a slice: "
            "animate(surefoot.descend(result.surface, recipes, steps=100), path)."
        )
    check_animation(path)
    if not 1 <= fps <= MAX_FPS:
        raise OutputError(f"a film has 1 to {MAX_FPS} frames a second; given {fps}.")
    path = Path(path)
    canvas = FilmCanvas.of(descent, dark=dark)
    frames = film_frames(canvas)
    with atomic_path(path) as temporary:
        if path.suffix.lower() == ".gif":
            _write_gif(frames, temporary, canvas, fps=fps)
        else:
            _write_mp4(frames, temporary, canvas, fps=fps)


def check_animation(path: Path | str) -> None:
    """Make sure that a film can be written, before any work for it is done.

    Args:
        path: Path of the film.

    Raises:
        OutputError: If the suffix is not one of a film, PyAV is missing for an MP4, or the folder does not exist.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in FILM_SUFFIXES:
        hint = did_you_mean(suffix, FILM_SUFFIXES)
        raise OutputError(f"a film ends in {' or '.join(FILM_SUFFIXES)}; given {str(path)!r}.", hint=hint)
    if suffix == ".mp4" and importlib.util.find_spec("av") is None:
        raise OutputError(
            f"an MP4 needs PyAV, which is not installed; given {str(path)!r}.",
            hint=f"pip install av, or write {path.with_suffix('.gif').name!r}, which needs nothing.",
        )
    check_folder(path)


def frame_steps(steps: int) -> list[int]:
    """Return the steps that a film shows: all, or of very many every n-th and the last.

    Args:
        steps: Steps of the descent.

    Example:
        >>> frame_steps(3), len(frame_steps(1000)), frame_steps(1000)[-2:]
        ([0, 1, 2, 3], 201, [995, 1000])
    """
    every = math.ceil(steps / MAX_FRAMES)
    return sorted({*range(0, steps + 1, every), steps})


def film_frames(canvas: FilmCanvas) -> Iterator[Image.Image]:
    """Yield a frame for each step that is shown, at two pixels to a point.

    A frame has a marker where each recipe is, its trail, and in words the step, the losses and the events so far.

    Args:
        canvas: The canvas of the descent.
    """
    background, corner = canvas.background(), canvas.plot_corner()
    right, bottom = corner[0] + PIXELS_PER_POINT * PLOT_WIDTH, corner[1] + PIXELS_PER_POINT * PLOT_HEIGHT
    plot = background.crop((*corner, right, bottom))
    happened = canvas.descent.events
    previous = 0
    for step in frame_steps(canvas.descent.steps):
        _draw_trails(plot, canvas, previous, step)
        frame = background.copy()
        frame.paste(plot, corner)
        _draw_markers(frame, canvas, step)
        _draw_text(frame, canvas, step, happened)
        previous = step
        yield frame


def _draw_trails(plot: Image.Image, canvas: FilmCanvas, previous: int, step: int) -> None:
    """Add to the plot what the recipes have moved since the previous frame."""
    draw = ImageDraw.Draw(plot)
    in_plane = canvas.descent.surface.dimensions > 1
    for k, colour in enumerate(canvas.colours):
        pixels = [_pixel(canvas, k, each) for each in range(previous, step + 1)]
        faint = blend_with_paper(colour, canvas.paper, share=TRAIL_PAPER_SHARE)
        for start, end in pairwise(pixels):
            if in_plane and start is not None and end is not None:
                draw.line([start, end], fill=faint, width=2 * PIXELS_PER_POINT)
        for pixel in pixels:
            if pixel is not None:
                _draw_disc(draw, pixel, 2 * PIXELS_PER_POINT, faint)


def _draw_markers(frame: Image.Image, canvas: FilmCanvas, step: int) -> None:
    """Draw a marker with a rim of paper for each recipe that is inside the plot."""
    draw, (left, top) = ImageDraw.Draw(frame), canvas.plot_corner()
    for k, colour in enumerate(canvas.colours):
        pixel = _pixel(canvas, k, step)
        if pixel is not None and _is_inside(pixel):
            middle = left + pixel[0], top + pixel[1]
            _draw_disc(draw, middle, (MARKER_RADIUS + 2) * PIXELS_PER_POINT, canvas.paper)
            _draw_disc(draw, middle, MARKER_RADIUS * PIXELS_PER_POINT, colour)


def _draw_text(frame: Image.Image, canvas: FilmCanvas, step: int, happened: Sequence[Sequence[Event]]) -> None:
    """Draw the title with the step, and a row for each recipe: its name and its status."""
    draw, descent = ImageDraw.Draw(frame), canvas.descent
    large, small = font(TITLE_FONT_SIZE), font(FONT_SIZE)
    left, right = PIXELS_PER_POINT * TEXT_MARGIN, PIXELS_PER_POINT * (canvas.size[0] - RIGHT_MARGIN)
    middle = PIXELS_PER_POINT * TITLE_HEIGHT // 2
    draw.text((left, middle), descent.surface.name, font=large, fill=canvas.ink, anchor="lm")
    draw.text((right, middle), f"step {step:,} of {descent.steps:,}", font=large, fill=canvas.ink, anchor="rm")
    for k, (name, colour) in enumerate(zip(canvas.names, canvas.colours, strict=True)):
        y = PIXELS_PER_POINT * (TITLE_HEIGHT + k * ROW_HEIGHT + ROW_HEIGHT // 2)
        _draw_disc(draw, (left + PIXELS_PER_POINT * MARKER_RADIUS, y), MARKER_RADIUS * PIXELS_PER_POINT, colour)
        status = _status(canvas, k, step, happened[k])
        draw.text((right, y), status, font=small, fill=canvas.ink, anchor="rm")
        start = left + 3 * PIXELS_PER_POINT * MARKER_RADIUS
        room = right - start - draw.textlength(status, small) - left
        draw.text((start, y), _truncated(name, small, room), font=small, fill=canvas.ink, anchor="lm")


def _status(canvas: FilmCanvas, k: int, step: int, happened: Sequence[Event]) -> str:
    """Return what has happened to a recipe so far, whether it is outside the plot, and its loss unless it diverged."""
    past = [event for event in happened if event.step <= step]
    parts = [f"{EVENT_VERBS[event.kind]} at {event.step:,}" for event in past]
    if any(event.kind is EventKind.DIVERGENCE for event in past):
        return ", ".join(parts)
    pixel = _pixel(canvas, k, step)
    outside = [] if pixel is not None and _is_inside(pixel) else ["outside the plot"]
    return ", ".join([*parts, *outside, f"loss {format_measurement(float(canvas.descent.losses[k, step]))}"])


def _pixel(canvas: FilmCanvas, k: int, step: int) -> Pixel | None:
    return canvas.pixel(canvas.descent.positions[k, step], float(canvas.descent.losses[k, step]))


def _is_inside(pixel: Pixel) -> bool:
    return 0 <= pixel[0] <= PIXELS_PER_POINT * PLOT_WIDTH and 0 <= pixel[1] <= PIXELS_PER_POINT * PLOT_HEIGHT


def _draw_disc(draw: ImageDraw.ImageDraw, middle: Pixel, radius: int, colour: Colour) -> None:
    x, y = middle
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _truncated(text: str, of: ImageFont.FreeTypeFont, room: float) -> str:
    """Return a text, or as much of its beginning as there is room for, in pixels."""
    if of.getlength(text) <= room:
        return text
    return next((short for end in range(len(text), 0, -1) if of.getlength(short := text[:end] + "...") <= room), "")


def _write_gif(frames: Iterator[Image.Image], path: Path, canvas: FilmCanvas, *, fps: int) -> None:
    """Write all frames in one palette, in which the recipes' colours are exact."""
    first = next(frames)
    palette = _palette(first, canvas)
    milliseconds = round(1000 / fps / 10) * 10
    count = len(frame_steps(canvas.descent.steps))
    durations = [milliseconds] * (count - 1) + [round(1000 * LAST_FRAME_SECONDS)]
    rest = (_downscaled(frame, palette) for frame in frames)
    _downscaled(first, palette).save(
        path, format="gif", save_all=True, append_images=rest, duration=durations, loop=0, disposal=1
    )


def _palette(frame: Image.Image, canvas: FilmCanvas) -> Image.Image:
    """Return an image with the palette of a GIF: the recipes' colours and trails, and what suits the background."""
    exact = [
        blend_with_paper(each, canvas.paper, share=share) for share in PALETTE_PAPER_SHARES for each in canvas.colours
    ]
    exact += [canvas.paper, canvas.ink]
    others = PALETTE_SIZE - len(exact)
    quantized = frame.quantize(others, dither=Image.Dither.NONE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*(value for colour in exact for value in colour), *quantized[: 3 * others]])
    return palette


def _downscaled(frame: Image.Image, palette: Image.Image) -> Image.Image:
    """Return a frame at one pixel to a point, in a palette."""
    return frame.reduce(PIXELS_PER_POINT).quantize(palette=palette, dither=Image.Dither.NONE)


def _write_mp4(frames: Iterator[Image.Image], path: Path, canvas: FilmCanvas, *, fps: int) -> None:
    """Write H.264 that plays anywhere, with its index first, so that a browser can start before the end is loaded."""
    import av  # noqa: PLC0415  (an optional dependency)

    try:
        with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=fps, options={"crf": "18"})
            stream.pix_fmt = "yuv420p"
            stream.time_base = Fraction(1, fps)
            stream.width, stream.height = (PIXELS_PER_POINT * length for length in canvas.size)
            frame = None
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_image(frame)))
            for _ in range(round(LAST_FRAME_SECONDS * fps)):
                container.mux(stream.encode(av.VideoFrame.from_image(frame)))
            container.mux(stream.encode(None))
    except av.FFmpegError as error:
        raise OutputError(f"cannot write {path.name!r}: {error}.", hint="write a .gif instead.") from error
