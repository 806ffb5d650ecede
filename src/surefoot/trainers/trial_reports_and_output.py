"""What comes from a training: its reports, with the Outcome that follows from them, and what it prints."""

from __future__ import annotations

import hashlib
import io
import math
import operator
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from surefoot.core.errors import TaskError
from surefoot.core.value_types import Json, finite_or_none
from surefoot.trainers.trial import Curve, Outcome, Trial, failed_outcome

# Maximum length of a value that a message quotes, in characters; chosen.
MAX_SHOWN_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Report:
    """One report of a training: the validation loss at some step.

    Attributes:
        loss: Validation loss; may be NaN or infinite.
        step: Number of optimizer steps taken so far; ``None`` for the end of the training.
        metric: Metric on the validation data, or ``None``.
        test_loss: Loss on the test data, or ``None``.
    """

    loss: float
    step: int | None = None
    metric: float | None = None
    test_loss: float | None = None

    @classmethod
    def of(cls, loss: Any, *, step: Any = None, metric: Any = None, test_loss: Any = None) -> Report:
        """Return a report of values from a user's code: Python numbers, or NumPy and torch scalars.

        Raises:
            TaskError: If a value is not a number.

        Example:
            >>> import torch
            >>> Report.of(torch.tensor(0.5), step=10)
            Report(loss=0.5, step=10, metric=None, test_loss=None)
        """
        return cls(
            _number(loss, "loss"),
            None if step is None else _step_number(step),
            None if metric is None else _number(metric, "metric"),
            None if test_loss is None else _number(test_loss, "test_loss"),
        )

    @classmethod
    def of_returned(cls, value: Any) -> Report:
        """Return the final report of the return value of a training function: a loss, or a mapping that has one.

        Raises:
            TaskError: If it has no loss, or a value is not a number.

        Example:
            >>> Report.of_returned({"loss": 0.5, "metric": 0.9})
            Report(loss=0.5, step=None, metric=0.9, test_loss=None)
        """
        if not isinstance(value, Mapping):
            return cls.of(value)
        if "loss" not in value:
            raise TaskError(f"the returned mapping has no 'loss'; its keys are {_shown([*value])}.")
        return cls.of(value["loss"], metric=value.get("metric"), test_loss=value.get("test_loss"))

    def to_json(self) -> list[Json]:
        """Return the report as JSON data (NaN and infinity as Python writes them)."""
        return [self.loss, self.step, self.metric, self.test_loss]


def outcome_of(reports: Sequence[Report], final: Report, *, seconds: float) -> Outcome:
    """Return the outcome of a training that ran to its end.

    Args:
        reports: All reports during the training.
        final: The report of its end.
        seconds: Wall-clock seconds of the training.

    Example:
        >>> outcome_of([Report(0.5, 10), Report(math.nan, 20)], Report(math.nan), seconds=1.0).diverged_at
        20
    """
    curve = _curve(reports)
    if not math.isfinite(final.loss):
        not_finite = (step for step, loss in zip(curve.steps, curve.losses, strict=True) if not math.isfinite(loss))
        return Outcome(math.inf, diverged_at=next(not_finite, None), seconds=seconds, valid=curve)
    return Outcome(
        final.loss,
        metric=finite_or_none(final.metric),
        test_loss=finite_or_none(final.test_loss),
        seconds=seconds,
        valid=curve,
    )


def outcome_of_failure(reports: Sequence[Report], why: str, *, seconds: float) -> Outcome:
    """Return the outcome of a training that failed.

    Args:
        reports: All reports before it failed.
        why: The reason, in one line.
        seconds: Wall-clock seconds of the training.
    """
    return replace(failed_outcome(why, seconds=seconds), valid=_curve(reports))


def _curve(reports: Sequence[Report]) -> Curve:
    """Return the curve of the reports that have a step; of several reports at one step the last counts."""
    losses = {report.step: report.loss for report in reports if report.step is not None}
    steps = sorted(losses)
    return Curve(tuple(steps), tuple(losses[s] if math.isfinite(losses[s]) else math.inf for s in steps))


def _number(value: Any, what: str) -> float:
    scalar = value
    if not isinstance(value, Real) and callable(getattr(value, "item", None)):
        try:
            scalar = value.item()
        except (ValueError, RuntimeError):  # a tensor of several elements
            scalar = None
    if not isinstance(scalar, Real) or isinstance(scalar, bool):
        raise TaskError(f"a {what} must be a number; given {_shown(value)} ({type(value).__name__}).")
    return float(scalar)


def _step_number(value: Any) -> int:
    try:
        step = operator.index(value)
    except TypeError:
        step = -1
    if step < 0:
        raise TaskError(f"a step must be a whole number of at least 0; given {_shown(value)}.")
    return step


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= MAX_SHOWN_LENGTH else f"{text[: MAX_SHOWN_LENGTH - 1]}…"


# Bytes of the beginning and of the end of an output that are kept; chosen.
HEAD_BYTES = TAIL_BYTES = 1_000_000
# Maximum bytes of one read from a pipe: what a pipe holds on Linux.
READ_BYTES = 65_536
# Bytes that are kept to find the last line; chosen.
MAX_LINE_BYTES = 2_000
# Seconds to wait for the rest of an output after its process has ended: another process may hold the pipe; chosen.
OUTPUT_TIMEOUT_SECONDS = 5.0


class TrialOutput:
    """The output of one trial: its beginning is written to the file at once, its end when the trial ends.

    Where the file cannot be written, as on a full disk, the rest is discarded; the training does not fail.

    Args:
        path: The file, created when something is printed; ``None`` keeps only the last line.
        head: Number of bytes of the beginning that are kept.
        tail: Number of bytes of the end that are kept.
    """

    def __init__(self, path: Path | None, *, head: int = HEAD_BYTES, tail: int = TAIL_BYTES) -> None:
        self.path, self._head_left, self._tail_bytes = path, head, tail if path is not None else MAX_LINE_BYTES
        self._tail, self._dropped = bytearray(), 0
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()

    def write(self, data: bytes) -> None:
        """Add bytes to the output."""
        with self._lock:
            first = data[: self._head_left]
            if first and self.path is not None:
                self._head_left -= len(first)
                self._write(first)
                data = data[len(first) :]
            self._tail += data
            if len(self._tail) > 2 * self._tail_bytes:
                self._drop_middle()

    def close(self) -> None:
        """Write the end to the file and close it; may be called again."""
        with self._lock:
            self._drop_middle()
            if self._dropped and self.path is not None:
                self._write(f"\n[... {self._dropped:,} bytes are left out here ...]\n".encode())
            if self._tail and self.path is not None:
                self._write(bytes(self._tail))
            self._tail.clear()
            self._dropped = 0
            if self._file is not None:
                with suppress(OSError):
                    self._file.close()
                self._file = None

    def _drop_middle(self) -> None:
        """Discard bytes that belong neither to the beginning nor to the end."""
        surplus = len(self._tail) - self._tail_bytes
        if surplus > 0:
            self._dropped += surplus
            del self._tail[:surplus]

    def _write(self, data: bytes) -> None:
        with suppress(OSError):
            if self._file is None and self.path is not None:
                self._file = self.path.open("wb", buffering=0)
            if self._file is not None:
                self._file.write(data)


def output_for(trial: Trial, folder: Path | None) -> TrialOutput:
    """Return the output of a trial: a file in the folder, named after the trial."""
    if folder is None:
        return TrialOutput(None)
    key = hashlib.sha256(str(trial.recipe).encode()).hexdigest()[:8]
    return TrialOutput(folder / f"steps-{trial.steps}-seed-{trial.seed}-{key}.log")


class OutputReader(threading.Thread):
    """A thread that reads a pipe to its end, so that the process at its other end never has to wait.

    Args:
        pipe: The reading end of the pipe.
        ended: Called when the other end is closed.

    Attributes:
        last_line: The last non-empty line.
    """

    def __init__(self, pipe: BinaryIO, *, ended: Callable[[], None] = lambda: None) -> None:
        super().__init__(daemon=True, name="surefoot-output")
        self._pipe, self._ended = pipe, ended
        self._output: TrialOutput | None = None
        self._marker = b""
        self._held = b""
        self._line = b""
        self._lock = threading.Lock()
        self._marked = threading.Event()
        self.start()

    @property
    def last_line(self) -> str:
        """The last non-empty line."""
        lines = [line for line in self._line.splitlines() if line.strip()]
        return lines[-1].decode(errors="replace").strip() if lines else ""

    def start_trial(self, output: TrialOutput, marker: bytes = b"") -> None:
        """Write to the output of a trial what is read from now on, up to the marker if there is one.

        Args:
            output: The output of the trial.
            marker: Bytes that the process prints at the end of the trial.
        """
        with self._lock:
            self._output, self._marker, self._held = output, marker, b""
            self._line = b""
            self._marked.clear()

    def wait(self, seconds: float) -> None:
        """Wait until the marker was read or the pipe has ended, for at most the given time."""
        self._marked.wait(seconds)

    def run(self) -> None:
        """Read until the other end of the pipe is closed."""
        try:
            while chunk := os.read(self._pipe.fileno(), READ_BYTES):
                with self._lock:
                    self._process(chunk)
        except (OSError, ValueError):  # closed on this side
            pass
        with self._lock:
            self._write_output(self._held)
            self._held = b""
        self._marked.set()
        self._ended()

    def _process(self, chunk: bytes) -> None:
        held = self._held + chunk
        before, marker, after = held.partition(self._marker) if self._marker else (held, b"", b"")
        if marker:
            self._write_output(before)
            self._output, self._marker, self._held = None, b"", after
            self._marked.set()
            return
        complete = max(0, len(held) - len(self._marker) + 1) if self._marker else len(held)
        self._write_output(held[:complete])
        self._held = held[complete:]

    def _write_output(self, data: bytes) -> None:
        self._line = (self._line + data[-MAX_LINE_BYTES:])[-MAX_LINE_BYTES:]
        if self._output is not None:
            self._output.write(data)


class RedirectedText(io.TextIOBase):
    """Replaces ``sys.stdout`` or ``sys.stderr`` while a training function runs in this process.

    Args:
        output: Receives what is printed.
        terminal: The stream that it replaces.
    """

    def __init__(self, output: TrialOutput, terminal: TextIO) -> None:
        super().__init__()
        self._output, self._terminal = output, terminal
        self._thread = threading.get_ident()

    encoding = "utf-8"

    @property
    def rich_proxied_file(self) -> Any:
        """The file that rich prints to: a progress bar that another thread updates stays on the terminal."""
        return self if threading.get_ident() == self._thread else self._terminal

    def writable(self) -> bool:
        """Return ``True``: text can be written."""
        return True

    def write(self, text: str) -> int:
        """Write text to the output."""
        self._output.write(text.encode(errors="replace"))
        return len(text)
