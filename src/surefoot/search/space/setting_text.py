"""Settings of a search space as a command line has them: NAME=VALUE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from surefoot.errors import RecipeError

BOUNDS, BETWEEN, OF, AND = "..", ",", ":", "+"


def read_settings(texts: Sequence[str]) -> dict[str, Any]:
    """Return names and values as :meth:`SearchSpace.of` takes them.

    A value is a number, ``LOW..HIGH``, names joined by commas, or factors by pattern, ``PATTERN:FACTOR``, joined by
    ``+``.

    Raises:
        RecipeError: If a text is none of these, or a name is given twice.

    Example:
        >>> read_settings(["beta2=0.9..0.999", "no_decay=bias+norm", "lr_factor=head:10+body:0.1..1"])
        {'beta2': [0.9, 0.999], 'no_decay': 'bias+norm', 'lr_factor': {'head': 10.0, 'body': [0.1, 1.0]}}
    """
    settings: dict[str, Any] = {}
    for text in texts:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not (name and sign and value):
            raise RecipeError(f"--set takes NAME=VALUE; given {text!r}.", hint="as in --set beta2=0.9..0.999.")
        if name in settings:
            raise RecipeError(f"--set gives {name} twice.")
        settings[name] = _factors(value) if name == "lr_factor" else _value(value)
    return settings


def _factors(text: str) -> dict[str, Any]:
    factors = {}
    for part in text.split(AND):
        pattern, sign, factor = part.rpartition(OF)
        if not sign:
            raise RecipeError(f"lr_factor takes PATTERN:FACTOR; given {part!r}.", hint="as in head:10 or head:1..30.")
        factors[pattern] = _value(factor)
    return factors


def _value(text: str) -> Any:
    if BOUNDS in text:
        return [_plain(bound) for bound in text.split(BOUNDS)]
    if BETWEEN in text:
        return [_plain(part.strip()) for part in text.split(BETWEEN)]
    return _plain(text)


def _plain(text: str) -> Any:
    """Return a number, a truth value, or the text itself."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return float(text)
    except ValueError:
        return text
