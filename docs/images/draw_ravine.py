"""Draws the README's picture of a claim put to the test on a landscape.

python docs/images/draw_ravine.py
"""

from __future__ import annotations

from pathlib import Path

from surefoot import explain_surface
from surefoot.plots.claim_figures import claim_figure
from surefoot.plots.figures import save

(claim,) = explain_surface("ravine", claims=["momentum-damps"]).claims
save(claim_figure(claim), Path(__file__).with_name("ravine.png"))
