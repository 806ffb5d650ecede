"""Losses of settings over seeds, trained together."""

from __future__ import annotations

from collections.abc import Sequence

from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.tasks.task import Task
from surefoot.trainers.fleet_trainer import FleetTrainer
from surefoot.trainers.trial import Trial


def train(task: Task, plan: Plan, settings: Sequence[tuple[Recipe, int]], seeds: Sequence[int]) -> list[list[float]]:
    """Return the final validation losses of settings (recipe, steps), a list over the seeds for each.

    A training that diverged has an infinite loss.
    """
    trials = [Trial(recipe, steps, seed) for seed in seeds for recipe, steps in settings]
    losses = {trial: outcome.loss for trial, outcome in FleetTrainer(task, plan).train(trials)}
    return [[losses[Trial(recipe, steps, seed)] for seed in seeds] for recipe, steps in settings]
