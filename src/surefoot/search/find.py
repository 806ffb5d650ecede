"""``surefoot.find``: which learning rates are good, and the loss to expect, without a full training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from surefoot.core.budget import Budget
from surefoot.core.progress import Progress, StopCondition, never_stop
from surefoot.core.value_types import Json
from surefoot.fleet.plan import Plan
from surefoot.search.criterion import Criterion, Goal
from surefoot.search.request import Request
from surefoot.search.result import SearchResult
from surefoot.search.run_search import run_search
from surefoot.search.samplers.built_in_samplers import Sampler
from surefoot.search.space.search_space import SearchSpace
from surefoot.studies.study import Study
from surefoot.tasks.task import Task
from surefoot.trainers.trial import ScoreAt, Trainer


def find(
    task: Task | str | Callable[[Any], Any] | Trainer,
    *,
    budget: Budget | str = "auto",
    steps: int | None = None,
    seed: int = 0,
    optimizers: Sequence[str] = (),
    schedules: Sequence[str] = (),
    space: SearchSpace | None = None,
    sampler: Sampler | str | Any = "surefoot",
    goal: Goal = "loss",
    score_at: ScoreAt = "end",
    tolerance: float = 0.05,
    study: Study | Path | str | None = None,
    settings: Mapping[str, Json] | None = None,
    plan: Plan | None = None,
    device: str = "cpu",
    workers: int = 0,
    timeout: float | None = None,
    output: Path | str | None = None,
    progress: Progress | None = None,
    stop: StopCondition = never_stop,
) -> SearchResult:
    """Find the good learning rates and momenta, by short trials alone.

    This is the search of :func:`surefoot.tune` without its full trainings: which learning rates are good at which
    momentum, which are too high, and what loss to expect after how many steps.

    Args:
        task: What is trained: a Task or its text (``"digits"``, ``"train.py:task"``), a training function
            ``function(trial) -> loss``, or a Trainer.
        budget: Ceiling on the work: ``"auto"``, ``"3x"`` (as much as 3 full trainings) or ``"120s"``.
        steps: Length of a full training, in optimizer steps: needed for a function, another length for a Task.
        seed: Seed of everything random.
        optimizers: Names of the optimizers to choose from, as ``("sgd", "adamw")``; those of ``space`` by default.
        schedules: Names of the learning rate schedules to choose from; those of ``space`` by default.
        space: Search space; ``None`` searches learning rate and momentum of SGD with cosine annealing.
        sampler: Sampler of the first trials: ``surefoot``, ``tpe``, ``gp``, ``random``, ``grid``, or one of Optuna's.
        goal: ``loss`` minimises the validation loss, ``metric`` maximises the metric.
        score_at: Loss that counts: the one at the ``end`` of a training, or the ``best`` on the way, for whoever
            keeps checkpoints.
        tolerance: Loss over the best, as a share of it, at which a setting is still good.
        study: Database to begin a study in, or a study to resume; ``None`` keeps nothing.
        settings: Settings that a new study keeps, for it to be resumed and shown.
        plan: How to run a Task as a fleet; ``None`` measures it.
        device: Device that trains a Task without a plan.
        workers: Number of processes for a function's trials; 0 trains them in this process.
        timeout: Seconds after which a trial of a function fails; ``None`` sets no limit.
        output: Folder for what a function prints, one file for each trial; ``None`` puts it next to the study.
        progress: Receives the stages, the best so far and messages; ``None`` shows nothing.
        stop: Returns whether to stop, asked before every step; then :class:`Interrupted` is raised, with what is known
            so far as its ``result``.

    Returns:
        The best recipe found, the good range of learning rates and momenta, the frontier, and all trials.

    Raises:
        TaskError: If the task cannot be trained, or has no metric to maximise.
        RecipeError: If the space leaves nothing to search.
        BudgetError: If the budget is too small for a few trials.
        StudyError: If the study cannot be written, was begun with another task or seed, or another process drives it.
        Interrupted: If asked to stop; a study can be resumed.

    Example:
        >>> result = find("wine", plan=Plan("stacked", 16))
        >>> result.good_range.lr.low <= result.recipe.lr.highest <= result.good_range.lr.high, result.trained_recipes
        (True, ())
    """
    return run_search(
        Request.of(
            "find",
            task,
            budget=budget,
            seed=seed,
            optimizers=optimizers,
            schedules=schedules,
            space=space,
            sampler=sampler,
            criterion=Criterion(goal, score_at),
            tolerance=tolerance,
            study=study,
            settings=settings,
            plan=plan,
            device=device,
            steps=steps,
            workers=workers,
            timeout=timeout,
            output=output,
            progress=progress,
            stop=stop,
        )
    )
