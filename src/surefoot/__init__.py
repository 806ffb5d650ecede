"""surefoot: find, schedule, check and explain the learning rate and momentum of a PyTorch network.

Importing the library costs little: each public name loads its room when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surefoot.checking.check import check as check
    from surefoot.checking.result import CheckResult as CheckResult
    from surefoot.core.budget import Budget as Budget
    from surefoot.core.errors import SurefootError as SurefootError
    from surefoot.core.finding_and_symptoms import Finding as Finding
    from surefoot.core.progress import Interrupted as Interrupted
    from surefoot.core.progress import Progress as Progress
    from surefoot.explanation.explain import explain as explain
    from surefoot.explanation.result import ExplainResult as ExplainResult
    from surefoot.fleet.plan import Plan as Plan
    from surefoot.log_diagnosis.diagnose import DiagnoseResult as DiagnoseResult
    from surefoot.log_diagnosis.diagnose import diagnose as diagnose
    from surefoot.loss_slices.result import LossSlice as LossSlice
    from surefoot.loss_slices.slice_loss import slice_loss as slice_loss
    from surefoot.recipe.recipe import Recipe as Recipe
    from surefoot.search.find import find as find
    from surefoot.search.result import SearchResult as SearchResult
    from surefoot.search.space.axes import Range as Range
    from surefoot.search.space.search_space import SearchSpace as SearchSpace
    from surefoot.search.tune import tune as tune
    from surefoot.studies.study import Study as Study
    from surefoot.surfaces.descent import Descent as Descent
    from surefoot.surfaces.descent import descend as descend
    from surefoot.surfaces.surface import Surface as Surface
    from surefoot.tasks.loader import load_task as load_task
    from surefoot.tasks.task import Task as Task
    from surefoot.trainers.fleet_trainer import FleetTrainer as FleetTrainer
    from surefoot.trainers.function_trainer import FunctionTrainer as FunctionTrainer
    from surefoot.trainers.script_trainer import ScriptTrainer as ScriptTrainer
    from surefoot.trainers.trial import Outcome as Outcome
    from surefoot.trainers.trial import Trainer as Trainer
    from surefoot.trainers.trial import Trial as Trial
    from surefoot.trainers.trial_in_script import trial as trial
    from surefoot.watch.watch import Watch as Watch

__version__ = "0.1.0"

# The module that each name is loaded from; the imports above say the same to static checkers.
_HOMES = {
    "Budget": "surefoot.core.budget",
    "CheckResult": "surefoot.checking.result",
    "Descent": "surefoot.surfaces.descent",
    "DiagnoseResult": "surefoot.log_diagnosis.diagnose",
    "ExplainResult": "surefoot.explanation.result",
    "Finding": "surefoot.core.finding_and_symptoms",
    "FleetTrainer": "surefoot.trainers.fleet_trainer",
    "FunctionTrainer": "surefoot.trainers.function_trainer",
    "Interrupted": "surefoot.core.progress",
    "LossSlice": "surefoot.loss_slices.result",
    "Outcome": "surefoot.trainers.trial",
    "Plan": "surefoot.fleet.plan",
    "Progress": "surefoot.core.progress",
    "Range": "surefoot.search.space.axes",
    "Recipe": "surefoot.recipe.recipe",
    "ScriptTrainer": "surefoot.trainers.script_trainer",
    "SearchResult": "surefoot.search.result",
    "SearchSpace": "surefoot.search.space.search_space",
    "Study": "surefoot.studies.study",
    "Surface": "surefoot.surfaces.surface",
    "SurefootError": "surefoot.core.errors",
    "Task": "surefoot.tasks.task",
    "Trainer": "surefoot.trainers.trial",
    "Trial": "surefoot.trainers.trial",
    "Watch": "surefoot.watch.watch",
    "check": "surefoot.checking.check",
    "descend": "surefoot.surfaces.descent",
    "diagnose": "surefoot.log_diagnosis.diagnose",
    "explain": "surefoot.explanation.explain",
    "find": "surefoot.search.find",
    "load_task": "surefoot.tasks.loader",
    "slice_loss": "surefoot.loss_slices.slice_loss",
    "trial": "surefoot.trainers.trial_in_script",
    "tune": "surefoot.search.tune",
}

__all__ = [
    "Budget",
    "CheckResult",
    "Descent",
    "DiagnoseResult",
    "ExplainResult",
    "Finding",
    "FleetTrainer",
    "FunctionTrainer",
    "Interrupted",
    "LossSlice",
    "Outcome",
    "Plan",
    "Progress",
    "Range",
    "Recipe",
    "ScriptTrainer",
    "SearchResult",
    "SearchSpace",
    "Study",
    "SurefootError",
    "Surface",
    "Task",
    "Trainer",
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
