"""Scalars of a TensorBoard event file."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from surefoot.errors import LogError
from surefoot.logs.event_records import RecordReader
from surefoot.logs.series import Series

# Of torch's and TensorFlow's numbers of tensor types: float32, float64.
FLOAT, DOUBLE = 1, 2
NAME = "*tfevents*"
WHAT_TO_GIVE = "give a TensorBoard event file, or its folder."


@dataclass(slots=True)
class EventFile:
    """Reads the scalars of an event file that may still grow.

    Attributes:
        path: The file.
        points: Every scalar so far, by tag, in the order of writing: step and value.
    """

    path: Path
    points: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    _reader: RecordReader = field(init=False)

    def __post_init__(self) -> None:
        self._reader = RecordReader(self.path)

    def read(self, *, grows: bool = False) -> int:
        """Read what came since the last call; return how many scalars that were.

        Args:
            grows: Whether somebody still writes it.

        Raises:
            LogError: If it cannot be read, or holds no record of an event file.
        """
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # noqa: PLC0415
        from tensorboard.compat.proto.event_pb2 import Event  # noqa: PLC0415  (a third of a second)

        new = 0
        for record in self._reader.read(grows=grows):
            try:
                event = Event.FromString(record)
            except DecodeError as error:
                raise LogError(f"{self.path}: its records are no events.", hint=WHAT_TO_GIVE) from error
            if event.HasField("summary"):
                for tag, value in scalars(event.summary):
                    self.points.setdefault(tag, []).append((event.step, value))
                    new += 1
        if not self._reader.records and (self._reader.lost_bytes or not grows):
            empty = "the file is empty" if not self._reader.lost_bytes else "no record of an event file in it"
            raise LogError(f"{self.path}: {empty}.", hint=WHAT_TO_GIVE)
        return new

    def series(self) -> dict[str, Series]:
        """Return every scalar by its tag."""
        return {tag: Series.of(points) for tag, points in self.points.items()}

    @property
    def lost(self) -> str | None:
        """What damage cost, in one line."""
        reader = self._reader
        if not reader.lost_bytes:
            return None
        points = f"about {reader.lost_records:,} of {reader.records + reader.lost_records:,} records"
        return f"{self.path.name}: {reader.lost_bytes:,} bytes are damaged; {points} are lost, all others were read."


def scalars(summary: Any) -> Iterator[tuple[str, float]]:
    """Yield the scalars of one summary: plain values, and tensors of one number."""
    for value in summary.value:
        kind = value.WhichOneof("value")
        if kind == "simple_value":
            yield value.tag, value.simple_value
        elif kind == "tensor" and (number := _number(value.tensor)) is not None:
            yield value.tag, number


def _number(tensor: Any) -> float | None:
    """Return the number of a tensor that holds one float, ``None`` for any other."""
    if tensor.dtype not in (FLOAT, DOUBLE):
        return None
    size = 1
    for dimension in tensor.tensor_shape.dim:
        size *= dimension.size
    if size != 1:
        return None
    written = tensor.float_val if tensor.dtype == FLOAT else tensor.double_val
    if written:
        return float(written[0])
    form = "<f" if tensor.dtype == FLOAT else "<d"
    content = tensor.tensor_content
    return float(struct.unpack(form, content)[0]) if len(content) == struct.calcsize(form) else None
