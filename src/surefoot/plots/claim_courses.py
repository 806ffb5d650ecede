"""Training losses over steps of a few trainings that a claim compares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import altair as alt
import numpy as np

from surefoot.explanation.course import CEILING
from surefoot.explanation.figure import Courses, Line
from surefoot.plots.axes import loss_scale
from surefoot.plots.inline import Row, inline
from surefoot.plots.theme import finished, layered

# A loss so many times the start has left the picture.
TOP = 3.0
# Names of at most so many letters go three in a line, two, and one: on a telephone they must fit.
SHORT, MIDDLING = 9, 14
Y_TITLE = "training loss / loss at the start"


def claim_courses(figure: Courses) -> alt.LayerChart:
    """Return training losses: thin lines are seeds, thick ones their geometric mean."""
    names = [line.name for line in figure.lines]
    seeds = [row for line in figure.lines for row in _seed_rows(line)]
    means = [row for line in figure.lines for row in _mean_rows(line)]
    every = np.concatenate([line.y.ravel() for line in figure.lines])
    scale, axis = loss_scale([float(every.min()), 1.0], ceiling=min(TOP, max(1.0, float(every.max()))))
    last = max(float(line.x[-1]) for line in figure.lines)
    x = alt.X("step:Q", title="step", axis=alt.Axis(tickCount=6, format=",~f"), scale=alt.Scale(domain=[0, last]))
    y = alt.Y("loss:Q", title=Y_TITLE, scale=scale, axis=axis)
    colour = alt.Color("name:N", scale=alt.Scale(domain=names), legend=name_legend(names))
    thin = alt.Chart(inline(seeds)).mark_line(strokeWidth=1, opacity=0.35, clip=True)
    thick = alt.Chart(inline(means)).mark_line(clip=True)
    layers = [thin.encode(x, y, detail="seed:N", color=colour), thick.encode(x, y, color=colour)]
    chart: alt.LayerChart = finished(
        layered(*layers),
        figure.title,
        subtitle=f"Running means of the training loss; thin: {len(figure.lines[0].y)} seeds, thick: their mean.",
    )
    return chart


def name_legend(names: Sequence[str]) -> alt.Legend:
    """Return the legend of lines by name, so that all of it is seen on a telephone, too."""
    longest = max(map(len, names))
    columns = 3 if longest <= SHORT else 2 if longest <= MIDDLING else 1
    return alt.Legend(orient="top", title=None, symbolType="stroke", symbolOpacity=1.0, columns=columns)


def _seed_rows(line: Line) -> Iterator[Row]:
    for seed, losses in enumerate(line.y):
        for step, loss in zip(line.x.tolist(), losses.tolist(), strict=True):
            yield {"name": line.name, "seed": seed, "step": step, "loss": min(loss, CEILING)}


def _mean_rows(line: Line) -> Iterator[Row]:
    means = np.exp(np.log(np.maximum(line.y, 1e-9)).mean(axis=0))
    for step, loss in zip(line.x.tolist(), means.tolist(), strict=True):
        yield {"name": line.name, "step": step, "loss": loss}
