"""Draws the README's picture of a claim that is tested on a surface.

python docs/images/draw_ravine.py
"""

from __future__ import annotations

from pathlib import Path

from surefoot import explain
from surefoot.plots.claim_figures import claim_figure
from surefoot.plots.figure_registry import save
from surefoot.surfaces import surface_named

(claim,) = explain(surface_named("ravine"), claims=["momentum-damps"]).claims
save(claim_figure(claim), Path(__file__).with_name("ravine.png"))
