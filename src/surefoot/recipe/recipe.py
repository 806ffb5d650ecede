"""The Recipe: an optimizer whose every hyperparameter is a schedule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from surefoot.core.errors import RecipeError
from surefoot.core.formatting import short_repr
from surefoot.optimizers import RULES
from surefoot.optimizers.parameter_groups import Groups
from surefoot.optimizers.rule import UpdateRule
from surefoot.recipe.build import RecipeScheduler, build
from surefoot.recipe.settings import (
    GROUP_KEYS,
    hyperparameters_of,
    momentum_use,
    names_of,
    parse_text,
    read_json,
    rule_named,
    switches_of,
    unknown_name,
    write_json,
    write_text,
)
from surefoot.schedules.constant import Constant
from surefoot.schedules.schedule import Schedule, finite_number
from surefoot.schedules.text import parse_schedule, schedule_text

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from surefoot.core.value_types import Json

# How long a training the bounds are checked for while the true length is not known.
TYPICAL_STEPS = 1000


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained: data, to be compared, stored and sent; running it is the fleet's business.

    Make one with :meth:`of` or :meth:`parse`; the plain constructor gives the default recipe.

    Attributes:
        optimizer: Name of the update rule.
        hyper: Each hyperparameter of the rule with its schedule, in the rule's order, none left out.
        switches: Names of the rule's switches that are on, sorted.
        clip: Largest global gradient norm, or ``None``.
        groups: Parameters with another learning rate or weight decay.
        steps: Length of the training that the recipe was handed out for, as a trial's is; ``build`` uses it where it is
            called without one. It is not part of the recipe: two recipes that differ in it alone are equal.

    Example:
        >>> str(Recipe())
        'sgd(lr=0.01, momentum=0.9)'
        >>> Recipe.parse("sgd(lr=0.1, momentum=0.9)") == Recipe.of("sgd", lr=0.1, momentum=0.9)
        True
    """

    optimizer: str = "sgd"
    hyper: tuple[tuple[str, Schedule], ...] = ()
    switches: tuple[str, ...] = ()
    clip: float | None = None
    groups: Groups = field(default_factory=Groups)
    steps: int | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        specs = hyperparameters_of(self.optimizer)
        given: dict[str, Any] = dict(self.hyper) if self.hyper else dict(rule_named(self.optimizer).usual)
        unknown = [
            *(name for name in given if name not in {spec.name for spec in specs}),
            *(switch for switch in self.switches if switch not in switches_of(self.optimizer)),
        ]
        if unknown:
            raise unknown_name(self.optimizer, unknown[0])
        hyper = tuple(
            (spec.name, _schedule(self.optimizer, spec.name, given.get(spec.name, spec.default))) for spec in specs
        )
        object.__setattr__(self, "hyper", hyper)
        object.__setattr__(self, "switches", tuple(sorted(self.switches)))
        object.__setattr__(self, "clip", _clip(self.optimizer, self.clip))
        faults = [*self._faults()]
        if faults:
            raise RecipeError(f"{self.optimizer}: {'; '.join(faults)}.")

    @classmethod
    def of(cls, optimizer: str, /, **settings: Any) -> Recipe:
        """Make a recipe from numbers, schedules (or their texts) and switches, by the names of recipe texts.

        What is not given has torch's default, except SGD's learning rate: 0.01.

        Raises:
            RecipeError: If a name is unknown, or a value is out of its bounds.

        Example:
            >>> from surefoot.schedules.cosine import Cosine
            >>> str(Recipe.of("sgd", lr=Cosine(0.3), momentum=0.9, nesterov=True))
            'sgd(lr=cosine(0.3), momentum=0.9, nesterov=true)'
        """
        for name in settings:
            if name not in names_of(optimizer):
                raise unknown_name(optimizer, name)
        hyper = {spec.name: settings.get(spec.name, spec.default) for spec in hyperparameters_of(optimizer)}
        on = RULES[optimizer].switched_on
        return cls(
            optimizer,
            tuple(hyper.items()),
            tuple(name for name in switches_of(optimizer) if _switch(optimizer, name, settings.get(name, name in on))),
            settings.get("clip"),
            Groups(**{key: settings[key] for key in GROUP_KEYS if key in settings}),
        )

    @classmethod
    def parse(cls, text: str) -> Recipe:
        """Read a recipe from its text, as ``sgd(lr=cosine(0.3, warmup=5%), momentum=0.9)``.

        Raises:
            RecipeError: With the position of the error and the nearest known name.
        """
        optimizer, settings = parse_text(text)
        return cls.of(optimizer, **settings)

    @classmethod
    def from_json(cls, data: Json) -> Recipe:
        """Read a recipe from what :meth:`to_json` returned.

        Raises:
            RecipeError: If the data are no recipe.
        """
        optimizer, settings = read_json(data)
        return cls.of(optimizer, **settings)

    def to_json(self) -> dict[str, Json]:
        """Return the recipe as JSON data: numbers for constants, texts for schedules."""
        return write_json(self.optimizer, self.settings())

    def __str__(self) -> str:
        return write_text(self.optimizer, self.settings())

    def build(
        self, params_or_model: nn.Module | Iterable[Any], *, steps: int | None = None
    ) -> tuple[Optimizer, RecipeScheduler]:
        """Return the ordinary torch optimizer and scheduler of this recipe: see :func:`surefoot.recipe.build.build`.

        Args:
            params_or_model: The model, or its parameters.
            steps: Optimizer steps of the whole training; a trial's recipe knows them.

        Raises:
            RecipeError: If the length is neither given nor known.
        """
        length = self.steps if steps is None else steps
        if length is None:
            raise RecipeError(
                f"{self}: the length of the training is not given.", hint="pass steps=..., its optimizer steps."
            )
        self.require_bounds(steps=length)
        return build(
            self.optimizer,
            params_or_model,
            steps=length,
            hyper=self.hyper,
            switches=self.switches,
            clip=self.clip,
            groups=self.groups,
        )

    def schedule(self, name: str) -> Schedule:
        """Return the schedule of a hyperparameter.

        Raises:
            RecipeError: If the optimizer has no such hyperparameter.
        """
        for known, schedule in self.hyper:
            if known == name:
                return schedule
        raise unknown_name(self.optimizer, name)

    @property
    def lr(self) -> Schedule:
        """The learning rate's schedule."""
        return self.schedule("lr")

    @property
    def momentum(self) -> Schedule:
        """Schedule of the momentum, ``beta1`` in the Adam family; 0 where the optimizer has none."""
        name = RULES[self.optimizer].momentum
        return Constant(0.0) if name is None else self.schedule(name)

    @property
    def effective_rate(self) -> float:
        """The effective rate at the peak: how far a constant gradient moves the weights a step, per unit of gradient.

        Example:
            >>> round(Recipe.parse("sgd(lr=cosine(0.1), momentum=0.9)").effective_rate, 9)
            1.0
            >>> round(Recipe.parse("sgd(lr=0.1, momentum=0.9, dampening=0.9)").effective_rate, 9)
            0.1
        """
        peak = self.lr.highest * (1.0 - dict(self.hyper).get("dampening", Constant(0.0)).highest)
        return momentum_use(self.optimizer).effective(peak, self.momentum.highest)

    @property
    def rule(self) -> UpdateRule:
        """The update rule that the recipe runs."""
        kind = RULES[self.optimizer]
        return kind(**{name: name in self.switches for name in kind.slot_switches()})

    def with_(self, **settings: Any) -> Recipe:
        """Return the recipe with some settings changed.

        Example:
            >>> str(Recipe().with_(lr=0.1))
            'sgd(lr=0.1, momentum=0.9)'
        """
        return replace(Recipe.of(self.optimizer, **(self.settings() | settings)), steps=self.steps)

    def settings(self) -> dict[str, Any]:
        """Return everything that :meth:`of` takes to make this recipe again, nothing left out."""
        switches = {name: name in self.switches for name in switches_of(self.optimizer)}
        groups = {key: getattr(self.groups, key) for key in GROUP_KEYS}
        return dict(self.hyper) | switches | {"clip": self.clip} | groups

    def require_bounds(self, *, steps: int) -> None:
        """Make sure that every hyperparameter stays within its bounds all through a training.

        Raises:
            RecipeError: If one leaves them, as a momentum that grows to 1 does, or there are no steps.
        """
        self.lr.value(0, steps)  # raises where there is no such training
        faults = [*self._faults(steps)]
        if faults:
            raise RecipeError(f"{self}: {'; '.join(faults)} in a training of {steps} steps.")

    def _faults(self, steps: int = TYPICAL_STEPS) -> Iterator[str]:
        for spec in hyperparameters_of(self.optimizer):
            schedule = self.schedule(spec.name)
            samples = _samples(schedule, steps)
            # Bounds are intervals: where the extremes are allowed, so is all between them.
            wrong = [sample for sample in (samples.min(), samples.max()) if not spec.allows(sample)]
            if wrong:
                yield f"{spec.name} must be {spec.allowed}; given {schedule_value(schedule, wrong[0])}"
            if not spec.scheduled and not isinstance(schedule, Constant):
                yield f"{spec.name} is set once and takes a number; given {schedule_text(schedule)}"
        if "nesterov" in self.switches and dict(self.hyper).get("dampening", Constant(0.0)) != Constant(0.0):
            yield "nesterov goes without dampening; given both"


def schedule_value(schedule: Schedule, value: float) -> str:
    """Return how a message names a value of a schedule."""
    return f"{value:g}" if isinstance(schedule, Constant) else f"{value:g} in {schedule_text(schedule)}"


def _schedule(optimizer: str, name: str, given: Any) -> Schedule:
    if isinstance(given, Schedule):
        return given
    if isinstance(given, str):
        return parse_schedule(given)
    try:
        return Constant(finite_number(given))
    except RecipeError:
        message = f"{optimizer}: {name} must be a finite number or a schedule; given {short_repr(given)}."
        raise RecipeError(message) from None


def _switch(optimizer: str, name: str, given: Any) -> bool:
    if not isinstance(given, bool):
        raise RecipeError(f"{optimizer}: {name} must be true or false; given {short_repr(given)}.")
    return given


def _clip(optimizer: str, given: Any) -> float | None:
    try:
        clip = None if given is None else finite_number(given)
    except RecipeError:
        clip = 0.0
    if clip is not None and clip <= 0:
        raise RecipeError(f"{optimizer}: clip must be a number above 0; given {short_repr(given)}.")
    return clip


def _samples(schedule: Schedule, steps: int) -> NDArray[np.float64]:
    """Return values that show whether a schedule leaves its bounds: its own numbers, and a training's course."""
    amplitudes = np.array([*schedule.amplitudes()])
    return (
        amplitudes
        if isinstance(schedule, Constant)
        else np.append(amplitudes, schedule.values(np.arange(steps), steps))
    )


DEFAULT_RECIPE = Recipe()


def as_recipe(recipe: Recipe | str) -> Recipe:
    """Return a recipe that is given as one, or by its text.

    Raises:
        RecipeError: If it is neither, or the text cannot be read.
    """
    if isinstance(recipe, str):
        return Recipe.parse(recipe)
    if not isinstance(recipe, Recipe):
        raise RecipeError(
            f"a recipe is a text or a surefoot.Recipe; given {short_repr(recipe)}.", hint='"sgd(lr=0.1, momentum=0.9)".'
        )
    return recipe


def as_recipes(recipes: Iterable[Recipe | str] | Recipe | str) -> tuple[Recipe, ...]:
    """Return recipes that are given as recipes or texts; a single one needs no list.

    Raises:
        RecipeError: If one is neither, or cannot be read.
    """
    if isinstance(recipes, (str, Recipe)):
        return (as_recipe(recipes),)
    if not isinstance(recipes, Iterable):
        raise RecipeError(f"recipes are a list of texts or of surefoot.Recipe; given {short_repr(recipes)}.")
    return tuple(map(as_recipe, recipes))
