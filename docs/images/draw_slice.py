"""Draws the README's picture of a slice of a real loss.

python docs/images/draw_slice.py
"""

from __future__ import annotations

from pathlib import Path

from surefoot import slice_loss
from surefoot.plots.figure_registry import save

WAYS = ("sgd(lr=0.1, momentum=0)", "sgd(lr=0.1, momentum=0.9)", "adam(lr=0.003)")
save(slice_loss("mnist1d", WAYS), Path(__file__).with_name("slice.png"))
