"""Search spaces as text: NAME=VALUE of the command line, and files in TOML or Python."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from surefoot.core.errors import RecipeError
from surefoot.search.space.search_space import SearchSpace
from surefoot.tasks.user_file import object_from_file

RANGE_MARK, LIST_SEPARATOR, FACTOR_MARK, PATTERN_SEPARATOR = "..", ",", ":", "+"


def read_settings(texts: Sequence[str]) -> dict[str, Any]:
    """Return settings of the command line as names and values that :meth:`SearchSpace.of` takes.

    A value is a number, ``LOW..HIGH``, names joined by commas, or factors of patterns, ``PATTERN:FACTOR``, joined by
    ``+``.

    Args:
        texts: Settings, each as ``NAME=VALUE``.

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
            raise RecipeError(f"--set takes NAME=VALUE; given {text!r}.", hint="for example --set beta2=0.9..0.999.")
        if name in settings:
            raise RecipeError(f"--set gives {name} twice.")
        settings[name] = _factors(value) if name == "lr_factor" else _value(value)
    return settings


def _factors(text: str) -> dict[str, Any]:
    factors = {}
    for part in text.split(PATTERN_SEPARATOR):
        pattern, sign, factor = part.rpartition(FACTOR_MARK)
        if not sign:
            raise RecipeError(
                f"lr_factor takes PATTERN:FACTOR; given {part!r}.", hint="for example head:10 or head:1..30."
            )
        factors[pattern] = _value(factor)
    return factors


def _value(text: str) -> Any:
    if RANGE_MARK in text:
        return [_scalar(bound) for bound in text.split(RANGE_MARK)]
    if LIST_SEPARATOR in text:
        return [_scalar(part.strip()) for part in text.split(LIST_SEPARATOR)]
    return _scalar(text)


def _scalar(text: str) -> Any:
    """Return a number, a boolean, or the text itself."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return float(text)
    except ValueError:
        return text


def load_space(text: str) -> SearchSpace:
    """Return the search space in a file.

    Args:
        text: ``space.toml``, or ``file.py:name`` with the name of a SearchSpace or a dict.

    Raises:
        RecipeError: If there is no such file or name, or it contains no valid search space.
    """
    path, _, name = text.rpartition(":") if ".py:" in text else (text, "", "")
    if path.endswith(".py"):
        if not name:
            raise RecipeError(f"{text} does not say which search space.", hint=f"write {path}:NAME.")
        found = object_from_file(Path(path), name)
        return found if isinstance(found, SearchSpace) else SearchSpace.of(_mapping(text, found))
    try:
        return SearchSpace.of(tomllib.loads(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise RecipeError(
            f"{path}: {error.strerror or error}.", hint="--space takes FILE.toml or FILE.py:NAME"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not valid TOML: {error}.") from None


def _mapping(text: str, value: object) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    raise RecipeError(f"{text} is a {type(value).__name__}; a search space is a SearchSpace or a dict.")
