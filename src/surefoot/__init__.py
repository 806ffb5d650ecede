"""surefoot: find, schedule, check and explain the learning rate and momentum of a PyTorch network.

Importing the library costs little: each public name loads its room when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surefoot.checking.check import check as check
    from surefoot.explanation.explain import explain as explain
    from surefoot.log_diagnosis.diagnose import diagnose as diagnose
    from surefoot.loss_slices.slice_loss import slice_loss as slice_loss
    from surefoot.recipe.recipe import Recipe as Recipe
    from surefoot.search.find import find as find
    from surefoot.search.space.axes import Range as Range
    from surefoot.search.space.search_space import SearchSpace as SearchSpace
    from surefoot.search.tune import tune as tune
    from surefoot.surfaces.descent import descend as descend
    from surefoot.tasks.task import Task as Task
    from surefoot.trainers.script_trial import trial as trial
    from surefoot.trainers.trial import Outcome as Outcome
    from surefoot.trainers.trial import Trial as Trial
    from surefoot.watch.watch import Watch as Watch

__version__ = "0.1.0"

_HOMES = {
    "Outcome": "surefoot.trainers.trial",
    "Range": "surefoot.search.space.search_space",
    "Recipe": "surefoot.recipe.recipe",
    "SearchSpace": "surefoot.search.space.search_space",
    "SurefootError": "surefoot.core.errors",
    "Task": "surefoot.tasks.task",
    "Trial": "surefoot.trainers.trial",
    "Watch": "surefoot.watch.watch",
    "check": "surefoot.checking.check",
    "descend": "surefoot.surfaces.descent",
    "diagnose": "surefoot.log_diagnosis.diagnose",
    "explain": "surefoot.explanation.explain",
    "find": "surefoot.search.find",
    "load_task": "surefoot.tasks.loader",
    "slice_loss": "surefoot.loss_slices.slice_loss",
    "trial": "surefoot.trainers.script_trial",
    "tune": "surefoot.search.tune",
}

__all__ = [
    "Outcome",
    "Range",
    "Recipe",
    "SearchSpace",
    "SurefootError",
    "Task",
    "Trial",
    "Watch",
    "__version__",
    "check",
    "descend",
    "diagnose",
    "explain",
    "find",
    "load_task",
    "slice_loss",
    "trial",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'surefoot' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
