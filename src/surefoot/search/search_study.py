"""The study of a search, and what is kept beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from surefoot.core.budget import Budget
from surefoot.core.files import atomic_path
from surefoot.core.values import Json
from surefoot.search.request import Request
from surefoot.search.result import SearchResult
from surefoot.search.samplers.basic import Sampler
from surefoot.studies.driver import driven
from surefoot.studies.study import Study
from surefoot.trainers.trial import Trainer

if TYPE_CHECKING:
    from torch import nn

# What a search that goes on must ask for again; budget, comparisons and tolerance may change.
SAME = ("command", "space", "sampler", "goal", "judge", "trained")


def study_of(request: Request, trainer: Trainer, budget: Budget, sampler: Sampler) -> Study | None:
    """Return the study to go on with, or a new one.

    Raises:
        StudyError: If the study was begun with another task, space or seed.
    """
    asked: dict[str, Json] = {
        "command": request.command,
        "budget": str(budget),
        "space": request.space.to_json(),
        "sampler": request.sampler if isinstance(request.sampler, str) else sampler.name,
        "goal": request.aim.goal,
        "judge": request.aim.judge,
        "compare": [str(recipe) for recipe in request.compare],
        "tolerance": request.tolerance,
        "trained": trainer.describe(),
    }
    return driven(request.study, trainer, asked=asked, same=SAME, settings=request.settings, seed=request.seed)


def with_model(result: SearchResult, study: Study, new_model: Callable[[], nn.Module] | None) -> SearchResult:
    """Keep the trained weights beside the study; where they were trained before it went on, return them from there.

    Weights of another training than the recommended one are removed: they would be taken for its own.

    Args:
        result: Of the search.
        study: Where its weights are kept.
        new_model: Makes a model to load them into; ``None`` where what is trained has none.
    """
    from safetensors import safe_open  # noqa: PLC0415
    from safetensors.torch import load_file, save_file  # noqa: PLC0415

    path, best = study.model_path, result.best
    training = None if best is None else f"{best.recipe} | {best.steps} steps | seed {best.runs[0].trial.seed}"
    if result.trained is not None and training is not None:
        state = {name: tensor.contiguous().clone() for name, tensor in result.model().state_dict().items()}
        with atomic_path(path) as temporary:
            save_file(state, temporary, metadata={"training": training})
        return result
    if not path.exists():
        return result
    with safe_open(path, framework="pt") as kept:
        known = (kept.metadata() or {}).get("training")
    if training is None or known != training:
        path.unlink()
        return result
    if new_model is None:
        return result

    def model() -> nn.Module:
        fresh = new_model()
        fresh.load_state_dict(load_file(path), strict=False)
        return fresh

    return replace(result, trained=model)
