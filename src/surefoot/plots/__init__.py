"""Figures from results: ``show`` one in a notebook, ``save`` it as a picture, ``animate`` a descent."""

from surefoot.plots.figures import check_picture, save, show, show_schedules
from surefoot.plots.film import animate, check_animation

__all__ = ["animate", "check_animation", "check_picture", "save", "show", "show_schedules"]
