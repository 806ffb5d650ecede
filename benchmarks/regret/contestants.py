"""Who is compared: each gives recommendations for a task and a draw, with what they cost in full trainings.

Costs are counted in config-steps, so they do not hang on the machine. Searches go on until they have spent the most;
an optimizer that needs no search, or a range test before the training, has one recommendation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import crc32

from benchmarks.contestants.space import recipe_text
from benchmarks.regret.lockstep import drive
from benchmarks.regret.searches import COSTS, SEARCHES, Ended, Recommendation, recommendations
from surefoot.fleet.plan import Plan
from surefoot.tasks.task import Task

# What a range test takes.
FINDER_STEPS, FINDER_MOMENTUM = 100, 0.9
# A budget counts as kept where this factor of it is not exceeded.
TOLERANCE = 1.02


@dataclass(frozen=True, slots=True)
class Contestant:
    """A contestant.

    Attributes:
        name: What the command line and the data call it.
        title: What tables and figures call it.
        needs: The package it is made of, ``None`` where surefoot's own dependencies are enough.
        once: Returns its recommendations for a task and a draw; ``None`` for the searches of ``searches.py``, which are
            driven together.
    """

    name: str
    title: str
    needs: str | None = None
    once: Callable[[Task, int, float], list[Recommendation]] | None = None

    @property
    def installed(self) -> bool:
        return self.needs is None or find_spec(self.needs) is not None

    @property
    def searches(self) -> bool:
        return self.name in SEARCHES


def tuned(task: Task, seed: int, most: float) -> list[Recommendation]:
    """Return what surefoot recommends with each budget: one search, gone on with as the budget grows.

    What a search that goes on recommends is what it would have recommended with that budget from the start
    (``tests/functional/test_resume.py``).
    """
    import surefoot  # noqa: PLC0415  (its search is what is measured: nothing else loads it)
    from surefoot.studies.study import Study  # noqa: PLC0415

    points, plan = [], None
    with TemporaryDirectory() as folder:
        path = Path(folder) / "study.db"
        for cost in (cost for cost in COSTS if cost <= most):
            study = Study.open(str(path)) if path.exists() else path
            result = surefoot.tune(task, budget=f"{cost:g}x", seed=seed, study=study, plan=plan)
            plan = None if result.plan is None else Plan.from_json(result.plan)
            recipe = None if result.recipe is None else str(result.recipe)
            steps = result.steps or task.total_steps
            points.append(Recommendation(result.config_steps / task.total_steps, recipe, steps))
    return at_costs(points, most=most)


def trained_once(recipe: str) -> Callable[[Task, int, float], list[Recommendation]]:
    """Return a contestant that recommends one recipe for every task, at the price of a training."""
    return lambda task, _, most: at_costs([Recommendation(1.0, recipe, task.total_steps)], most=most)


def range_test(module: str) -> Callable[[Task, int, float], list[Recommendation]]:
    """Return a contestant that recommends the rate of a range test, with momentum 0.9."""

    def recommend(task: Task, seed: int, most: float) -> list[Recommendation]:
        lr = import_module(module).suggestion(task, seed=seed)
        recipe = None if lr is None else recipe_text(lr, FINDER_MOMENTUM)
        return at_costs([Recommendation(FINDER_STEPS / task.total_steps, recipe, task.total_steps)], most=most)

    return recommend


def at_costs(points: Sequence[Recommendation], *, most: float = COSTS[-1]) -> list[Recommendation]:
    """Return what is recommended at each cost: the last of some recommendations that costs no more.

    Example:
        >>> found = at_costs([Recommendation(0.4, "a", 10), Recommendation(3.0, "b", 10)], most=3.0)
        >>> [each.recipe for each in found]
        [None, 'a', 'a', 'a', 'b']
    """
    found = []
    for cost in (cost for cost in COSTS if cost <= most):
        known = [point for point in points if point.cost <= cost * TOLERANCE]
        last = max(known, key=lambda point: point.cost, default=None)
        found.append(Recommendation(cost, last.recipe if last else None, last.steps if last else points[0].steps))
    return found


def searched(task: Task, wanted: Iterable[tuple[str, int]], *, most: float) -> list[list[Recommendation]]:
    """Return the recommendations of searches, each a name and a draw; all are driven together."""
    chosen = [*wanted]
    searches = [(SEARCHES[name](sampler_seed(name, task.name, draw)), draw) for name, draw in chosen]
    ended = drive(task, searches, most=most)
    return [_reached(trainings, task.total_steps, most) for trainings in ended]


def sampler_seed(contestant: str, task: str, draw: int) -> int:
    """Return the seed of a search's own draws: another one on every task, or all tasks would see the same settings.

    Example:
        >>> sampler_seed("asha", "digits", 0) == sampler_seed("asha", "attention", 0)
        False
    """
    return crc32(f"{contestant}/{task}/{draw}".encode())


def _reached(trainings: Sequence[Ended], steps: int, most: float) -> list[Recommendation]:
    return recommendations(trainings, steps, [cost for cost in COSTS if cost <= most])


SUREFOOT = Contestant("surefoot", "surefoot", once=tuned)
TPE = Contestant("optuna-tpe", "Optuna TPE + Hyperband")
CONTESTANTS = (
    SUREFOOT,
    TPE,
    Contestant("optuna-gp", "Optuna GP"),
    Contestant("random-median", "random search, median pruning"),
    Contestant("asha", "ASHA (Optuna's successive halving)"),
    Contestant(
        "lr-finder",
        "torch-lr-finder, momentum 0.9",
        "torch_lr_finder",
        range_test("benchmarks.contestants.lr_finder"),
    ),
    Contestant(
        "lightning-finder",
        "Lightning's finder, momentum 0.9",
        "lightning",
        range_test("benchmarks.contestants.lightning_finder"),
    ),
    Contestant("adam", "Adam at 1e-3, cosine", once=trained_once("adam(lr=cosine(0.001))")),
    Contestant("prodigy", "Prodigy", "prodigyopt", trained_once("prodigy")),
    Contestant("schedule-free", "Schedule-Free AdamW", "schedulefree", trained_once("schedulefree")),
)
