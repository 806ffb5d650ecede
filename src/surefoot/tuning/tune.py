"""``surefoot.tune``: which learning rate, momentum, schedule and optimizer to use."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from surefoot.budget import Budget
from surefoot.errors import StudyError, TaskError, nearest
from surefoot.fleet import Plan, calibrate
from surefoot.fleet.plan import trainings_of
from surefoot.fleet.progress import Interrupted, Progress, Silent, Stop, never
from surefoot.fleet.runner import Runner
from surefoot.studies import Database, Study
from surefoot.tasks.loader import as_task
from surefoot.tasks.probe import ModelFacts, probe
from surefoot.tasks.task import Task
from surefoot.tuning.allowance import Allowance, usual_budget
from surefoot.tuning.assembly import assemble
from surefoot.tuning.goal import Goal, check_goal
from surefoot.tuning.journal import Journal
from surefoot.tuning.result import TuneResult
from surefoot.tuning.space import Coordinates, SearchSpace
from surefoot.tuning.strategies import STRATEGIES, Strategy
from surefoot.tuning.transfer import changes_of
from surefoot.tuning.tuner import Tuner
from surefoot.values import Json


def tune(
    task: Task | str,
    *,
    budget: Budget | str | None = None,
    seed: int = 0,
    space: SearchSpace | None = None,
    strategy: str = "surefoot",
    goal: Goal = "loss",
    study: Study | Path | str | None = None,
    settings: Mapping[str, Json] | None = None,
    plan: Plan | None = None,
    device: str = "cpu",
    transfer: bool = False,
    progress: Progress | None = None,
    stop: Stop = never,
) -> TuneResult:
    """Find the learning rate and momentum, and what else the space asks for, with the lowest validation loss.

    A range test bounds each optimizer's learning rate; successive halving on a fleet searches lr / (1 - momentum),
    momentum and the rest of the space; the best few are trained again on fresh seeds, beside the default recipe. The
    same seed, plan and versions give the same answer, bit for bit, where the budget is in trainings.

    Args:
        task: What is trained, or its text (``"digits"``, ``"train.py:task"``).
        budget: Ceiling on the work: ``"30x"`` (30 full trainings) or ``"120s"``; what the space needs, if not given.
        seed: Of everything random.
        space: What may be tried; learning rate and momentum of SGD under cosine annealing, if not given.
        strategy: Which points are tried: ``surefoot``, ``tpe``, ``gp``, ``random`` or ``grid``.
        goal: Whether the validation loss is to be low or the task's metric high.
        study: Where to keep what was measured: a database to begin a study in, or a study to go on with.
        settings: What a new study is to remember of how it was asked for.
        plan: How to run the fleets; measured if not given.
        device: Where to train, if there is no plan.
        transfer: Whether to measure as well how the answer changes with the length of training and the batch size;
            it costs about 90 full trainings beyond the budget.
        progress: Receives what happens.
        stop: Asked often; where it says yes, :class:`Interrupted` is raised and the study can be gone on with.

    Returns:
        The recommended recipe and all the evidence.

    Raises:
        TaskError: If the task cannot be trained, or has no metric to maximise.
        RecipeError: If the space leaves nothing to search.
        BudgetError: If the budget is too small.
        StudyError: If the study cannot be written, was begun with another task, budget or seed, or another process
            drives it.
        Interrupted: If asked to stop; with a study, calling again goes on from there.

    Example:
        >>> found = tune("digits", budget="12x", plan=Plan("stacked", 16))
        >>> found.best.valid.mean < found.default.valid.mean
        True
    """
    begin = time.perf_counter()
    task, space = as_task(task), space or SearchSpace()
    check_goal(task, goal)
    chosen = strategy_named(strategy)
    budget = usual_budget(space) if budget is None else Budget.parse(budget) if isinstance(budget, str) else budget
    # Refuse a space with nothing in it, and a small budget, before any work.
    Coordinates.below(space, dict.fromkeys(space.optimizers, 1.0), steps=task.total_steps)
    divide = partial(
        Allowance.of,
        steps=task.total_steps,
        ramps=len(space.optimizers) if space.lr is None else 0,
        refines=chosen.refines,
    )
    if budget.trainings is not None:
        divide(budget.trainings)
    trained = fingerprint(task, probe(task))
    listener = progress or Silent()
    plan = _plan(task, plan, study, listener, budget=budget, device=device)
    allowance = divide(trainings_of(budget, steps=task.total_steps, plan=plan))
    searched: dict[str, Json] = {"space": space.to_json(), "strategy": strategy, "goal": goal}
    asked: dict[str, Json] = {**(settings or {}), "budget": str(budget), **searched, "trained": trained}
    kept = _study(study, task, asked, seed)
    if kept is not None:
        kept.take_lease()
        begin -= kept.seconds()
    runner, journal = Runner(plan, listener, stop), Journal(kept)
    with _released(kept):
        if kept is not None:
            kept.set_plan(plan.to_json())
        changes = changes_of(task) if transfer else ()
        outlook = Tuner(task, seed, space, chosen, goal, allowance, runner, journal, changes).run()
        result = assemble(
            task.name,
            journal.measurements(),
            goal=goal,
            outlook=outlook,
            costs=journal.costs(),
            seconds=time.perf_counter() - begin,
            plan=plan,
            study=None if kept is None else kept.name,
        )
    if kept is not None:
        kept.release(status="done", result=result.to_json())
    return result


def strategy_named(name: str) -> Strategy:
    """Return a strategy by its name.

    Raises:
        TaskError: If there is none of that name.
    """
    if name not in STRATEGIES:
        raise TaskError(f"no strategy {name!r}; there are {', '.join(STRATEGIES)}.", hint=nearest(name, STRATEGIES))
    return STRATEGIES[name]


@contextmanager
def _released(study: Study | None) -> Iterator[None]:
    """Give up driving a study when its work breaks off, and say how it stands."""
    try:
        yield
    except (Interrupted, KeyboardInterrupt) as interruption:
        stopped = Interrupted("asked to stop")
        if study is not None:
            study.release(status="interrupted")
            stopped.study = study.name
        raise stopped from interruption
    except BaseException as error:
        if study is not None:
            study.release(status="failed")
            error.add_note(
                f"What was done is kept: surefoot tune --resume {shlex.quote(study.name)} goes on from there."
            )
        raise


def fingerprint(task: Task, facts: ModelFacts) -> dict[str, Json]:
    """Return what must not change while a study is broken off: the same trainings go on only with the same task.

    Example:
        >>> wine = as_task("wine")
        >>> fingerprint(wine, probe(wine))
        {'steps': 200, 'batch_size': 32, 'accumulate': 1, 'train': 142, 'valid': 36, 'parameters': 5251}
    """
    return {
        "steps": task.total_steps,
        "batch_size": task.batch_size,
        "accumulate": task.accumulate,
        "train": len(task.split("train")),
        "valid": len(task.split("valid")),
        "parameters": facts.parameters,
    }


def _study(study: Study | Path | str | None, task: Task, asked: dict[str, Json], seed: int) -> Study | None:
    """Return the study to go on with, or a new one.

    Raises:
        StudyError: If the study was begun with another task, budget or seed.
    """
    if study is None:
        return None
    if not isinstance(study, Study):
        return Study.create(Database(Path(study)), task=task.name, settings=asked, seed=seed)
    info = study.info()
    same = ("budget", "space", "strategy", "goal", "trained")
    before = {"seed": info.seed, **{key: info.settings.get(key, asked[key]) for key in same}}
    now = {"seed": seed, **{key: asked[key] for key in same}}
    changed = [key for key in before if before[key] != now[key]]
    if changed:
        given = "; ".join(f"{key} was {before[key]}, now {now[key]}" for key in changed)
        raise StudyError(f"study {study.name} cannot go on: {given}.", hint="begin a new one, or undo the change.")
    return study


def _plan(
    task: Task,
    plan: Plan | None,
    study: Study | Path | str | None,
    progress: Progress,
    *,
    device: str,
    budget: Budget,
) -> Plan:
    """Return the plan given, the one the study began with, or a measured one."""
    recorded = study.info().plan if isinstance(study, Study) else None
    if plan is not None or recorded is not None:
        return plan or Plan.from_json(recorded)
    progress.stage("calibration", config_steps=0)
    work = None if budget.trainings is None else round(budget.trainings * task.total_steps)
    return calibrate(task, members=32, config_steps=work, device=device, tell=progress.tell)
