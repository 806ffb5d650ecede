"""How good is what `tune` recommends? Its recipe beside a dense grid's best, both trained on fresh seeds.

    python benchmarks/quality.py [TASK ...] [--seeds N] [--budget 30x]

The grid is every factor of 2 of lr / (1 - momentum), from 2^-8 to 2^6, times momentum 0, 0.5, 0.8, 0.9, 0.95, 0.98,
under cosine annealing, each setting the mean of three seeds. Its best by those seeds and what `tune` recommends are
then trained together on ten seeds that neither has seen. Quoted is the ratio of their mean losses: 1 is as good as
the grid, which costs 270 trainings where `tune` costs 30.
"""

from __future__ import annotations

import argparse
import statistics

import numpy as np

from surefoot.fleet import Plan, calibrate, launch
from surefoot.recipe import DEFAULT_RECIPE, Recipe
from surefoot.schedules import Cosine
from surefoot.tasks.loader import load
from surefoot.tasks.task import Task
from surefoot.tuning.tune import tune

MOMENTA = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)
EFFECTIVE = tuple(2.0**power for power in range(-8, 7))
GRID_SEEDS = (900_001, 900_002, 900_003)
FRESH_SEEDS = tuple(range(700_001, 700_011))


def losses(task: Task, recipes: list[Recipe], seeds: tuple[int, ...], plan: Plan) -> np.ndarray:
    """Return final validation losses [seeds, recipes], infinite where training diverged."""
    rows = []
    for seed in seeds:
        fleet = launch(task, recipes, seed=seed, plan=plan)
        fleet.train(task.total_steps)
        rows.append(fleet.evaluate("valid").loss.numpy())
    return np.nan_to_num(np.array(rows), nan=np.inf)


def grid_best(task: Task, plan: Plan) -> Recipe:
    grid = [
        Recipe.of("sgd", lr=Cosine(rate * (1 - momentum)), momentum=momentum)
        for momentum in MOMENTA
        for rate in EFFECTIVE
    ]
    return grid[int(np.argmin(losses(task, grid, GRID_SEEDS, plan).mean(0)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=["digits", "mnist1d", "breast-cancer", "diabetes", "wine"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", default="30x")
    arguments = parser.parse_args()
    print(f"{'task':14} {'grid best':42} {'tune / grid, each seed':32} {'default / tune':>14} {'x':>5} {'s':>6}")
    for name in arguments.tasks:
        task = load(name)
        plan = calibrate(task, members=32)
        best = grid_best(task, plan)
        results = [tune(task, budget=arguments.budget, seed=seed, plan=plan) for seed in range(arguments.seeds)]
        found = [result.best.recipe if result.best else DEFAULT_RECIPE for result in results]
        means = losses(task, [best, DEFAULT_RECIPE, *found], FRESH_SEEDS, plan).mean(0)
        ratios = means[2:] / means[0]
        cost = statistics.median(result.config_steps / result.steps for result in results)
        seconds = statistics.median(result.seconds for result in results)
        print(
            f"{name:14} {best!s:42} {' '.join(f'{ratio:.3f}' for ratio in ratios):32} "
            f"{means[1] / statistics.median(means[2:]):14.2f} {cost:5.1f} {seconds:6.1f}",
            flush=True,
        )
        for result in results:
            print("   ", result.best.recipe if result.best else result.reason, flush=True)


if __name__ == "__main__":
    main()
