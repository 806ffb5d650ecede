"""``surefoot.find``: which range of learning rates is usable, for every momentum."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.curvature.sharpness import MOST_GRADIENTS, PRIOR_BATCHES, Sharpness, sharpness_prior
from surefoot.errors import TaskError
from surefoot.fleet import Plan, calibrate, launch
from surefoot.fleet.progress import Progress, Silent, Stop, never
from surefoot.fleet.runner import Runner
from surefoot.fleet.threads import using_threads
from surefoot.recipe import Recipe
from surefoot.tasks.loader import as_task
from surefoot.tasks.probe import probe
from surefoot.tasks.task import Task
from surefoot.tuning.found import FindResult
from surefoot.tuning.range_test import ramp_recipe, read_ramp
from surefoot.tuning.short_runs import A_ROUND, FIRST, ROUNDS, Runs, first_places, next_places, rate_at
from surefoot.tuning.suggestion import refusal, suggest
from surefoot.tuning.usable import read_range

MOMENTA = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)
# A ramp that is shorter shows nothing.
SHORTEST = 20
# Steps of a short run; of a task whose training is shorter, all of them.
RUN_STEPS = 90
# A run's loss at the end is the mean of this share of its steps.
END = 0.2
STILL = Recipe.of("sgd", lr=0.0, momentum=0.0)


def find(
    task: Task | str,
    *,
    momenta: Sequence[float] = MOMENTA,
    steps: int = 100,
    seeds: int = 3,
    seed: int = 0,
    plan: Plan | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    stop: Stop = never,
) -> FindResult:
    """Find the usable learning rates of SGD at several momenta.

    First the learning rate ramps up at every momentum at once, which shows where training breaks. Then short runs at
    constant rates around that place, as long as the task says, show which rates learn, and are narrowed round by round:
    read off a ramp, every answer would depend on the ramp's length. The user's model is never touched: fleets train
    copies.

    Args:
        task: What is trained, or its text.
        momenta: Which momenta to try.
        steps: Length of the ramp: how finely it is resolved. It locates; the answer hardly depends on it.
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
    _check(momenta, steps=steps, seeds=seeds)
    probe(task)
    listener = progress or Silent()
    most = most_config_steps(task, momenta=len(momenta), steps=steps, seeds=seeds)
    plan = plan or calibrate(task, members=len(momenta) * FIRST, config_steps=most, device=device, tell=listener.tell)
    trainer = _Trainer(task, range(seed, seed + seeds), Runner(plan, listener, stop))
    listener.begin(config_steps=most)
    listener.tell(f"at most {most:,} config-steps, as many as {most / task.total_steps:.3g} full trainings.")
    listener.stage("sharpness", config_steps=MOST_GRADIENTS * PRIOR_BATCHES)
    with using_threads(plan.threads):
        sharpness = sharpness_prior(task, seed=seed, device=plan.device)
    trainer.config_steps += _config_steps(sharpness, task)
    listener.stage("ramps", config_steps=len(momenta) * steps)
    recipes = [ramp_recipe(momentum, steps=steps) for momentum in momenta]
    curves = trainer.losses(recipes, steps, seeds=1)
    ramps = [read_ramp(recipe, curves[:, row]) for row, recipe in enumerate(recipes)]
    run_steps = min(RUN_STEPS, task.total_steps)
    listener.stage("short runs", config_steps=_short_run_steps(task, momenta=len(momenta), seeds=seeds))
    still = trainer.losses([STILL], run_steps)
    # Where the gradient is not finite, even a rate of 0 moves the weights: the first loss is all that is left.
    still = _end(still) if np.isfinite(still).all() else still[:1]
    limits = [ramp.effective_limit for ramp in ramps]
    runs = _rounds(trainer, momenta, limits, still=still.mean(axis=0), steps=run_steps)
    start, noise = float(still.mean()), float(still.std(axis=0).mean() / math.sqrt(still.size))
    curved = sharpness.value if sharpness.value and sharpness.value > 0 else None
    ranges = tuple(
        read_range(ramp, each, start=start, noise=noise, sharpness=curved)
        for ramp, each in zip(ramps, runs, strict=True)
    )
    reason = refusal(ranges, start=start, noise=noise, steps=run_steps, bottomless=trainer.bottomless)
    return FindResult(
        task=task.name,
        ranges=ranges,
        suggestion=None if reason else suggest(ranges),
        reason=reason,
        start_loss=start,
        sharpness=sharpness,
        steps=steps,
        run_steps=run_steps,
        seeds=seeds,
        config_steps=trainer.config_steps,
        seconds=time.perf_counter() - begin,
        plan=plan,
    )


def most_config_steps(task: Task, *, momenta: int, steps: int, seeds: int) -> int:
    """Return what a range test costs at most, in config-steps, its sharpness included.

    Example:
        >>> from surefoot.tasks.loader import load
        >>> most_config_steps(load("digits"), momenta=6, steps=100, seeds=3)
        17230
    """
    runs = _short_run_steps(task, momenta=momenta, seeds=seeds)
    return momenta * steps + runs + MOST_GRADIENTS * PRIOR_BATCHES


def _short_run_steps(task: Task, *, momenta: int, seeds: int) -> int:
    """Return the most steps of all short runs, with the one that stands still."""
    return (momenta * (FIRST + ROUNDS * A_ROUND) + 1) * min(RUN_STEPS, task.total_steps) * seeds


def _config_steps(sharpness: Sharpness, task: Task) -> int:
    return math.ceil(sharpness.gradients * sharpness.samples / task.step_samples)


def _check(momenta: Sequence[float], *, steps: int, seeds: int) -> None:
    if steps < SHORTEST:
        raise TaskError(f"a range test needs at least {SHORTEST} steps; given {steps}.")
    if not momenta or seeds < 1:
        raise TaskError(f"a range test needs a momentum and a seed; given {len(momenta)} momenta and {seeds} seeds.")
    for momentum in momenta:
        Recipe.of("sgd", momentum=momentum)  # refuse what is no momentum before any work


@dataclass(slots=True)
class _Trainer:
    """Trains recipes from scratch on every seed, and keeps the account.

    Attributes:
        config_steps: What was done so far.
        bottomless: Whether a loss reached minus infinity.
    """

    task: Task
    seeds: Sequence[int]
    runner: Runner
    config_steps: int = 0
    bottomless: bool = False

    def losses(self, recipes: Sequence[Recipe], steps: int, *, seeds: int | None = None) -> NDArray[np.float64]:
        """Return the training losses ``[steps, recipes, seeds]``, on the first seeds or on all."""
        chosen = self.seeds[:seeds]
        fleets = (launch(self.task, recipes, seed=seed, plan=self.runner.plan, total=steps) for seed in chosen)
        losses = np.stack([self.runner.train(fleet, steps).numpy() for fleet in fleets], axis=-1)
        self.config_steps += losses.size
        self.bottomless |= bool(np.isneginf(losses).any())
        return losses


def _rounds(
    trainer: _Trainer,
    momenta: Sequence[float],
    limits: Sequence[float | None],
    *,
    still: NDArray[np.float64],
    steps: int,
) -> list[Runs]:
    """Try rates around each momentum's limit, then closer and closer around what matters.

    Args:
        trainer: Trains.
        momenta: The momenta.
        limits: lr / (1 - momentum) at which their ramps broke.
        still: Loss of the member that stood still ``[1, seeds]``, on the batches of the runs' ends.
        steps: Length of a run.
    """
    runs = [Runs((), np.empty((0, len(trainer.seeds)))) for _ in momenta]
    places = [first_places(limit) for limit in limits]
    for _ in range(1 + ROUNDS):
        recipes = [
            Recipe.of("sgd", lr=rate_at(place) * (1.0 - momentum), momentum=momentum)
            for momentum, wanted in zip(momenta, places, strict=True)
            for place in wanted
        ]
        if not recipes:
            break
        with np.errstate(invalid="ignore", over="ignore"):
            ends = _end(trainer.losses(recipes, steps)).mean(axis=0)
        gains = np.where(np.isfinite(ends), still - ends, -np.inf)
        parts = np.split(gains, np.cumsum([len(wanted) for wanted in places])[:-1])
        runs = [known.merged(wanted, part) for known, wanted, part in zip(runs, places, parts, strict=True)]
        places = [next_places(known) for known in runs]
    return runs


def _end(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the losses of the last steps."""
    return losses[-max(1, round(END * len(losses))) :]
