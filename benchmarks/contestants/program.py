"""What all contestants' programs share: their arguments, and the lines they print."""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass, field

import psutil

from benchmarks.entries import ENTRIES


@dataclass(frozen=True, slots=True)
class Call:
    """What a program was called with."""

    task: str
    seed: int
    limit_seconds: float

    @classmethod
    def read(cls) -> Call:
        parser = argparse.ArgumentParser()
        parser.add_argument("task", choices=ENTRIES)
        parser.add_argument("seed", type=int)
        parser.add_argument("limit_seconds", type=float)
        return cls(**vars(parser.parse_args()))

    @property
    def seconds_left(self) -> float:
        """Time until the limit, counted from the start of the process: imports are part of it."""
        return max(0.0, self.limit_seconds - (time.time() - psutil.Process().create_time()))


@dataclass(slots=True)
class Trials:
    """Counts trials and keeps the incumbent: the lowest validation loss of all that were trained to the end."""

    count: int = 0
    recipe: str | None = None
    loss: float = field(default=math.inf)

    def ended(self, recipe: str, loss: float, *, complete: bool = True) -> None:
        """Take in a trial that ended, and print where the search stands."""
        self.count += 1
        if complete and loss < self.loss:
            self.recipe, self.loss = recipe, loss
        say(trials=self.count, recipe=self.recipe)


def say(**what: object) -> None:
    """Print one line for whoever keeps the clock."""
    print(json.dumps(what), flush=True)
