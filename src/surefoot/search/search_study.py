"""The study of a search: begun or gone on with, released as the search ends, and what is kept beside it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from surefoot.budget import Budget
from surefoot.errors import StudyError
from surefoot.files import atomic_path, writable_folder
from surefoot.interruption import Interrupted
from surefoot.search.request import Request
from surefoot.search.result import SearchResult
from surefoot.search.samplers import as_sampler
from surefoot.studies import Database, Study
from surefoot.trainers import Trainer
from surefoot.values import Json


def study_of(request: Request, trainer: Trainer, budget: Budget) -> Study | None:
    """Return the study to go on with, or a new one.

    Raises:
        StudyError: If the study was begun with another task, space or seed.
    """
    if request.study is None:
        return None
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
    plan = getattr(trainer, "plan", None)
    if not isinstance(request.study, Study):
        study_settings = {**request.settings, **asked}
        database = Database(Path(request.study))
        study = Study.create(database, task=trainer.name, settings=study_settings, seed=request.seed)
        if plan is not None:
            study.take_lease()
            study.set_plan(plan.to_json())
        return study
    study = request.study
    info = study.info()
    same = ("command", "space", "sampler", "goal", "judge", "trained")
    before = {"seed": info.seed, **{key: info.settings.get(key, asked[key]) for key in same}}
    now: dict[str, Json] = {"seed": request.seed, **{key: asked[key] for key in same}}
    changed = [key for key in before if before[key] != now[key]]
    if changed:
        given = "; ".join(f"{key} was {before[key]}, now {now[key]}" for key in changed)
        raise StudyError(f"study {study.name} cannot go on: {given}.", hint="begin a new one, or undo the change.")
    study.take_lease()
    if plan is not None:
        study.set_plan(plan.to_json())
    if info.settings.get("budget") != asked["budget"]:
        study.extend_budget(asked["budget"])
    return study


@contextmanager
def released(study: Study | None, command: str) -> Iterator[None]:
    """Give up driving a study when its work breaks off, and say how it stands."""
    try:
        yield
    except Interrupted as interruption:
        if study is not None:
            study.release(status="interrupted")
            interruption.study = study.name
        raise
    except KeyboardInterrupt:  # a second Ctrl-C, while the first one's answer was being read
        if study is not None:
            study.release(status="interrupted")
        again = Interrupted("asked to stop")
        again.study = None if study is None else study.name
        raise again from None
    except BaseException as error:
        if study is not None:
            study.release(status="failed")
            error.add_note(
                f"What was done is kept: surefoot {command} --resume {shlex.quote(study.name)} goes on from there."
            )
        raise


def keep_beside(study: Study | None, trainer: Trainer, request: Request) -> None:
    """Let a trainer keep what trials print, and its checkpoints, beside the study."""
    if study is None:
        return
    if hasattr(trainer, "output") and trainer.output is None:
        trainer.output = writable_folder(study.output_path if request.output is None else request.output)
    if hasattr(trainer, "checkpoints") and trainer.checkpoints is None:
        trainer.checkpoints = study.checkpoints_path


def keep_model(result: SearchResult, study: Study) -> None:
    """Write the trained weights beside the study, so that they are there when it is opened again."""
    if result.trained is None:
        return
    from safetensors.torch import save_file  # noqa: PLC0415

    state = {name: tensor.contiguous().clone() for name, tensor in result.model().state_dict().items()}
    with atomic_path(study.model_path) as temporary:
        save_file(state, temporary)
