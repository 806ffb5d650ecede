"""What a training prints: kept in one file a trial, of bounded size, away from the terminal."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from surefoot.trainers.trial import Trial

HEAD_BYTES = TAIL_BYTES = 1_000_000
CHUNK_BYTES = 65_536
LINE_BYTES = 2_000


class TrialOutput:
    """The output of one trial: the beginning goes to the file at once, the end when the trial ends.

    Where the file cannot be written any more, as on a full disk, the rest is dropped: no training fails for that.

    Args:
        path: The file, made when something is printed; ``None`` keeps no more than the last line.
        head: Bytes of the beginning that are kept.
        tail: Bytes of the end that are kept.
    """

    def __init__(self, path: Path | None, *, head: int = HEAD_BYTES, tail: int = TAIL_BYTES) -> None:
        self.path, self._room, self._tail_bytes = path, head, tail if path is not None else LINE_BYTES
        self._tail, self._dropped = bytearray(), 0
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()

    def write(self, data: bytes) -> None:
        """Take some bytes."""
        with self._lock:
            first = data[: self._room]
            if first and self.path is not None:
                self._room -= len(first)
                self._write(first)
                data = data[len(first) :]
            self._tail += data
            if len(self._tail) > 2 * self._tail_bytes:
                self._forget()

    def close(self) -> None:
        """Write the end to the file; once is enough."""
        with self._lock:
            self._forget()
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

    def _forget(self) -> None:
        """Drop what is neither beginning nor end."""
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


def output_of(trial: Trial, folder: Path | None) -> TrialOutput:
    """Return where the output of a trial goes: a file that is named after it, in a folder."""
    if folder is None:
        return TrialOutput(None)
    key = hashlib.sha256(str(trial.recipe).encode()).hexdigest()[:8]
    return TrialOutput(folder / f"steps-{trial.steps}-seed-{trial.seed}-{key}.log")


class OutputPump(threading.Thread):
    """Reads a pipe to its end, so that whoever prints into it is never held up.

    Args:
        pipe: The reading end.
        ended: Called when the other end is closed.

    Attributes:
        last_line: The last line that was not empty.
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
        """The last line that was not empty."""
        lines = [line for line in self._line.splitlines() if line.strip()]
        return lines[-1].decode(errors="replace").strip() if lines else ""

    def begin(self, output: TrialOutput, marker: bytes = b"") -> None:
        """Pass on what comes from now on, until the marker if there is one; what came before is no trial's."""
        with self._lock:
            self._output, self._marker, self._held = output, marker, b""
            self._line = b""
            self._marked.clear()

    def wait(self, seconds: float) -> None:
        """Wait until the marker has come, or the pipe has ended."""
        self._marked.wait(seconds)

    def run(self) -> None:
        """Read until the other end is closed."""
        try:
            while chunk := os.read(self._pipe.fileno(), CHUNK_BYTES):
                with self._lock:
                    self._take(chunk)
        except (OSError, ValueError):  # closed on this side
            pass
        with self._lock:
            self._pass_on(self._held)
            self._held = b""
        self._marked.set()
        self._ended()

    def _take(self, chunk: bytes) -> None:
        held = self._held + chunk
        before, marker, after = held.partition(self._marker) if self._marker else (held, b"", b"")
        if marker:
            self._pass_on(before)
            self._output, self._marker, self._held = None, b"", after
            self._marked.set()
            return
        sure = max(0, len(held) - len(self._marker) + 1) if self._marker else len(held)
        self._pass_on(held[:sure])
        self._held = held[sure:]

    def _pass_on(self, data: bytes) -> None:
        self._line = (self._line + data[-LINE_BYTES:])[-LINE_BYTES:]
        if self._output is not None:
            self._output.write(data)


class RedirectedText(io.TextIOBase):
    """Stands for ``sys.stdout`` or ``sys.stderr`` while a training function runs in this process.

    Args:
        output: Receives what is printed.
        terminal: What it stands for.
    """

    def __init__(self, output: TrialOutput, terminal: TextIO) -> None:
        super().__init__()
        self._output, self._terminal = output, terminal
        self._thread = threading.get_ident()

    encoding = "utf-8"

    @property
    def rich_proxied_file(self) -> Any:
        """Where rich prints: a live bar that another thread keeps moving stays on the terminal."""
        return self if threading.get_ident() == self._thread else self._terminal

    def writable(self) -> bool:
        """Whether it takes text: it does."""
        return True

    def write(self, text: str) -> int:
        """Take some text."""
        self._output.write(text.encode(errors="replace"))
        return len(text)
