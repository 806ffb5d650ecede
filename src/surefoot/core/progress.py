"""Reporting the progress of long work, and asking it to stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class Progress(Protocol):
    """Receives what happens during long work; the command line shows it."""

    def begin(self, *, config_steps: int, done: int = 0) -> None:
        """The work begins.

        Args:
            config_steps: Most config-steps that the whole work takes.
            done: How many of them were done before, by work that is continued.
        """
        ...

    def stage(self, name: str, *, config_steps: int) -> None:
        """A stage of about this many config-steps begins."""
        ...

    def advance(self, config_steps: int) -> None:
        """Config-steps were done since the last call: this many."""
        ...

    def best(self, recipe: str, loss: float) -> None:
        """A recipe is the best so far."""
        ...

    def message(self, line: str) -> None:
        """Something happened that the user should know, in one line."""
        ...


@dataclass(frozen=True, slots=True)
class SilentProgress:
    """Progress that is not shown."""

    def begin(self, *, config_steps: int, done: int = 0) -> None:
        """Show nothing."""

    def stage(self, name: str, *, config_steps: int) -> None:
        """Show nothing."""

    def advance(self, config_steps: int) -> None:
        """Show nothing."""

    def best(self, recipe: str, loss: float) -> None:
        """Show nothing."""

    def message(self, line: str) -> None:
        """Show nothing."""


class StopCondition(Protocol):
    """Asked often during long work; any function without arguments is one."""

    def __call__(self) -> bool:
        """Return whether to stop."""
        ...


def never_stop() -> bool:
    """Return that nobody asks to stop."""
    return False


class Interrupted(Exception):  # noqa: N818  (it ends the work, but is not an error)
    """The work was asked to stop; everything that its study stores is saved.

    Attributes:
        study: Text that opens the study again; ``None`` where there is no study.
        result: The result so far, as the interrupted function would return it; ``None`` where there is none yet.
    """

    study: str | None = None
    result: Any = None
