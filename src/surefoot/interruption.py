"""How long work is told to stop, and what it says when it does."""

from __future__ import annotations

from typing import Any, Protocol


class Stop(Protocol):
    """Tells whether somebody asks to stop; a function without arguments is one."""

    def __call__(self) -> bool:
        """Return whether to stop."""
        ...


class Interrupted(Exception):  # noqa: N818  (it ends the work, but nothing is wrong)
    """The work was asked to stop; all that a study keeps of it is saved.

    Attributes:
        study: Text that opens the study again, or ``None`` where there is none.
        result: What is known so far, as the function that was interrupted would return it; ``None`` where nothing is.
    """

    study: str | None = None
    result: Any = None


def never() -> bool:
    """Tell that nobody asks to stop."""
    return False
