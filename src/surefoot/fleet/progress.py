"""What long work tells while it goes on, beside how it is told to stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from surefoot.interruption import Interrupted, Stop, never

__all__ = ["Interrupted", "Progress", "Silent", "Stop", "never"]


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
