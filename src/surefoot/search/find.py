"""``surefoot.find``: which learning rates are good, and what they give, without a full training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from surefoot.core.budget import Budget
from surefoot.core.progress import Progress, Silent, Stop, never
from surefoot.core.values import Json
from surefoot.fleet.plan import Plan
from surefoot.search.request import Aim, Goal, Request
from surefoot.search.result import SearchResult
from surefoot.search.run_search import run_search
from surefoot.search.samplers.basic import Sampler
from surefoot.search.space.search_space import SearchSpace
from surefoot.studies.study import Study
from surefoot.tasks.task import Task
from surefoot.trainers.trial import Judge, Trainer


def find(
    task: Task | str | Callable[[Any], Any] | Trainer,
    *,
    budget: Budget | str = "auto",
    steps: int | None = None,
    seed: int = 0,
    space: SearchSpace | None = None,
    sampler: Sampler | str | Any = "surefoot",
    goal: Goal = "loss",
    judge: Judge = "final",
    tolerance: float = 0.05,
    study: Study | Path | str | None = None,
    settings: Mapping[str, Json] | None = None,
    plan: Plan | None = None,
    device: str = "cpu",
    workers: int = 0,
    timeout: float | None = None,
    output: Path | str | None = None,
    progress: Progress | None = None,
    stop: Stop = never,
) -> SearchResult:
    """Find the good learning rates and momenta, by short trials alone.

    The search of :func:`surefoot.tune` without its full trainings: which rates are good at which momentum, which are
    too large, and what is to be expected of the best after how many steps.

    Args:
        task: What is trained: a Task or its text (``"digits"``, ``"train.py:task"``), a training function
            ``function(trial) -> loss``, or a Trainer.
        budget: Ceiling on the work: ``"auto"``, ``"3x"`` (3 full trainings) or ``"120s"``.
        steps: Length of a full training in optimizer steps: needed for a function, another length for a Task.
        seed: Seed of everything random.
        space: What may be tried; learning rate and momentum of SGD under cosine annealing, if not given.
        sampler: Which points are tried at the lowest rung: ``surefoot``, ``tpe``, ``gp``, ``random``, ``grid``, or a
            sampler of Optuna's.
        goal: Whether the validation loss is to be low or the metric high.
        judge: The loss at the end of a training (``final``), or its ``best`` on the way, as with kept checkpoints.
        tolerance: Loss over the best, as a share, that is still good.
        study: Where to keep what was measured: a database to begin a study in, or a study to go on with.
        settings: What a new study is to remember of how it was asked for.
        plan: How to run a Task; measured if not given.
        device: Where to train a Task, if there is no plan.
        workers: Processes that train a function's trials side by side; 0 trains them in this process.
        timeout: Seconds after which a trial of a function has failed.
        output: Folder for what a function prints, one file a trial; beside the study, if not given.
        progress: Receives what happens.
        stop: Asked often; where it says yes, :class:`Interrupted` is raised, with what is known as its ``result``.

    Returns:
        The recipe to begin with, the good range, and all the evidence.

    Raises:
        TaskError: If it cannot be trained, or has no metric to maximise.
        RecipeError: If the space leaves nothing to search.
        BudgetError: If the budget is too small for a trial.
        StudyError: If the study cannot be written, was begun with another task or seed, or another process drives it.
        Interrupted: If asked to stop; with a study, calling again goes on from there.

    Example:
        >>> found = find("wine", plan=Plan("stacked", 16))
        >>> found.good_range.lr.low <= found.recipe.lr.highest <= found.good_range.lr.high, found.contestants
        (True, ())
    """
    return run_search(
        Request(
            command="find",
            subject=task,
            budget=Budget.parse(budget) if isinstance(budget, str) else budget,
            seed=seed,
            space=space or SearchSpace(),
            sampler=sampler,
            aim=Aim(goal, judge),
            tolerance=tolerance,
            study=study,
            settings=settings or {},
            plan=plan,
            device=device,
            workers=workers,
            timeout=timeout,
            output=None if output is None else Path(output),
            steps=steps,
            progress=progress or Silent(),
            stop=stop,
        )
    )
