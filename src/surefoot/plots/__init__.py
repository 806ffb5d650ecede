"""Figures from results: ``show`` one in a notebook, ``save`` it as a picture."""

from surefoot.plots.notebook import show, show_schedules
from surefoot.plots.picture import save

__all__ = ["save", "show", "show_schedules"]
