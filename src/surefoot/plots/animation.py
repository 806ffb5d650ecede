"""A descent -> a film in a file: GIF anywhere, MP4 where PyAV is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from PIL import Image

from surefoot.errors import OutputError, nearest
from surefoot.files import atomic_path
from surefoot.plots.film import FAINT, pictures, steps_shown
from surefoot.plots.picture import require_folder
from surefoot.plots.stage import SCALE, Stage, mixed
from surefoot.surfaces.descent import Descent

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
