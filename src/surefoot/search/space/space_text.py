"""Settings of a search space as a command line has them: NAME=VALUE.

A user's search space out of a TOML or a Python file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from surefoot.core.errors import RecipeError
from surefoot.search.space.search_space import SearchSpace
from surefoot.tasks.user_file import found_in_file

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


def load_space(text: str) -> SearchSpace:
    """Return the space that a text names: ``space.toml``, or ``file.py:name`` where the name is a SearchSpace or dict.

    Raises:
        RecipeError: If there is no such file or name, or what it says is no space.
    """
    path, _, name = text.rpartition(":") if ".py:" in text else (text, "", "")
    if path.endswith(".py"):
        if not name:
            raise RecipeError(f"{text} names no search space.", hint=f"write {path}:NAME.")
        found = found_in_file(Path(path), name)
        return found if isinstance(found, SearchSpace) else SearchSpace.of(_mapping(text, found))
    try:
        return SearchSpace.of(tomllib.loads(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise RecipeError(
            f"{path}: {error.strerror or error}.", hint="--space takes FILE.toml or FILE.py:NAME"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is no TOML: {error}.") from None


def _mapping(text: str, found: object) -> dict[str, object]:
    if isinstance(found, dict):
        return found
    raise RecipeError(f"{text} is no SearchSpace but a {type(found).__name__}.")
