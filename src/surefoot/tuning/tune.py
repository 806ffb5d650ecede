"""``surefoot.tune``: which learning rate, momentum, schedule and optimizer to use."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from surefoot.budget import Budget
from surefoot.errors import StudyError, TaskError, nearest
from surefoot.fleet import Plan, calibrate, launch
from surefoot.recipe import DEFAULT_RECIPE, Recipe
from surefoot.schedules import Warmup
from surefoot.studies import Database, Measurement, Study
from surefoot.tasks.loader import as_task
from surefoot.tasks.probe import ModelFacts, probe
from surefoot.tasks.task import Task
from surefoot.tuning.allowance import RAMP_MOMENTUM, Allowance, trainings_of, usual_budget
from surefoot.tuning.assembly import Outlook, assemble, confirmed, ramps_of, standings
from surefoot.tuning.confirm import confirm
from surefoot.tuning.conveyor import Conveyor, Terrain
from surefoot.tuning.evidence import Surface
from surefoot.tuning.goal import Goal, check_goal
from surefoot.tuning.journal import CONFIRM, RANGE, SEARCH, Journal
from surefoot.tuning.likely_settings import FEWEST_JUDGED, likely_settings
from surefoot.tuning.measure import measure_all
from surefoot.tuning.progress import Interrupted, Progress, Silent, Stop, never
from surefoot.tuning.range_test import effective_limit, ramp_recipe
from surefoot.tuning.result import TuneResult
from surefoot.tuning.runner import Runner
from surefoot.tuning.search import Search
from surefoot.tuning.space import Coordinates, Point, SearchSpace
from surefoot.tuning.space.shapes import with_peak
from surefoot.tuning.strategies import STRATEGIES, Strategy
from surefoot.tuning.transfer import SEEDS, Change, Transferrer, changes_of, price
from surefoot.values import Json

# Seeds of the confirmation lie far from those of the search.
FRESH_SEEDS = 10_000
# Those of the transfer lie so far beyond those of the confirmation, on which the answer was chosen.
TRANSFER_SEEDS = 100
# What a report calls the first two axes of a search.
HYPERPARAMETERS = {"rate": "lr", "memory": "momentum"}


@dataclass(slots=True)
class Tuner:
    """The stages of one tune, each remembered by the journal.

    Attributes:
        changes: Of the task, to which the answer is transferred.
    """

    task: Task
    seed: int
    space: SearchSpace
    strategy: Strategy
    goal: Goal
    allowance: Allowance
    runner: Runner
    journal: Journal
    changes: tuple[Change, ...] = ()

    def run(self) -> Outlook:
        """Go through all stages; what they measured is in the journal.

        Raises:
            Interrupted: If asked to stop.
        """
        budget = round(self.allowance.total * self.task.total_steps)
        self.runner.progress.begin(config_steps=budget + price(self.changes))
        if self.changes:
            self.runner.progress.tell(transfer_cost(self.changes, self.task.total_steps))
        coordinates = self._coordinates()
        conveyor = self._search(coordinates)
        finalists = self._finalists(conveyor, coordinates)
        best = finalists[0] if finalists else coordinates.recipe((0.5,) * len(coordinates.axes))
        scheduled = DEFAULT_RECIPE.with_(lr=with_peak(best.lr, DEFAULT_RECIPE.lr.value(0, 1)))
        # A dict keeps the order and drops a default that the search found by itself.
        self._confirm([*dict.fromkeys([*finalists, DEFAULT_RECIPE, scheduled])])
        return self._transferred(self._outlook(scheduled, conveyor, coordinates))

    def _coordinates(self) -> Coordinates:
        """Ramp the learning rate with every optimizer to see where training breaks, unless the user knows."""
        steps = self.task.total_steps
        if self.space.lr is not None:
            return Coordinates.below(self.space, {}, steps=steps)
        self.runner.progress.stage("range test", config_steps=len(self.space.optimizers) * self.allowance.ramp_steps)
        ramps = ramps_of(self.journal.measure(RANGE, self._ramp))
        limits = {ramp.optimizer: effective_limit([ramp]) for ramp in ramps}
        return Coordinates.below(self.space, limits, steps=steps)

    def _ramp(self) -> tuple[list[Measurement], int]:
        steps = self.allowance.ramp_steps
        recipes = [ramp_recipe(RAMP_MOMENTUM, steps=steps, optimizer=name) for name in self.space.optimizers]
        fresh = partial(launch, self.task, recipes, seed=self.seed, plan=self.runner.plan, total=steps)
        fleet = self.journal.train(RANGE, fresh, steps, task=self.task, runner=self.runner)
        places = range(len(recipes))
        return measure_all(fleet, places, places, stage=RANGE), steps * len(recipes)

    def _search(self, coordinates: Coordinates) -> Conveyor:
        """Search the space; return the conveyor as it stands at the end."""
        ceiling = int(self.allowance.search * self.task.total_steps)
        self.runner.progress.stage(SEARCH, config_steps=ceiling)

        def start() -> Conveyor:
            return Conveyor.begin(
                self.allowance.population,
                total=self.task.total_steps,
                ceiling=ceiling,
                generator=np.random.default_rng(self.seed),
                terrain=terrain_of(coordinates),
                strategy=self.strategy,
            )

        return Search(self.task, coordinates, start, self.runner, self.journal, self.seed, self.goal).run()

    def _finalists(self, conveyor: Conveyor, coordinates: Coordinates) -> list[Recipe]:
        """Return the recipes to confirm: those that came furthest, and the lowest point of the surface through all.

        The best of many noisy judgements was partly lucky; the surface averages over its neighbours.
        """
        reached = [verdict.candidate.point for verdict in conveyor.ranking() if np.isfinite(verdict.loss)]
        chosen: list[Point] = reached[: self.allowance.finalists]
        if self.strategy.smooths and len(reached) >= FEWEST_JUDGED:
            lowest = Surface(conveyor.verdicts).minimum(conveyor.box, generator=np.random.default_rng(self.seed))
            chosen = [*reached[: self.allowance.finalists - 1], lowest]
        return [coordinates.recipe(point) for point in chosen]

    def _confirm(self, recipes: list[Recipe]) -> None:
        """Train recipes on fresh seeds."""
        seeds = [FRESH_SEEDS * (self.seed + 1) + number for number in range(self.allowance.seeds)]
        self.runner.progress.stage(CONFIRM, config_steps=len(recipes) * len(seeds) * self.task.total_steps)
        confirm(self.task, recipes, seeds=seeds, runner=self.runner, journal=self.journal)

    def _outlook(self, scheduled: Recipe, conveyor: Conveyor, coordinates: Coordinates) -> Outlook:
        """Return where the best settings are likely to be, and which of them lie on the edge of what was searched."""
        ranked = standings(confirmed(self.journal.measurements(), scheduled=scheduled).values(), goal=self.goal)
        if not ranked:
            return Outlook(scheduled)
        best, tied = ranked[0], [found.recipe for found in ranked if found.tied]
        generator = np.random.default_rng(self.seed)
        lr, momentum = likely_settings(best.recipe, tied, conveyor, coordinates, generator=generator)
        walls = coordinates.edges(coordinates.point(best.recipe), conveyor.box) if best.searched else ()
        names = dict.fromkeys(coordinates.axes[axis].name for axis, _ in walls)
        return Outlook(scheduled, lr, momentum, tuple(HYPERPARAMETERS.get(name, name) for name in names))

    def _transferred(self, outlook: Outlook) -> Outlook:
        """Add how the answer changes with the task, where that is asked for and there is an answer."""
        found = confirmed(self.journal.measurements(), scheduled=outlook.scheduled)
        ranked = standings(found.values(), goal=self.goal)
        if not self.changes or not ranked:
            return outlook
        seeds = [FRESH_SEEDS * (self.seed + 1) + TRANSFER_SEEDS + number for number in range(SEEDS)]
        transferrer = Transferrer(ranked[0].recipe, seeds, self.goal, self.runner, self.journal)
        return replace(outlook, transfer=transferrer.run(self.changes))


def transfer_cost(changes: tuple[Change, ...], steps: int) -> str:
    """Return what a transfer is going to cost, in one line."""
    cost = price(changes)
    return (
        f"transfer: {cost:,} config-steps, as many as {cost / steps:.0f} full trainings, come on top of the budget; "
        "more where the best rate lies far from the answer's."
    )


def terrain_of(coordinates: Coordinates) -> Terrain:
    """Return where a search in some coordinates may look."""

    def warmup(point: Point) -> float:
        schedule = coordinates.recipe(point).lr
        return schedule.length.amount / 100 if isinstance(schedule, Warmup) else 0.0

    return Terrain(len(coordinates.axes), coordinates.outermost, coordinates.edges, warmup)


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
