"""Draws the README's pictures from a real tune and a real descent.

python docs/images/draw.py
"""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path

from rich.console import Console

from surefoot import descend, tune
from surefoot.plots.figure_registry import save
from surefoot.plots.film import animate
from surefoot.plots.heat_map import heat_map
from surefoot.plots.loss_by_length_and_good_range import frontier_figure
from surefoot.reports.terminal_search_tables import search_table

HERE = Path(__file__).parent

with tempfile.TemporaryDirectory() as folder:
    result = tune("digits", study=Path(folder) / "study.db")
    console = Console(record=True, width=92, file=io.StringIO(), force_terminal=True)
    console.print("[bold]$ surefoot tune digits[/bold]")
    console.print(search_table(result))
    drawn = console.export_svg(title="surefoot")
# Rich names web fonts; the picture is to need no network.
(HERE / "demo.svg").write_text(re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL))
save(heat_map(result), HERE / "heat_map.png")
save(frontier_figure(result), HERE / "frontier.png")
# What moves: the same learning rate with and without momentum, and Adam.
BALLS = ("sgd(lr=0.1, momentum=0)", "sgd(lr=0.1, momentum=0.9)", "adam(lr=0.3)", "sgd(lr=2.05, momentum=0)")
animate(descend("ravine", BALLS, steps=60), HERE / "descent.gif", fps=12)
