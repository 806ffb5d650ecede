"""SIGTERM as the answer to a training that asks whether to stop."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class StopSignal:
    """Whether this process was asked to end.

    A training that never asks is ended by SIGTERM at once, as any process is. From its first question on, SIGTERM is no
    more than the answer yes: the training may then end in its own way, within the few seconds before it is killed.
    """

    def __init__(self) -> None:
        self.asked = False
        self._installed = False
        self._before: Any = signal.SIG_DFL

    def __call__(self) -> bool:
        """Return whether SIGTERM has come."""
        if not self._installed and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._take)
            self._installed = True
        return self.asked

    def reset(self) -> None:
        """Let SIGTERM do again what it did before the first question."""
        if self._installed:
            signal.signal(signal.SIGTERM, self._before)
            self._installed = False

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        if callable(self._before):
            self._before(number, frame)
