"""The study of a search, and what is kept beside it."""

from __future__ import annotations

from surefoot.budget import Budget
from surefoot.files import atomic_path
from surefoot.search.request import Request
from surefoot.search.result import SearchResult
from surefoot.search.samplers import as_sampler
from surefoot.studies import Study
from surefoot.studies.driving import driven
from surefoot.trainers import Trainer
from surefoot.values import Json

# What a search that goes on must ask for again; budget, comparisons and tolerance may change.
SAME = ("command", "space", "sampler", "goal", "judge", "trained")


def study_of(request: Request, trainer: Trainer, budget: Budget) -> Study | None:
    """Return the study to go on with, or a new one.

    Raises:
        StudyError: If the study was begun with another task, space or seed.
    """
    asked: dict[str, Json] = {
        "command": request.command,
        "budget": str(budget),
        "space": request.space.to_json(),
        "sampler": request.sampler if isinstance(request.sampler, str) else as_sampler(request.sampler).name,
        "goal": request.aim.goal,
        "judge": request.aim.judge,
        "compare": [str(recipe) for recipe in request.compare],
        "tolerance": request.tolerance,
        "trained": trainer.describe(),
    }
    return driven(request.study, trainer, asked=asked, same=SAME, settings=request.settings, seed=request.seed)


def keep_model(result: SearchResult, study: Study) -> None:
    """Write the trained weights beside the study, so that they are there when it is opened again."""
    if result.trained is None:
        return
    from safetensors.torch import save_file  # noqa: PLC0415

    state = {name: tensor.contiguous().clone() for name, tensor in result.model().state_dict().items()}
    with atomic_path(study.model_path) as temporary:
        save_file(state, temporary)
