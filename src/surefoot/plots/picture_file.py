"""Charts as picture files: PNG, SVG, or HTML that needs no network."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Literal, cast

from surefoot.core.errors import OutputError, did_you_mean
from surefoot.core.files import atomic_path
from surefoot.plots.chart import Figure

PICTURE_SUFFIXES = (".png", ".svg", ".html")
# Resolution of PNG files: sharp on screens with two pixels to a point.
PIXELS_PER_POINT = 2


def check_picture(path: Path | str) -> None:
    """Make sure that a picture can be written, before any work for it is done.

    Args:
        path: Path of the picture.

    Raises:
        OutputError: If the suffix is not one of a picture, or the folder does not exist.
    """
    path = Path(path)
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        example = f"as in {path.with_suffix('.png').name if path.name else 'chart.png'}"
        hint = did_you_mean(path.suffix.lower(), PICTURE_SUFFIXES) or example
        raise OutputError(f"a picture ends in {', '.join(PICTURE_SUFFIXES)}; given {str(path)!r}.", hint=hint)
    check_folder(path)


def check_folder(path: Path) -> None:
    """Make sure that the folder of a file exists.

    Args:
        path: Path of the file.

    Raises:
        OutputError: If the folder does not exist.
    """
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {str(path)!r}: its folder does not exist.", hint=f"make {str(path.parent)!r}.")


def write_chart(chart: Figure, path: Path | str) -> None:
    """Write a chart to a file; the suffix chooses the format. The file is written whole or not at all.

    Args:
        chart: The chart.
        path: Path of the file, ending in ``.png``, ``.svg`` or ``.html``.

    Raises:
        OutputError: If the suffix is another one, or the file cannot be written.
    """
    check_picture(path)
    path = Path(path)
    suffix = path.suffix.lower()
    options: dict[str, Any] = {"scale_factor": PIXELS_PER_POINT} if suffix == ".png" else {}
    options |= {"inline": True} if suffix == ".html" else {}
    with atomic_path(path) as temporary:
        chart.save(temporary, format=cast('Literal["png", "svg", "html"]', suffix[1:]), **options)


def png(chart: Figure) -> bytes:
    """Return a chart as the content of a PNG file with two pixels to a point."""
    buffer = io.BytesIO()
    chart.save(buffer, format="png", scale_factor=PIXELS_PER_POINT)
    return buffer.getvalue()
