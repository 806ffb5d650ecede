"""While a command runs: its progress on stderr, and how Ctrl-C and SIGTERM stop it."""

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

from surefoot.core.formatting import format_duration
from surefoot.core.progress import Progress as Listener
from surefoot.core.progress import SilentProgress

# At most one line of progress is printed in this time; chosen.
SECONDS_BETWEEN_LINES = 10.0
# The width of the terminal from which on a column of the bar is shown, in characters; so the bar fits on one line.
MIN_WIDTH_FOR_TIME_LEFT, MIN_WIDTH_FOR_BEST = 70, 100


@contextmanager
def display(*, quiet: bool) -> Iterator[Listener]:
    """Yield a display of progress on stderr: a live bar, or plain lines if stderr is no terminal."""
    console = Console(stderr=True)
    if quiet:
        yield SilentProgress()
    elif not console.is_terminal:
        yield LineDisplay(console)
    else:
        with _live_bar(console) as bar:
            yield BarDisplay(bar)


def _live_bar(console: Console) -> Progress:
    """Return a live bar, with fewer columns on a narrow terminal."""
    columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), TaskProgressColumn()]
    if console.width >= MIN_WIDTH_FOR_TIME_LEFT:
        columns += [TextColumn("left"), TimeRemainingColumn(compact=True)]
    if console.width >= MIN_WIDTH_FOR_BEST:
        columns += [TextColumn("{task.fields[best]}", style="green")]
    return Progress(*columns, console=console, transient=True)


class BarDisplay:
    """Shows the stage, the share done, the time left and the best trial so far, on a live bar."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bar = progress.add_task("starting", total=None, best="")

    def begin(self, *, config_steps: int, done: int = 0) -> None:
        """Set the length of the bar; work done before a resumption does not count for the time left."""
        self._progress.reset(self._bar, total=config_steps or None, completed=done, best="")

    def stage(self, name: str, *, config_steps: int) -> None:  # noqa: ARG002  (the bar shows the whole work)
        """Show the stage's name."""
        self._progress.update(self._bar, description=name)

    def advance(self, config_steps: int) -> None:
        """Move the bar."""
        self._progress.advance(self._bar, config_steps)

    def best(self, recipe: str, loss: float) -> None:
        """Show the best trial so far, if the terminal is wide enough."""
        self._progress.update(self._bar, best=f"best {loss:.4g}: {recipe}")

    def message(self, line: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(Text(line))


class LineDisplay:
    """Prints a line at the start of every stage, and at most one every ten seconds within it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._total = self._done = self._done_before = 0
        self._stage = ""
        self._started = self._last = time.monotonic()

    def begin(self, *, config_steps: int, done: int = 0) -> None:
        """Set the length of the work, and the part of it done before a resumption."""
        self._total, self._started = config_steps, time.monotonic()
        self._done = self._done_before = done

    def stage(self, name: str, *, config_steps: int) -> None:
        """Print the stage's name."""
        self._stage = name
        self.message(f"{name}: up to {config_steps} config-steps" if config_steps else name)

    def advance(self, config_steps: int) -> None:
        """Print the share done and the time left, if the last line is old enough."""
        self._done += config_steps
        now = time.monotonic()
        if self._total and now - self._last > SECONDS_BETWEEN_LINES:
            left = (now - self._started) * max(0, self._total - self._done) / max(1, self._done - self._done_before)
            self.message(f"{self._stage}: {100 * self._done / self._total:.0f} %, about {format_duration(left)} left")

    def best(self, recipe: str, loss: float) -> None:
        """Print nothing: the result names the best trial."""

    def message(self, line: str) -> None:
        """Print a line."""
        self._last = time.monotonic()
        self._console.print(Text(line), soft_wrap=True)


@contextmanager
def stop_on_interrupt(*, saves: bool = False) -> Iterator[Callable[[], bool]]:
    """Yield a stop condition that is true after Ctrl-C or SIGTERM; a second signal stops at once.

    Args:
        saves: Whether finished trials are stored.
    """
    requested = False

    def request_stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal requested
        requested = True
        restore()
        saving = " and saving" if saves else ""
        click.echo(f"\nstopping after this step{saving}; Ctrl-C again stops at once", err=True)

    def restore() -> None:
        for number, handler in previous_handlers.items():
            signal.signal(number, handler)

    previous_handlers = {number: signal.signal(number, request_stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: requested
    finally:
        restore()
