"""Data inside a chart's specification: plain rows, no table library, no limit, nothing fetched."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import altair as alt

Cell: TypeAlias = "str | int | float | bool | None"
Row: TypeAlias = Mapping[str, Cell]


def inline(rows: Iterable[Row]) -> alt.InlineData:
    """Return rows as a chart's data; what is not finite becomes null, and floats keep six digits."""
    return alt.InlineData(values=[{key: _cell(value) for key, value in row.items()} for row in rows])


def _cell(value: Cell) -> Cell:
    if not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if math.isfinite(value) else None
