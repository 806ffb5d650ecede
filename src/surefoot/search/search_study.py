"""The study of a search, and the trained weights that are kept next to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from surefoot.core.budget import Budget
from surefoot.core.files import atomic_path
from surefoot.core.values import Json
from surefoot.search.request import Request
from surefoot.search.result import SearchResult
from surefoot.search.samplers import as_sampler
from surefoot.studies.drive_study import open_driven_study
from surefoot.studies.study import Study
from surefoot.trainers.trial import Trainer

if TYPE_CHECKING:
    from torch import nn

# Settings that must be unchanged when a study is resumed; budget, comparisons and tolerance may change.
UNCHANGED_SETTINGS = ("command", "space", "sampler", "goal", "judge", "trained")


def open_search_study(request: Request, trainer: Trainer, budget: Budget) -> Study | None:
    """Return the study to resume, or a new one; ``None`` where nothing is kept.

    Raises:
        StudyError: If the study to resume was begun with another task, space or seed.
    """
    asked: dict[str, Json] = {
        "command": request.command,
        "budget": str(budget),
        "space": request.space.to_json(),
        "sampler": as_sampler(request.sampler).name,
        **request.criterion.to_json(),
        "compare": [str(recipe) for recipe in request.compare],
        "tolerance": request.tolerance,
        "trained": trainer.describe(),
    }
    return open_driven_study(
        request.study, trainer, asked=asked, same=UNCHANGED_SETTINGS, settings=request.settings, seed=request.seed
    )


def keep_model(result: SearchResult, study: Study, new_model: Callable[[], nn.Module] | None) -> SearchResult:
    """Write the trained weights next to the study, or read those that an earlier run wrote there.

    Weights of another training than the recommended one are removed, for nobody could tell them from its own.

    Args:
        result: Result of the search.
        study: Study of the search.
        new_model: Model factory, for weights that are read; ``None`` for functions and scripts.

    Returns:
        The result, with the model that was read where it has none itself.
    """
    from safetensors import safe_open  # noqa: PLC0415  (imported only where weights are kept)
    from safetensors.torch import load_file, save_file  # noqa: PLC0415

    path, best = study.model_path, result.best
    training = None if best is None else f"{best.recipe} | {best.steps} steps | seed {best.runs[0].trial.seed}"
    if result.trained_model is not None and training is not None:
        state = {name: tensor.contiguous().clone() for name, tensor in result.model().state_dict().items()}
        with atomic_path(path) as temporary:
            save_file(state, temporary, metadata={"training": training})
        return result
    if not path.exists():
        return result
    with safe_open(path, framework="pt") as stored:
        stored_training = (stored.metadata() or {}).get("training")
    if training is None or stored_training != training:
        path.unlink()
        return result
    if new_model is None:
        return result

    def stored_model() -> nn.Module:
        model = new_model()
        model.load_state_dict(load_file(path), strict=False)
        return model

    return replace(result, trained_model=stored_model)
