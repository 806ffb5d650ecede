"""What is made as good as possible: a low validation loss, or a high metric; at the end, or at the best moment.

What find or tune was asked.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from surefoot.core.budget import Budget
from surefoot.core.progress import Progress, Silent, Stop, never
from surefoot.core.values import Json
from surefoot.fleet.plan import Plan
from surefoot.recipe.recipe import Recipe
from surefoot.search.goal import Aim
from surefoot.search.result import Command
from surefoot.search.samplers.sampler import Sampler
from surefoot.search.space.search_space import SearchSpace
from surefoot.studies.study import Study


@dataclass(slots=True)
class Request:
    """What find or tune was asked.

    Attributes:
        command: Which of the two.
        subject: A Task or its text, a training function, or a trainer.
        budget: As given.
        seed: Of everything random.
        space: What may be tried.
        sampler: Which points are tried.
        aim: What is made as good as possible.
        compare: Recipes to be trained beside the answer.
        tolerance: Loss over the best, as a share, that is still good.
        study: Where to keep what is measured: a database, or a study to go on with.
        settings: What a new study is to remember of how it was asked for.
        plan: How to run a task; measured, if not given.
        device: Where to train a task.
        steps: Length of a full training of a function.
        workers: Processes for a function's trials; 0 trains in this one.
        timeout: Seconds after which a function's trial has failed.
        output: Folder for what functions and scripts print; beside the study, if not given.
        started: When the clock of a budget in seconds began to run, by ``time.monotonic``; now, if not given.
        transfer: Whether to measure as well how the answer changes with the batch size.
        progress: Receives what happens.
        stop: Asked often.
    """

    command: Command
    subject: Any
    budget: Budget
    seed: int = 0
    space: SearchSpace = field(default_factory=SearchSpace)
    sampler: Sampler | str = "surefoot"
    aim: Aim = field(default_factory=Aim)
    compare: tuple[Recipe, ...] = ()
    tolerance: float = 0.05
    study: Study | Path | str | None = None
    settings: Mapping[str, Json] = field(default_factory=dict)
    plan: Plan | None = None
    device: str = "cpu"
    steps: int | None = None
    workers: int = 0
    timeout: float | None = None
    output: Path | None = None
    started: float = field(default_factory=time.monotonic)
    transfer: bool = False
    progress: Progress = field(default_factory=Silent)
    stop: Stop = never


def recipes_of(given: Sequence[Recipe | str]) -> tuple[Recipe, ...]:
    """Return recipes that are given as such or as texts.

    Raises:
        RecipeError: If a text is none.
    """
    return tuple(Recipe.parse(each) if isinstance(each, str) else each for each in given)
