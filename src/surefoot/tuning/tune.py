"""``surefoot.tune``: which learning rate, momentum and schedule to use."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from surefoot.budget import Budget
from surefoot.errors import StudyError
from surefoot.fleet import Plan, calibrate, launch
from surefoot.recipe import DEFAULT_RECIPE, Recipe
from surefoot.studies import Database, Measurement, Study
from surefoot.tasks.loader import as_task
from surefoot.tasks.probe import ModelFacts, probe
from surefoot.tasks.task import Task
from surefoot.tuning.allowance import RAMP_MOMENTA, Allowance, trainings_of
from surefoot.tuning.assembly import CONFIRM, DEFAULT_SCHEDULED, RANGE, SEARCH, assemble, ramps_of, space_of
from surefoot.tuning.confirm import confirm
from surefoot.tuning.halving import Conveyor, Verdict
from surefoot.tuning.journal import Journal
from surefoot.tuning.measure import measure_all
from surefoot.tuning.progress import Interrupted, Progress, Silent, Stop, never
from surefoot.tuning.range_test import Ramp, ramp_recipe
from surefoot.tuning.result import TuneResult
from surefoot.tuning.runner import Runner
from surefoot.tuning.search import Search
from surefoot.tuning.space import Space
from surefoot.values import Json

# Seeds of the confirmation lie far from those of the search.
FRESH_SEEDS = 10_000


@dataclass(slots=True)
class Tuner:
    """The stages of one tune, each remembered by the journal."""

    task: Task
    seed: int
    allowance: Allowance
    runner: Runner
    journal: Journal

    def ramps(self) -> list[Ramp]:
        """Ramp the learning rate without momentum and with the usual one; see where training breaks."""
        steps = self.allowance.ramp_steps
        self.runner.progress.stage("range test", config_steps=len(RAMP_MOMENTA) * steps)
        return ramps_of(self.journal.measure(RANGE, self._ramp))

    def _ramp(self) -> tuple[list[Measurement], int]:
        steps = self.allowance.ramp_steps
        recipes = [ramp_recipe(momentum, steps=steps) for momentum in RAMP_MOMENTA]
        fresh = partial(launch, self.task, recipes, seed=self.seed, plan=self.runner.plan, total=steps)
        fleet = self.journal.train(RANGE, fresh, steps, task=self.task, runner=self.runner)
        places = range(len(recipes))
        return measure_all(fleet, places, places, stage=RANGE), steps * len(recipes)

    def search(self, space: Space) -> list[Verdict]:
        """Search the space; return the candidates, best first."""
        ceiling = self.allowance.search
        self.runner.progress.stage(SEARCH, config_steps=round(ceiling * self.task.total_steps))

        def start() -> Conveyor:
            return Conveyor.begin(
                self.allowance.population,
                total=self.task.total_steps,
                ceiling=int(ceiling * self.task.total_steps),
                generator=np.random.default_rng(self.seed),
            )

        return Search(self.task, space, start, self.runner, self.journal, self.seed).run()

    def confirm(self, recipes: list[Recipe]) -> None:
        """Train recipes on fresh seeds."""
        seeds = [FRESH_SEEDS * (self.seed + 1) + number for number in range(self.allowance.seeds)]
        self.runner.progress.stage(CONFIRM, config_steps=len(recipes) * len(seeds) * self.task.total_steps)
        confirm(self.task, recipes, seeds=seeds, runner=self.runner, journal=self.journal)


def tune(
    task: Task | str,
    *,
    budget: Budget | str = "30x",
    seed: int = 0,
    study: Study | Path | str | None = None,
    settings: Mapping[str, Json] | None = None,
    plan: Plan | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    stop: Stop = never,
) -> TuneResult:
    """Find the learning rate and momentum of SGD under cosine annealing that reach the lowest validation loss.

    A range test bounds the learning rate; successive halving on a fleet searches lr / (1 - momentum) and momentum;
    the best few are trained again on fresh seeds, beside the default recipe. The same seed, plan and versions give
    the same answer, bit for bit, where the budget is in trainings.

    Args:
        task: What is trained, or its text (``"digits"``, ``"train.py:task"``).
        budget: Ceiling on the work: ``"30x"`` (30 full trainings) or ``"120s"``.
        seed: Of everything random.
        study: Where to keep what was measured: a database to begin a study in, or a study to go on with.
        settings: What a new study is to remember of how it was asked for.
        plan: How to run the fleets; measured if not given.
        device: Where to train, if there is no plan.
        progress: Receives what happens.
        stop: Asked often; where it says yes, :class:`Interrupted` is raised and the study can be gone on with.

    Returns:
        The recommended recipe and all the evidence.

    Raises:
        TaskError: If the task cannot be trained.
        BudgetError: If the budget is too small.
        StudyError: If the study cannot be written, was begun with another task, budget or seed, or another process
            drives it.
        Interrupted: If asked to stop; with a study, calling again goes on from there.

    Example:
        >>> found = tune("wine", budget="12x", plan=Plan("stacked", 16))
        >>> found.best.valid.mean < found.default.valid.mean
        True
    """
    begin = time.perf_counter()
    task = as_task(task)
    budget = Budget.parse(budget) if isinstance(budget, str) else budget
    if budget.trainings is not None:
        Allowance.of(budget.trainings, steps=task.total_steps)  # refuse a small budget before any work
    trained = fingerprint(task, probe(task))
    listener = progress or Silent()
    plan = _plan(task, plan, study, listener, device=device, budget=budget)
    allowance = Allowance.of(trainings_of(budget, steps=task.total_steps, plan=plan), steps=task.total_steps)
    asked: dict[str, Json] = {"budget": str(budget), **(settings or {}), "trained": trained}
    kept = _study(study, task, asked, seed)
    if kept is not None:
        kept.take_lease()
        begin -= kept.seconds()
    runner, journal = Runner(plan, listener, stop), Journal(kept)
    with _released(kept):
        if kept is not None:
            kept.set_plan(plan.to_json())
        _stages(Tuner(task, seed, allowance, runner, journal))
        result = assemble(
            task.name,
            journal.measurements(),
            costs=journal.costs(),
            seconds=time.perf_counter() - begin,
            plan=plan,
            study=None if kept is None else kept.name,
        )
    if kept is not None:
        kept.release(status="done", result=result.to_json())
    return result


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


def _stages(tuner: Tuner) -> None:
    """Go through all stages; what they measured is in the journal."""
    steps = tuner.task.total_steps
    tuner.runner.progress.begin(config_steps=round(tuner.allowance.total * steps))
    space = space_of(tuner.ramps(), steps=steps)
    ranking = tuner.search(space)
    finalists = [verdict for verdict in ranking if np.isfinite(verdict.loss)][: tuner.allowance.finalists]
    recipes = [space.recipe(verdict.candidate.point) for verdict in finalists]
    # A dict keeps the order and drops a default that the search found by itself.
    tuner.confirm(list(dict.fromkeys([*recipes, DEFAULT_RECIPE, DEFAULT_SCHEDULED])))


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
    before = {"seed": info.seed, **{key: info.settings.get(key, asked[key]) for key in ("budget", "trained")}}
    now = {"seed": seed, "budget": asked["budget"], "trained": asked["trained"]}
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
