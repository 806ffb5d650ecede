"""Lines of figures from sweeps."""

from __future__ import annotations

import numpy as np

from surefoot.explanation.figure import Line
from surefoot.explanation.survey import Sweep
from surefoot.numerals import numeral

# As many points as a line shows.
POINTS = 110


def rate_name(sweep: Sweep, place: int) -> str:
    """Return what a training is called: its kind and its learning rate."""
    return f"{sweep.kind.name}, {lr_name(sweep, place)}"


def lr_name(sweep: Sweep, place: int) -> str:
    """Return what a training is called among others of its kind: its learning rate."""
    return f"lr {numeral(float(sweep.rates[place]))}"


def course_line(sweep: Sweep, place: int, name: str) -> Line:
    """Return the course of one training on all seeds, thinned."""
    steps = sweep.courses.shape[-1]
    shown = np.unique(np.linspace(0, steps - 1, min(steps, POINTS)).round().astype(np.int64))
    return Line(name, shown.astype(np.float64) + 1.0, sweep.courses[place][:, shown])


def end_line(sweep: Sweep, *, name: str | None = None, effective: bool = False, valid: bool = False) -> Line:
    """Return where trainings end on all seeds, over their learning rate or over lr / (1 - momentum)."""
    x = sweep.kind.effective(sweep.rates) if effective else sweep.rates
    ends = sweep.valid_ends if valid else sweep.ends
    return Line(name or sweep.kind.name, x, ends.T)
