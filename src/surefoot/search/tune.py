"""``surefoot.tune``: which learning rate, momentum, schedule, optimizer and length to use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from surefoot.core.budget import Budget
from surefoot.core.progress import Progress, Silent, Stop, never
from surefoot.core.values import Json
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.search.request import Aim, Goal, Request, recipes_of
from surefoot.search.result import SearchResult
from surefoot.search.run_search import run_search
from surefoot.search.samplers.basic import Sampler
from surefoot.search.space.search_space import SearchSpace
from surefoot.studies.study import Study
from surefoot.tasks.task import Task
from surefoot.trainers.trial import Judge, Trainer


def tune(
    task: Task | str | Callable[[Any], Any] | Trainer,
    *,
    budget: Budget | str = "auto",
    steps: int | None = None,
    seed: int = 0,
    space: SearchSpace | None = None,
    sampler: Sampler | str | Any = "surefoot",
    goal: Goal = "loss",
    judge: Judge = "final",
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
    stop: Stop = never,
) -> SearchResult:
    """Find the learning rate, momentum and training length with the lowest validation loss, and train with them.

    Short trials, each a whole training with a schedule of its own, map the space; a surrogate over them is followed up
    to longer trainings with a few trials at each length; then the recommended recipe is trained at the recommended
    length, and what is left of the budget compares it with others on fresh seeds. Any budget that buys five
    trials of 8 steps gives an answer, with what is known of it.

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
        compare: Recipes to be trained beside the answer.
        tolerance: Loss over the best, as a share, that is still good.
        study: Where to keep what was measured: a database to begin a study in, or a study to go on with.
        settings: What a new study is to remember of how it was asked for.
        plan: How to run a Task; measured if not given.
        device: Where to train a Task, if there is no plan.
        workers: Processes that train a function's trials side by side; 0 trains them in this process.
        timeout: Seconds after which a trial of a function has failed.
        output: Folder for what a function prints, one file a trial; beside the study, if not given.
        transfer: Whether to measure as well how the answer changes with the batch size of a Task; it costs at most 3
            full trainings beyond the budget.
        progress: Receives what happens.
        stop: Asked often; where it says yes, :class:`Interrupted` is raised, with what is known as its ``result``.

    Returns:
        The recommended recipe and length, what they give, and all the evidence.

    Raises:
        TaskError: If it cannot be trained, or has no metric to maximise.
        RecipeError: If the space leaves nothing to search.
        BudgetError: If the budget is too small for a trial.
        StudyError: If the study cannot be written, was begun with another task or seed, or another process drives it.
        Interrupted: If asked to stop; with a study, calling again goes on from there.

    Example:
        >>> found = tune("wine", budget="6x", plan=Plan("stacked", 16))
        >>> found.best.valid.mean < 0.3, found.best.recipe == found.recipe
        (True, True)
    """
    return run_search(
        Request(
            command="tune",
            subject=task,
            budget=Budget.parse(budget) if isinstance(budget, str) else budget,
            seed=seed,
            space=space or SearchSpace(),
            sampler=sampler,
            aim=Aim(goal, judge),
            compare=recipes_of(compare),
            tolerance=tolerance,
            study=study,
            settings=settings or {},
            plan=plan,
            device=device,
            workers=workers,
            timeout=timeout,
            output=None if output is None else Path(output),
            steps=steps,
            transfer=transfer,
            progress=progress or Silent(),
            stop=stop,
        )
    )
