"""Figures from results: ``show`` one in a notebook, ``save`` it as a picture."""

from surefoot.plots.notebook import show, show_schedules
from surefoot.plots.picture import check_picture, save

__all__ = ["check_picture", "save", "show", "show_schedules"]
