"""The request: what the user asks of find or tune."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from surefoot.core.budget import Budget
from surefoot.core.errors import RecipeError
from surefoot.core.formatting import short_repr
from surefoot.core.progress import Progress, SilentProgress, StopCondition, never_stop
from surefoot.core.value_types import Json
from surefoot.fleet.plan import Plan
from surefoot.fleet.run_arguments import as_budget, require_run_arguments
from surefoot.recipe.recipe import Recipe
from surefoot.search.criterion import Criterion
from surefoot.search.samplers.built_in_samplers import Sampler
from surefoot.search.space.search_space import SearchSpace
from surefoot.studies.study import Study

Command: TypeAlias = Literal["find", "tune"]


@dataclass(slots=True)
class Request:
    """What the user asks of find or tune.

    Attributes:
        command: ``find`` or ``tune``.
        subject: What is trained: a Task or its text, a training function, or a Trainer.
        budget: Ceiling on the work, as the user gave it.
        seed: Seed of everything random.
        space: Search space: what may be tried.
        sampler: Sampler of the points at the lowest rung, or its name.
        criterion: What makes one training better than another.
        compare: The user's recipes to train in full as well.
        tolerance: Loss over the best, as a share of it, at which a setting is still good.
        study: Database to begin a study in, or a study to resume; ``None`` keeps nothing.
        settings: Settings of the command that a new study keeps, for it to be resumed and shown.
        plan: How to run a Task as a fleet; ``None`` measures it.
        device: Device that trains a Task without a plan.
        steps: Length of a full training in steps: needed for a function, another length for a Task.
        workers: Number of processes for a function's trials; 0 trains them in this process.
        timeout: Seconds after which a trial of a function or script fails; ``None`` sets no limit.
        output: Folder for what functions and scripts print; ``None`` puts it next to the study.
        started: Time at which a budget in seconds began, on the clock of ``time.monotonic``.
        transfer: Whether to measure how the best learning rate changes with the batch size.
        progress: Receives the stages, the best so far and messages.
        stop: Returns whether to stop; asked before every step.
    """

    command: Command
    subject: Any
    budget: Budget
    seed: int = 0
    space: SearchSpace = field(default_factory=SearchSpace)
    sampler: Sampler | str = "surefoot"
    criterion: Criterion = field(default_factory=Criterion)
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
    progress: Progress = field(default_factory=SilentProgress)
    stop: StopCondition = never_stop

    @classmethod
    def of(
        cls,
        command: Command,
        subject: Any,
        *,
        budget: Budget | str,
        space: SearchSpace | None,
        optimizers: Sequence[str] = (),
        schedules: Sequence[str] = (),
        compare: Sequence[Recipe | str] = (),
        settings: Mapping[str, Json] | None,
        output: Path | str | None,
        progress: Progress | None,
        **others: Any,
    ) -> Request:
        """Return a request from the arguments of find or tune: texts are parsed, and ``None`` becomes the default.

        Raises:
            BudgetError: If the budget's text cannot be parsed.
            RecipeError: If the text of a recipe to compare cannot be parsed, or an optimizer or a schedule is unknown.
        """
        run = ("seed", "steps", "plan", "workers", "timeout")
        require_run_arguments(**{name: others[name] for name in run if name in others})
        if space is not None and not isinstance(space, SearchSpace):
            raise RecipeError(
                f"a space is a surefoot.SearchSpace; given {short_repr(space)}.",
                hint="SearchSpace(lr=Range(0.01, 1.0)).",
            )
        space = space or SearchSpace()
        space = replace(
            space,
            optimizers=_names(optimizers) or space.optimizers,
            schedules=_names(schedules) or space.schedules,
        )
        return cls(
            command,
            subject,
            as_budget(budget),
            space=space,
            compare=parse_recipes(compare),
            settings=settings or {},
            output=None if output is None else Path(output),
            progress=progress or SilentProgress(),
            **others,
        )


def parse_recipes(recipes: Sequence[Recipe | str]) -> tuple[Recipe, ...]:
    """Return recipes, each given as such or as its text.

    Raises:
        RecipeError: If a text cannot be parsed.
    """
    return tuple(Recipe.parse(each) if isinstance(each, str) else each for each in recipes)


def _names(names: Sequence[str] | str) -> tuple[str, ...]:
    """Return names that are given as a list, or as one text with commas, as on the command line."""
    return tuple(each.strip() for each in names.split(",")) if isinstance(names, str) else tuple(names)
