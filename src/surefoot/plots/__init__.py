"""Figures from results: ``show`` one in a notebook, ``save`` it as a picture, ``animate`` a descent."""

from surefoot.plots.animation import animate, check_animation
from surefoot.plots.notebook import save, show, show_schedules
from surefoot.plots.picture import check_picture

__all__ = ["animate", "check_animation", "check_picture", "save", "show", "show_schedules"]
