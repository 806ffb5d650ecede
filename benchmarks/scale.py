"""How much a part of `make bench` measures: all of it, or what a few minutes allow."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of a run.

    Attributes:
        folder: Where its data go.
        ranges: Good ranges that are tried.
        deadline_runs: Processes that are given a budget of seconds.
        cold_starts: Rounds in which a whole process is timed beside an import.
        trials: Trials of the studies whose memory and driver are measured.
    """

    folder: Path
    ranges: int
    deadline_runs: int
    cold_starts: int
    trials: int


FULL = Scale(DATA, ranges=200, deadline_runs=20, cold_starts=7, trials=1000)
QUICK = Scale(DATA / "quick", ranges=8, deadline_runs=2, cold_starts=2, trials=100)


def scale_of(description: str | None) -> Scale:
    """Read the command line of one part."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few minutes; kept in data/quick")
    scale = QUICK if parser.parse_args().quick else FULL
    scale.folder.mkdir(parents=True, exist_ok=True)
    return scale
