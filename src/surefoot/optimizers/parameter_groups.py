"""Groups of parameters that are trained differently: no decay on biases, a smaller rate for the backbone."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from surefoot.core.errors import RecipeError
from surefoot.core.formatting import short_repr
from surefoot.schedules.schedule import finite_number

_PATTERN = re.compile(r"[^\s,()+]+")
NORM_CLASS = re.compile(r"Norm(\dd)?$")


@dataclass(frozen=True, slots=True)
class Groups:
    """Which parameters get another learning rate or weight decay, by pattern.

    A pattern is ``bias`` (every bias), ``norm`` (every parameter of a normalisation layer), or a parameter's name
    with ``*`` and ``?``; a module's name stands for all parameters inside it. Factors of several matches multiply.
    Given may also be lists, a mapping of factors, and patterns joined by ``+`` as in recipe texts.

    Attributes:
        no_decay: Patterns of parameters without weight decay.
        lr_factor: (pattern, factor on the learning rate).
        decay_factor: (pattern, factor on the weight decay).
    """

    no_decay: tuple[str, ...] = ()
    lr_factor: tuple[tuple[str, float], ...] = ()
    decay_factor: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "no_decay", _patterns(self.no_decay))
        object.__setattr__(self, "lr_factor", _factors("lr_factor", self.lr_factor))
        object.__setattr__(self, "decay_factor", _factors("decay_factor", self.decay_factor))
        faults = [*self._faults()]
        if faults:
            raise RecipeError(f"{'; '.join(faults)}.")

    def __bool__(self) -> bool:
        return bool(self.no_decay or self.lr_factor or self.decay_factor)

    @property
    def patterns(self) -> tuple[str, ...]:
        """All patterns, in order."""
        return (*self.no_decay, *(pattern for pattern, _ in (*self.lr_factor, *self.decay_factor)))

    def _faults(self) -> Iterator[str]:
        for pattern in self.patterns:
            if not _PATTERN.fullmatch(pattern) or not pattern.isprintable():
                yield f"a pattern is not empty and has no blanks, commas, parentheses or +; given {short_repr(pattern)}"
        for key in ("lr_factor", "decay_factor"):
            patterns = [pattern for pattern, _ in getattr(self, key)]
            twice = next((pattern for pattern in patterns if patterns.count(pattern) > 1), None)
            if twice is not None:
                yield f"{key} gives {short_repr(twice)} twice"
        for pattern, factor in (*self.lr_factor, *self.decay_factor):
            if factor < 0:
                yield f"the factor of {short_repr(pattern)} must be at least 0; given {factor:g}"


@dataclass(frozen=True, slots=True)
class Factors:
    """What one parameter's learning rate and weight decay are multiplied by."""

    lr: float = 1.0
    weight_decay: float = 1.0


def factors_of(groups: Groups, name: str, *, norm: bool) -> Factors:
    """Return the factors for one parameter.

    Args:
        groups: The patterns.
        name: The parameter's full name.
        norm: Whether it belongs to a normalisation layer.

    Example:
        >>> factors_of(Groups(no_decay=("bias",), lr_factor=(("head", 10.0),)), "head.bias", norm=False)
        Factors(lr=10.0, weight_decay=0.0)
    """
    lr = decay = 1.0
    for pattern, factor in groups.lr_factor:
        lr *= factor if matches(pattern, name, norm=norm) else 1.0
    for pattern, factor in (*groups.decay_factor, *((pattern, 0.0) for pattern in groups.no_decay)):
        decay *= factor if matches(pattern, name, norm=norm) else 1.0
    return Factors(lr, decay)


def matches(pattern: str, name: str, *, norm: bool) -> bool:
    """Tell whether a pattern names a parameter."""
    if pattern == "bias":
        return name.rpartition(".")[2] == "bias"
    if pattern == "norm":
        return norm
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, f"{pattern}.*")


def norm_parameters(model: nn.Module) -> frozenset[str]:
    """Return the full names of all parameters of normalisation layers.

    These are the layers whose class, or one that it inherits from, has a name like ``LayerNorm`` or ``BatchNorm2d``:
    torch's own, and the RMSNorm classes of language models.

    Example:
        >>> sorted(norm_parameters(nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))))
        ['1.bias', '1.weight']
    """
    return frozenset(
        f"{prefix}.{name}" if prefix else name
        for prefix, module in model.named_modules()
        if is_norm(module)
        for name, _ in module.named_parameters(recurse=False)
    )


def is_norm(module: nn.Module) -> bool:
    """Tell whether a module is a normalisation layer, by its class's name."""
    return any(NORM_CLASS.search(kind.__name__) for kind in type(module).__mro__)


def unmatched(groups: Groups, names: Iterable[str]) -> list[str]:
    """Return the name patterns that match none of the parameters (``bias`` and ``norm`` may match none)."""
    names = list(names)
    return [
        pattern
        for pattern in groups.patterns
        if pattern not in ("bias", "norm") and not any(matches(pattern, name, norm=False) for name in names)
    ]


def _patterns(given: Any) -> tuple[str, ...]:
    patterns = given.split("+") if isinstance(given, str) else given
    kept = tuple(patterns) if isinstance(patterns, Iterable) else (None,)
    if not all(isinstance(pattern, str) for pattern in kept):
        raise RecipeError(f"no_decay takes patterns, as in ('bias', 'norm'); given {short_repr(given)}.")
    return kept


def _factors(key: str, given: Any) -> tuple[tuple[str, float], ...]:
    try:
        pairs = given.items() if isinstance(given, Mapping) else given
        return tuple((_name(pattern), finite_number(factor)) for pattern, factor in pairs)
    except (TypeError, ValueError):
        raise RecipeError(
            f"{key} takes factors by pattern, as in {{'backbone': 0.1}}; given {short_repr(given)}."
        ) from None


def _name(given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError
    return given
