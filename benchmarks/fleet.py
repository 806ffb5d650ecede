"""What a config-step costs: a plain PyTorch loop, the serial fleet, and the stacked fleet as calibrated.

    python benchmarks/fleet.py [TASK ...] [--rounds N]

The three are timed in turn, round by round, on the same task with the same recipe (SGD with momentum under cosine
annealing); quoted are medians over rounds, and the median of the rounds' ratios to the plain loop. The plain loop is
what a user writes: one model, `torch.optim.SGD`, `CosineAnnealingLR`, batches by index, torch's own threads.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from surefoot.fleet import calibrate, launch
from surefoot.fleet.plan import Plan
from surefoot.recipe import Recipe
from surefoot.tasks.batches import BatchOrder
from surefoot.tasks.loader import load
from surefoot.tasks.task import Task

RECIPE = Recipe.parse("sgd(lr=cosine(0.05), momentum=0.9)")
SECONDS = 1.0


def plain_loop(task: Task, steps: int) -> float:
    """Train one model as a user would; return seconds a step."""
    model = task.new_model().train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    order = BatchOrder(len(task.split("train")), task.batch_size, seed=0)
    begin = time.perf_counter()
    for step in range(steps):
        loss = task.batch_loss(model, task.batch("train", order.indices(step)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    return (time.perf_counter() - begin) / steps


def fleet_steps(task: Task, plan: Plan, members: int, steps: int) -> float:
    """Train a fleet; return seconds a config-step."""
    fleet = launch(task, [RECIPE] * members, seed=0, plan=plan, total=10 * steps)
    fleet.train(1)
    begin = time.perf_counter()
    fleet.train(steps)
    return (time.perf_counter() - begin) / (steps * members)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=["digits", "mnist1d", "fashion-mnist", "breast-cancer"])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; µs a config-step, medians")
    print(f"{'task':15} {'loop':>8} {'serial':>8} {'stacked':>8}  {'width':>5} {'serial x':>9} {'stacked x':>10}")
    for name in arguments.tasks:
        task = load(name)
        plan = calibrate(task, members=32)
        steps = max(5, round(SECONDS / plain_loop(task, 5)))
        rows = []
        for _ in range(arguments.rounds):
            loop = plain_loop(task, steps)
            serial = fleet_steps(task, Plan("serial", 8, threads=torch.get_num_threads()), 8, max(5, steps // 8))
            stacked = fleet_steps(task, plan, plan.width, max(5, steps // 8))
            rows.append((loop, serial, stacked, loop / serial, loop / stacked))
        loop, serial, stacked, serial_ratio, stacked_ratio = map(statistics.median, zip(*rows, strict=True))
        print(
            f"{name:15} {1e6 * loop:8.0f} {1e6 * serial:8.0f} {1e6 * stacked:8.0f}  {plan.width:5} "
            f"{serial_ratio:9.2f} {stacked_ratio:10.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
