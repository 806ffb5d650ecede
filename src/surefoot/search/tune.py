"""``surefoot.tune``: which learning rate, momentum, schedule, optimizer and length to use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from surefoot.core.budget import Budget
from surefoot.core.progress import Progress, StopCondition, never_stop
from surefoot.core.value_types import Json
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.search.criterion import Criterion, Goal
from surefoot.search.request import Request
from surefoot.search.result import SearchResult
from surefoot.search.run_search import run_search
from surefoot.search.samplers.built_in_samplers import Sampler
from surefoot.search.space.search_space import SearchSpace
from surefoot.studies.study import Study
from surefoot.tasks.task import Task
from surefoot.trainers.trial import ScoreAt, Trainer


def tune(
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
    compare: Sequence[Recipe | str] = (),
    tolerance: float = 0.05,
    study: Study | Path | str | None = None,
    settings: Mapping[str, Json] | None = None,
    plan: Plan | None = None,
    device: str = "cpu",
    transfer: bool = False,
    workers: int = 0,
    timeout: float | None = None,
    output: Path | str | None = None,
    progress: Progress | None = None,
    stop: StopCondition = never_stop,
) -> SearchResult:
    """Find the learning rate, momentum and training length with the lowest validation loss, and train with them.

    The search runs short trials, each a whole training with its own schedule, and fits a surrogate to them. It follows
    the best recipe up to longer trainings, with a few trials at each length. Then it trains the recommended recipe at
    the recommended length, and spends what is left of the budget on comparing it with others on fresh seeds. Any budget
    that buys five trials of 8 steps gives an answer.

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
        compare: Recipes, or their texts, to train in full as well and compare with the recommended one.
        tolerance: Loss over the best, as a share of it, at which a setting is still good.
        study: Database to begin a study in, or a study to resume; ``None`` keeps nothing.
        settings: Settings that a new study keeps, for it to be resumed and shown.
        plan: How to run a Task as a fleet; ``None`` measures it.
        device: Device that trains a Task without a plan.
        transfer: Whether to measure how the best learning rate changes with the batch size of a Task, for at most 3
            full trainings beyond the budget.
        workers: Number of processes for a function's trials; 0 trains them in this process.
        timeout: Seconds after which a trial of a function fails; ``None`` sets no limit.
        output: Folder for what a function prints, one file for each trial; ``None`` puts it next to the study.
        progress: Receives the stages, the best so far and messages; ``None`` shows nothing.
        stop: Returns whether to stop, asked before every step; then :class:`Interrupted` is raised, with what is known
            so far as its ``result``.

    Returns:
        The recommended recipe and length, their scores over seeds, the good range, the frontier, and all trials.

    Raises:
        TaskError: If the task cannot be trained, or has no metric to maximise.
        RecipeError: If the space leaves nothing to search.
        BudgetError: If the budget is too small for a few trials.
        StudyError: If the study cannot be written, was begun with another task or seed, or another process drives it.
        Interrupted: If asked to stop; a study can be resumed.

    Example:
        >>> result = tune("wine", budget="6x", plan=Plan("stacked", 16))
        >>> result.best.valid.mean < 0.3, result.best.recipe == result.recipe
        (True, True)
    """
    return run_search(
        Request.of(
            "tune",
            task,
            budget=budget,
            seed=seed,
            optimizers=optimizers,
            schedules=schedules,
            space=space,
            sampler=sampler,
            criterion=Criterion(goal, score_at),
            compare=compare,
            tolerance=tolerance,
            study=study,
            settings=settings,
            plan=plan,
            device=device,
            steps=steps,
            workers=workers,
            timeout=timeout,
            output=output,
            transfer=transfer,
            progress=progress,
            stop=stop,
        )
    )
