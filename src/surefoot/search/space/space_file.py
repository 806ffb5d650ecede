"""A user's search space out of a TOML or a Python file."""

from __future__ import annotations

import tomllib
from pathlib import Path

from surefoot.errors import RecipeError
from surefoot.search.space.search_space import SearchSpace
from surefoot.tasks.user_file import found_in_file


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
