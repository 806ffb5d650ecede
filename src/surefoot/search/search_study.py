"""A study that is done -> its result.

The study of a search, and what is kept beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from surefoot.core.budget import Budget
from surefoot.core.errors import StudyError
from surefoot.core.files import atomic_path
from surefoot.core.values import Json
from surefoot.search.old_results import old_result
from surefoot.search.request import Request
from surefoot.search.result import SCHEMA, SearchResult, from_json
from surefoot.search.samplers.sampler import Sampler
from surefoot.studies.driver import driven
from surefoot.studies.measurements import Measurement
from surefoot.studies.study import Study, StudyInfo
from surefoot.trainers.trial import Trainer

if TYPE_CHECKING:
    from torch import nn

# The commands whose studies have a result to read.
SEARCHES = ("tune", "find")


def read_result(study: Study) -> SearchResult:
    """Return the result of a study that is done, also of one that version 0.1 finished.

    Raises:
        StudyError: If it is not done.
    """
    info = study.info()
    if info.settings.get("command") == "check":
        raise StudyError(f"study {study.name} is one of surefoot check.", hint=f"surefoot check --resume {study.name}")
    if info.status != "done" or info.result is None:
        command = info.settings.get("command", "tune")
        raise StudyError(
            f"study {study.name} is {info.status}, not done.",
            hint=f"go on with: surefoot {command} --resume {study.name}",
        )
    # The database may have been moved since.
    return replace(result_of(info, study.measurements()), study=study.name)


def result_of(info: StudyInfo, measurements: Sequence[Measurement]) -> SearchResult:
    """Return the result that a study has kept.

    Raises:
        StudyError: If it has none.
    """
    if info.result is not None and info.result.get("schema") == SCHEMA:
        # A search that went on with a larger budget need not have asked for all that was recorded before.
        order = {name: number for number, name in enumerate(info.result.get("stages", ()))}
        mine = [row for row in measurements if row.stage in order] if order else [*measurements]
        return from_json(info.result, tuple(sorted(mine, key=lambda row: order.get(row.stage, 0))))
    return old_result(info, measurements)


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
