"""What a config-step costs: a plain PyTorch loop, one such process per core, and fleets.

    python -m benchmarks.fleet [TASK ...] [--rounds N] [--json FILE]

All are timed in turn, round by round, on the same task with the same recipe (SGD with momentum under cosine
annealing). Quoted are medians over the rounds, in microseconds, and medians of each round's ratio to the plain loop.

loop        what a user writes: one model, `torch.optim.SGD`, `CosineAnnealingLR`, batches by index, torch's own threads
one thread  the same with one thread: what a busy machine slows down least
per core    one process a core, each that loop with one thread
eager       a stacked fleet in one process per core, at the width that calibration likes best
compiled    the same, compiled
calibrated  what `calibrate` chose with much work ahead
jax         the two perceptrons: the same step as a jitted scan over a vmap, on all cores

The arithmetic of a step, counted by torch, over the peak of a large matrix product on every core at once, measured in
the same round, says how much of the machine is used.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import records
from benchmarks.entries import ENTRIES
from surefoot.fleet.calibration import calibrate
from surefoot.fleet.create_and_save_fleet import create_fleet
from surefoot.fleet.forked_processes import available_cores, run_jobs, using_threads
from surefoot.fleet.plan import Plan
from surefoot.fleet.training import train_members
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.batch_order_and_trees import BatchOrder
from surefoot.tasks.task import Task

RECIPE = Recipe.parse("sgd(lr=cosine(0.05), momentum=0.9)")
TASKS = ["digits", "mnist1d-mlp", "mnist1d-cnn", "fashion-cnn", "char-transformer"]
IN_JAX = ("digits", "mnist1d-mlp")
MEMBERS, PLENTY = 32, 10**7
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


def loop_one_thread(task: Task, steps: int) -> float:
    with using_threads(1):
        return plain_loop(task, steps)


def loop_per_core(task: Task, steps: int) -> float:
    with using_threads(1):
        begin = time.perf_counter()
        run_jobs([lambda: plain_loop(task, steps)] * available_cores(), processes=available_cores())
        return (time.perf_counter() - begin) / (steps * available_cores())


def fleet_steps(task: Task, plan: Plan, steps: int) -> float:
    """Train a fleet; return seconds a config-step."""
    fleet = create_fleet(task, [RECIPE] * MEMBERS, seed=0, plan=plan, total=10 * steps)
    train_members(fleet, 1)
    begin = time.perf_counter()
    train_members(fleet, steps)
    return (time.perf_counter() - begin) / (steps * MEMBERS)


def in_jax(task: Task, steps: int) -> float:
    """Return what :func:`jax_steps` does, from a process of its own: JAX's threads and forked processes do not mix."""
    widths = [str(width) for width in widths_of(task.new_model())]
    command = [sys.executable, "-m", "benchmarks.fleet", "--jax", str(steps), str(task.batch_size), *widths]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def widths_of(model: nn.Module) -> list[int]:
    """Return the widths of a perceptron, from its inputs to its outputs.

    Example:
        >>> widths_of(nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)))
        [64, 128, 10]
    """
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    return [layers[0].in_features, *(layer.out_features for layer in layers)]


def jax_steps(steps: int, batch_size: int, widths: Sequence[int]) -> float:
    """Train a perceptron with ReLU between its layers, 32 at once, in JAX; return seconds a config-step."""
    import jax  # noqa: PLC0415
    import jax.numpy as jnp  # noqa: PLC0415

    keys = jax.random.split(jax.random.key(0), len(widths) + 1)
    params = [
        (jax.random.normal(key, layer) / math.sqrt(layer[0]), jnp.zeros(layer[1]))
        for key, layer in zip(keys, pairwise(widths), strict=False)
    ]
    params = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (MEMBERS, *leaf.shape)), params)
    inputs = jax.random.normal(keys[-2], (steps, batch_size, widths[0]))
    targets = jax.random.randint(keys[-1], (steps, batch_size), 0, widths[-1])

    def loss(own, x, y):
        for weight, bias in own[:-1]:
            x = jax.nn.relu(x @ weight + bias)
        scores = x @ own[-1][0] + own[-1][1]
        return -jnp.take_along_axis(jax.nn.log_softmax(scores), y[:, None], axis=1).mean()

    def step(state, batch):
        params, velocity = state
        losses, grads = jax.vmap(jax.value_and_grad(loss), in_axes=(0, None, None))(params, *batch)
        velocity = jax.tree.map(lambda v, g: 0.9 * v + g, velocity, grads)
        return (jax.tree.map(lambda w, v: w - 0.05 * v, params, velocity), velocity), losses

    run = jax.jit(lambda state, batches: jax.lax.scan(step, state, batches))
    state = params, jax.tree.map(jnp.zeros_like, params)
    jax.block_until_ready(run(state, (inputs, targets)))
    begin = time.perf_counter()
    jax.block_until_ready(run(state, (inputs, targets)))
    return (time.perf_counter() - begin) / (steps * MEMBERS)


def peak_flops() -> float:
    """Return the floating-point operations a second of large matrix products, one on each core."""
    a = torch.randn(1024, 1024)

    def work() -> None:
        for _ in range(10):
            a @ a

    with using_threads(1):
        work()
        begin = time.perf_counter()
        run_jobs([work] * available_cores(), processes=available_cores())
        return available_cores() * 10 * 2 * 1024**3 / (time.perf_counter() - begin)


def step_flops(task: Task) -> int:
    """Return the operations of one forward and backward pass."""
    model, order = task.new_model(), BatchOrder(len(task.split("train")), task.batch_size, seed=0)
    with FlopCounterMode(display=False) as counter:
        task.batch_loss(model, task.batch("train", order.indices(0))).backward()
    return int(counter.get_total_flops())


def measure(name: str, rounds: int) -> dict[str, object]:
    task = ENTRIES[name].load()
    begin = time.perf_counter()
    plan = calibrate(task, members=MEMBERS, config_steps=PLENTY)
    seconds = time.perf_counter() - begin
    eager = calibrate(task, members=MEMBERS)
    eager = replace(
        eager,
        backend="stacked",
        width=min(eager.width, MEMBERS // available_cores()),
        threads=1,
        processes=available_cores(),
    )
    steps = max(5, round(SECONDS / plain_loop(task, 5)))
    ways: dict[str, Callable[[], float]] = {
        "loop": partial(plain_loop, task, steps),
        "one thread": partial(loop_one_thread, task, steps),
        "per core": partial(loop_per_core, task, steps),
        "eager": partial(fleet_steps, task, eager, max(5, steps // 8)),
        "compiled": partial(fleet_steps, task, replace(eager, compiled=True), max(5, steps // 8)),
        "calibrated": partial(fleet_steps, task, plan, max(5, steps // 8)),
    }
    if name in IN_JAX and importlib.util.find_spec("jax"):
        ways["jax"] = partial(in_jax, task, max(5, steps // 8))
    found: list[dict[str, float]] = []
    for _ in range(rounds):
        found.append({way: run() for way, run in ways.items()} | {"peak": peak_flops()})
    best = [one["calibrated"] * one["peak"] for one in found]
    return {
        "task": name,
        "us": {way: 1e6 * statistics.median(one[way] for one in found) for way in ways},
        "speedup": {way: statistics.median(one["loop"] / one[way] for one in found) for way in ways},
        "over_per_core": statistics.median(one["per core"] / one["calibrated"] for one in found),
        "peak_gflops": statistics.median(one["peak"] for one in found) / 1e9,
        "step_mflop": step_flops(task) / 1e6,
        "share_of_peak": step_flops(task) / statistics.median(best),
        "plan": plan.to_json(),
        "calibration_seconds": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=TASKS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jax", type=int, nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, help="write the figures there")
    arguments = parser.parse_args()
    if arguments.jax:
        steps, batch_size, *widths = arguments.jax
        print(jax_steps(steps, batch_size, widths))
        return
    load = os.getloadavg()[0]
    print(f"torch {torch.__version__}, {available_cores()} cores, load {load:.1f}; µs a config-step, medians")
    results = []
    for name in arguments.tasks:
        results.append(found := measure(name, arguments.rounds))
        print(f"{name}: {Plan.from_json(found['plan']).summary}; calibrated in {found['calibration_seconds']:.1f} s")
        for way, cost in found["us"].items():
            print(f"  {way:11} {cost:9.0f} µs {found['speedup'][way]:7.2f}x", flush=True)
        print(
            f"  {found['over_per_core']:.2f}x one process per core; {found['step_mflop']:.1f} MFLOP a step, "
            f"{100 * found['share_of_peak']:.0f} % of {found['peak_gflops']:.0f} GFLOP/s",
            flush=True,
        )
        if arguments.json:
            records.write(arguments.json, {"machine": records.surroundings(), "results": results})


if __name__ == "__main__":
    main()
