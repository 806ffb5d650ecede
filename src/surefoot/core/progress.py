"""What long work tells while it goes on, beside how it is told to stop.

How long work is told to stop, and what it says when it does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class Progress(Protocol):
    """Receives what happens; a front end shows it."""

    def begin(self, *, config_steps: int, done: int = 0) -> None:
        """The whole work will take at most so many config-steps, of which some were done before."""
        ...

    def stage(self, name: str, *, config_steps: int) -> None:
        """A stage of about so many config-steps begins."""
        ...

    def advance(self, config_steps: int) -> None:
        """Some config-steps were done."""
        ...

    def best(self, recipe: str, loss: float) -> None:
        """A recipe is the best so far."""
        ...

    def tell(self, line: str) -> None:
        """Something worth one line happened."""
        ...


@dataclass(frozen=True, slots=True)
class Silent:
    """Progress that nobody watches."""

    def begin(self, *, config_steps: int, done: int = 0) -> None:
        """Show nothing."""

    def stage(self, name: str, *, config_steps: int) -> None:
        """Show nothing."""

    def advance(self, config_steps: int) -> None:
        """Show nothing."""

    def best(self, recipe: str, loss: float) -> None:
        """Show nothing."""

    def tell(self, line: str) -> None:
        """Show nothing."""


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
