"""Ctrl-C and SIGTERM: the first asks to stop at the next whole step, the second stops at once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click


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
