"""How much is measured: everything, or what a few minutes allow."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from benchmarks.entries import ENTRIES

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of a run.

    Attributes:
        folder: Where its data go.
        tasks: The tasks that are raced.
        seeds: Seeds of each contestant on a task that counts; an easy task has one.
        limit_seconds: Most time of one process of a rival that searches.
        named_limit_seconds: The same of the rival that the targets name: it is given enough to be ten times as slow.
        tunes: Tunes of each task for the promises: cheap tasks have more.
        trials: Trials of the study whose memory is measured.
    """

    folder: Path
    tasks: tuple[str, ...]
    seeds: int
    limit_seconds: float
    named_limit_seconds: float
    tunes: dict[str, int]
    trials: int


# 182 tunes; a task whose tune takes half a minute is asked less often than one of seconds.
TUNES = dict.fromkeys(ENTRIES, 38) | dict.fromkeys(("mnist1d-cnn", "fashion-cnn", "char-transformer"), 10)
FULL = Scale(DATA, tuple(ENTRIES), seeds=5, limit_seconds=20.0, named_limit_seconds=90.0, tunes=TUNES, trials=1000)
QUICK = Scale(
    DATA / "quick",
    ("digits", "diabetes"),
    seeds=1,
    limit_seconds=8.0,
    named_limit_seconds=15.0,
    tunes={"digits": 2, "diabetes": 2},
    trials=100,
)


def scale_of(description: str | None) -> Scale:
    """Read the command line of one part."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two tasks, one seed, a few minutes; kept in data/quick")
    scale = QUICK if parser.parse_args().quick else FULL
    scale.folder.mkdir(parents=True, exist_ok=True)
    return scale
