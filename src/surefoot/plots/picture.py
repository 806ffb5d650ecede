"""A chart -> a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, cast

from surefoot.errors import OutputError, nearest
from surefoot.files import atomic_path
from surefoot.plots.theme import Figure

SUFFIXES = (".png", ".svg", ".html")
# A picture is to be sharp on screens with two pixels a point.
PIXELS_PER_POINT = 2


def save(chart: Figure, path: Path | str) -> None:
    """Write a chart as PNG, SVG or HTML that needs no network, by the path's suffix; whole or not at all.

    Raises:
        OutputError: If the suffix is another one, or the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        hint = nearest(suffix, SUFFIXES) or f"as in {path.with_suffix('.png').name if path.name else 'chart.png'}"
        raise OutputError(f"a picture ends in {', '.join(SUFFIXES)}; given {str(path)!r}.", hint=hint)
    options: dict[str, Any] = {"scale_factor": PIXELS_PER_POINT} if suffix == ".png" else {}
    options |= {"inline": True} if suffix == ".html" else {}
    with atomic_path(path) as temporary:
        chart.save(temporary, format=cast('Literal["png", "svg", "html"]', suffix[1:]), **options)
