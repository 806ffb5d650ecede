"""The contestants: each a program of its own, run as a fresh process.

    python -m benchmarks.contestants.MODULE TASK SEED LIMIT_SECONDS

It prints a JSON line whenever a trial ends, with its incumbent, and one with its answer; whoever started it keeps the
clock. Rivals are used as their documentation recommends, in a plain PyTorch loop with torch's own threads, and judge by
the validation loss of one seed, as people do.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True, slots=True)
class Contestant:
    """A program that finds a setting, or needs none.

    Attributes:
        module: Its name here.
        title: What tables call it.
        needs: The package it is made of, `None` where torch is enough.
        searches: Whether it goes on until it is stopped: then its answer is the incumbent after so many trials.
    """

    module: str
    title: str
    needs: str | None = None
    searches: bool = False

    @property
    def installed(self) -> bool:
        return self.needs is None or find_spec(self.needs) is not None


SUREFOOT = Contestant("surefoot_tune", "surefoot tune")
TPE = Contestant("optuna_tpe", "Optuna TPE + Hyperband", "optuna", searches=True)
CONTESTANTS = (
    SUREFOOT,
    TPE,
    Contestant("optuna_gp", "Optuna GP", "optuna", searches=True),
    Contestant("random_search", "random search", searches=True),
    Contestant("ray_asha", "Ray Tune ASHA", "ray", searches=True),
    Contestant("lr_finder", "torch-lr-finder, momentum 0.9", "torch_lr_finder"),
    Contestant("lightning_finder", "Lightning's finder, momentum 0.9", "lightning"),
    Contestant("adam", "Adam at 1e-3"),
    Contestant("prodigy", "Prodigy", "prodigyopt"),
    Contestant("schedule_free", "Schedule-Free AdamW", "schedulefree"),
)
