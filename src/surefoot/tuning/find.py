"""``surefoot.find``: which range of learning rates is usable, for every momentum."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from surefoot.errors import TaskError
from surefoot.fleet import Plan, calibrate, launch
from surefoot.recipe import Recipe
from surefoot.tasks.loader import as_task
from surefoot.tasks.probe import probe
from surefoot.tasks.task import Task
from surefoot.tuning.found import FindResult, MomentumRange, Suggestion
from surefoot.tuning.progress import Progress, Silent, Stop, never
from surefoot.tuning.range_test import Ramp, ramp_recipe, read_ramp
from surefoot.tuning.runner import Runner

MOMENTA = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)
# The short runs after the ramp: rates from eight times the ramp's limit down, each half of the one before.
HALVINGS = 14
ABOVE_LIMIT = 8.0
# A rate is usable when its short run gained at least this share of what the best one gained.
USABLE = 0.9
SHORTEST = 20
# A gain below so many standard deviations of the batch losses is no gain.
CLEAR_GAIN = 3.0


def find(
    task: Task | str,
    *,
    momenta: Sequence[float] = MOMENTA,
    steps: int = 100,
    seeds: int = 2,
    seed: int = 0,
    plan: Plan | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    stop: Stop = never,
) -> FindResult:
    """Find the usable learning rates of SGD at several momenta.

    First the learning rate ramps up at every momentum at once, which shows where training breaks. Then short runs
    of equal length at constant rates around that place show which rates learn: read off a ramp, "too slow" would
    depend on the ramp's length. The user's model is never touched: fleets train copies.

    Args:
        task: What is trained, or its text.
        momenta: Which momenta to try.
        steps: Length of the ramp and of each short run.
        seeds: Fleets to average over, each with its own initialisation and data order.
        seed: The first of them.
        plan: How to run; measured if not given.
        device: Where to train, if there is no plan.
        progress: Receives what happens.
        stop: Asked often; where it says yes, :class:`Interrupted` is raised.

    Raises:
        TaskError: If the task cannot be trained, or ``steps`` is too short to see anything.

    Example:
        >>> found = find("wine", momenta=[0.9], steps=40, seeds=1, plan=Plan("stacked", 32))
        >>> found.suggestion.low <= found.suggestion.lr <= found.suggestion.high
        True
    """
    begin = time.perf_counter()
    task = as_task(task)
    if steps < SHORTEST:
        raise TaskError(f"a range test needs at least {SHORTEST} steps; given {steps}.")
    if not momenta or seeds < 1:
        raise TaskError(f"a range test needs a momentum and a seed; given {len(momenta)} momenta and {seeds} seeds.")
    for momentum in momenta:
        Recipe.of("sgd", momentum=momentum)  # refuse what is no momentum before any work
    probe(task)
    listener = progress or Silent()
    work = len(momenta) * (HALVINGS + 1) * steps * seeds
    plan = plan or calibrate(
        task, members=len(momenta) * HALVINGS, config_steps=work, device=device, tell=listener.tell
    )
    fleet_seeds = range(seed, seed + seeds)
    runner = Runner(plan, listener, stop)
    runner.progress.begin(config_steps=work)
    runner.progress.stage("ramps", config_steps=len(momenta) * steps * seeds)
    ramps = _ramp_all(task, momenta, steps=steps, seeds=fleet_seeds, runner=runner)
    runner.progress.stage("short runs", config_steps=len(momenta) * HALVINGS * steps * seeds)
    grids = [_rates_to_try(ramp) for ramp in ramps]
    curves = _short_runs(task, momenta, grids, steps=steps, seeds=fleet_seeds, runner=runner)
    start, noise = float(curves[0].mean()), _batch_noise(curves)
    ends = _ends(curves)
    ranges = tuple(
        _read_range(ramp, grid, end, start=start, noise=noise)
        for ramp, grid, end in zip(ramps, grids, ends, strict=True)
    )
    suggestion, reason = _suggest(ranges, start=start, steps=steps)
    return FindResult(
        task=task.name,
        ranges=ranges,
        suggestion=suggestion,
        reason=reason,
        start_loss=start,
        steps=steps,
        seeds=seeds,
        config_steps=len(momenta) * (HALVINGS + 1) * steps * seeds,
        seconds=time.perf_counter() - begin,
        plan=plan,
    )


def _ramp_all(task: Task, momenta: Sequence[float], *, steps: int, seeds: Sequence[int], runner: Runner) -> list[Ramp]:
    """Ramp the learning rate at every momentum, on every seed, and read the ramps."""
    recipes = [ramp_recipe(momentum, steps=steps) for momentum in momenta]
    losses = np.stack(
        [
            runner.train(launch(task, recipes, seed=seed, plan=runner.plan, total=steps), steps).numpy()
            for seed in seeds
        ],
        axis=-1,
    )
    return [read_ramp(momentum, losses[:, row]) for row, momentum in enumerate(momenta)]


def _rates_to_try(ramp: Ramp) -> NDArray[np.float64]:
    top = ABOVE_LIMIT * (ramp.limit or ramp.rates[-1])
    return np.geomspace(top * 0.5 ** (HALVINGS - 1), top, HALVINGS)


def _short_runs(
    task: Task,
    momenta: Sequence[float],
    grids: list[NDArray[np.float64]],
    *,
    steps: int,
    seeds: Sequence[int],
    runner: Runner,
) -> NDArray[np.float64]:
    """Return the training losses ``[steps, momenta, rates]`` of short runs, averaged over seeds."""
    recipes = [
        Recipe.of("sgd", lr=float(rate), momentum=momentum)
        for momentum, grid in zip(momenta, grids, strict=True)
        for rate in grid
    ]
    total = sum(
        runner.train(launch(task, recipes, seed=seed, plan=runner.plan, total=steps), steps).numpy() for seed in seeds
    )
    losses: NDArray[np.float64] = np.asarray(total) / len(seeds)
    return losses.reshape(steps, len(momenta), HALVINGS)


def _batch_noise(curves: NDArray[np.float64]) -> float:
    """Return the standard deviation of the loss from batch to batch, read off the runs at the smallest rates.

    Differences of neighbouring steps do not see the slow fall of the loss itself.
    """
    return float(np.diff(curves[:, :, 0], axis=0).std() / np.sqrt(2.0))


def _ends(curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean loss of the last fifth of each short run ``[momenta, rates]``, infinite where it diverged."""
    last: NDArray[np.float64] = curves[-max(1, len(curves) // 5) :].mean(axis=0)
    last[~np.isfinite(last)] = np.inf
    return last


def _read_range(
    ramp: Ramp, rates: NDArray[np.float64], ends: NDArray[np.float64], *, start: float, noise: float
) -> MomentumRange:
    gains = start - ends
    best = int(np.argmax(gains))
    found: dict[str, float | None] = {"low": None, "best": None, "high": None}
    if gains[best] > CLEAR_GAIN * noise:
        usable = np.flatnonzero(gains >= USABLE * gains[best])
        found = {"low": float(rates[usable[0]]), "best": _vertex(rates, ends, best), "high": float(rates[usable[-1]])}
    broken = np.flatnonzero((gains < 0) & (np.arange(len(rates)) > best))
    # Between the last rate that held and the first that broke: their geometric mean.
    limit = float(rates[broken[0]] / np.sqrt(2.0)) if len(broken) else None
    return MomentumRange(
        ramp.momentum, **found, limit=limit, rates=tuple(rates.tolist()), losses=tuple(ends.tolist()), ramp=ramp
    )


def _vertex(rates: NDArray[np.float64], ends: NDArray[np.float64], best: int) -> float:
    """Return the minimum of the parabola through the best rate and its neighbours, in log rate."""
    if not 0 < best < len(rates) - 1 or not np.isfinite(ends[best - 1 : best + 2]).all():
        return float(rates[best])
    before, here, after = ends[best - 1 : best + 2]
    bend = before - 2 * here + after
    shift = 0.5 * (before - after) / bend if bend > 0 else 0.0
    return float(rates[best] * 2.0 ** np.clip(shift, -0.5, 0.5))


def _suggest(ranges: tuple[MomentumRange, ...], *, start: float, steps: int) -> tuple[Suggestion | None, str | None]:
    usable = [row for row in ranges if row.best is not None]
    if not usable:
        reason = f"no learning rate lowered the loss clearly below its start of {start:.4g} within {steps} steps"
        return None, f"{reason}; try more steps, and check the loss and the data."
    row = min(usable, key=lambda row: row.best_loss)
    assert row.best is not None and row.low is not None and row.high is not None  # noqa: S101, PT018  (as selected)
    return Suggestion(lr=row.best, momentum=row.momentum, low=row.low, high=row.high), None
