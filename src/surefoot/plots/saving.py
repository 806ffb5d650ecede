"""Charts that a notebook shows without a network: Altair's own way there fetches its script from a server.

A chart -> a file.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Literal, cast

from surefoot.core.errors import OutputError, nearest
from surefoot.core.files import atomic_path
from surefoot.plots.theme import Figure

SUFFIXES = (".png", ".svg", ".html")
# A picture is to be sharp on screens with two pixels a point.
PIXELS_PER_POINT = 2


def png(chart: Figure) -> bytes:
    """Return a chart as a PNG of two pixels a point."""
    buffer = io.BytesIO()
    chart.save(buffer, format="png", scale_factor=PIXELS_PER_POINT)
    return buffer.getvalue()


def check_picture(path: Path | str) -> None:
    """Make sure that a picture can be written there, before any work for it is done.

    Raises:
        OutputError: If the suffix is none of a picture's, or the folder cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        alike = nearest(path.suffix.lower(), SUFFIXES)
        hint = alike or f"as in {path.with_suffix('.png').name if path.name else 'chart.png'}"
        raise OutputError(f"a picture ends in {', '.join(SUFFIXES)}; given {str(path)!r}.", hint=hint)
    require_folder(path)


def require_folder(path: Path) -> None:
    """Make sure that a file's folder is there.

    Raises:
        OutputError: If it is not.
    """
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {str(path)!r}: its folder does not exist.", hint=f"make {str(path.parent)!r}.")


def write_chart(chart: Figure, path: Path | str) -> None:
    """Write a chart as PNG, SVG or HTML that needs no network, by the path's suffix; whole or not at all.

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
