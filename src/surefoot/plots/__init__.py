"""Figures of results: ``show`` one in a notebook, ``save`` it as a picture, ``animate`` a descent."""

from surefoot.plots.chart import check_picture
from surefoot.plots.figure_registry import FigureKind, figures_of, save, show, show_schedules
from surefoot.plots.film import animate, check_animation

__all__ = [
    "FigureKind",
    "animate",
    "check_animation",
    "check_picture",
    "figures_of",
    "save",
    "show",
    "show_schedules",
]
