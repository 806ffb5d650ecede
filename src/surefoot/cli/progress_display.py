"""Ctrl-C and SIGTERM: the first asks to stop at the next whole step, the second stops at once.

Progress on the terminal: a live bar with the time left, or plain lines where there is no terminal.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from surefoot.core.formatting import seconds_text
from surefoot.core.progress import Progress as Listener
from surefoot.core.progress import Silent


@contextmanager
def stop_on_interrupt(*, saves: bool = False) -> Iterator[Callable[[], bool]]:
    """Yield what tells whether Ctrl-C was pressed, or the process asked to end (SIGTERM).

    Args:
        saves: Whether what was done until then is kept.
    """
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        restore()
        saving = " and saving" if saves else ""
        click.echo(f"\nstopping after this step{saving}; Ctrl-C again stops at once", err=True)

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        restore()


LINE_SECONDS = 10.0


@contextmanager
def display(*, quiet: bool) -> Iterator[Listener]:
    """Yield what shows the progress of a tune on stderr."""
    console = Console(stderr=True)
    if quiet:
        yield Silent()
    elif not console.is_terminal:
        yield Lines(console)
    else:
        with bar(console) as live:
            yield LiveBar(live)


def bar(console: Console) -> Progress:
    """Return the live bar; the narrower the terminal, the fewer its columns."""
    columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), TaskProgressColumn()]
    if console.width >= 70:
        columns += [TextColumn("left"), TimeRemainingColumn(compact=True)]
    if console.width >= 100:
        columns += [TextColumn("{task.fields[best]}", style="green")]
    return Progress(*columns, console=console, transient=True)


class LiveBar:
    """Shows stage, share done, time left and the best so far."""

    def __init__(self, live: Progress) -> None:
        self._live = live
        self._bar = live.add_task("starting", total=None, best="")

    def begin(self, *, config_steps: int, done: int = 0) -> None:
        """Set the length of the bar; what was done before says nothing of the pace now."""
        self._live.reset(self._bar, total=config_steps or None, completed=done, best="")

    def stage(self, name: str, *, config_steps: int) -> None:  # noqa: ARG002  (the bar is of the whole work)
        """Name the stage."""
        self._live.update(self._bar, description=name)

    def advance(self, config_steps: int) -> None:
        """Move the bar."""
        self._live.advance(self._bar, config_steps)

    def best(self, recipe: str, loss: float) -> None:
        """Show the best so far, on the bar where there is room for it."""
        self._live.update(self._bar, best=f"best {loss:.4g}: {recipe}")

    def tell(self, line: str) -> None:
        """Print a line above the bar."""
        self._live.console.print(Text(line))


class Lines:
    """Prints a line for every stage, and at most one every ten seconds in between."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._total = self._done = self._before = 0
        self._stage = ""
        self._begun = self._last = time.monotonic()

    def begin(self, *, config_steps: int, done: int = 0) -> None:
        """Note the length of the work, and what was done before."""
        self._total, self._begun = config_steps, time.monotonic()
        self._done = self._before = done

    def stage(self, name: str, *, config_steps: int) -> None:
        """Name the stage."""
        self._stage = name
        self.tell(f"{name}: up to {config_steps} config-steps" if config_steps else name)

    def advance(self, config_steps: int) -> None:
        """Print how far it is and how long it will take, now and then."""
        self._done += config_steps
        now = time.monotonic()
        if self._total and now - self._last > LINE_SECONDS:
            left = (now - self._begun) * max(0, self._total - self._done) / max(1, self._done - self._before)
            self.tell(f"{self._stage}: {100 * self._done / self._total:.0f} %, about {seconds_text(left)} left")

    def best(self, recipe: str, loss: float) -> None:
        """Print nothing: the result says it."""

    def tell(self, line: str) -> None:
        """Print a line."""
        self._last = time.monotonic()
        self._console.print(Text(line), soft_wrap=True)
