"""Events that hold one plain scalar, as ``SummaryWriter.add_scalar`` writes them: very many decoded at once.

Written with Protobuf they are::

    09 <wall time: 8>  [10 <step: varint>]  2a <length>  0a <length>  0a <length> <tag>  15 <value: float32>

without a step where that is 0. Once the event's length and the step's are known, every length in it is, and so records
of one length are compared and read column by column. What looks otherwise in any byte is left to Protobuf.

Scalars of a TensorBoard event file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.core.errors import LogError
from surefoot.logs.curve import Series
from surefoot.logs.event_records import RecordReader, Records

# Each field's number and type, as Protobuf writes both in a byte.
WALL_TIME, STEP, SUMMARY, VALUE, TAG, SIMPLE_VALUE = 0x09, 0x10, 0x2A, 0x0A, 0x0A, 0x15
STEP_BEGINS = 9  # behind the wall time
SUMMARY_HEAD = 6  # three fields' bytes, and their lengths
SIMPLE_VALUE_BYTES = 5
# A varint has seven bits a byte, and the highest says whether one more follows. Nine bytes hold every step from 0 on.
CONTINUES, PAYLOAD, PAYLOAD_BITS, LONGEST_STEP = 0x80, 0x7F, 7, 9
# Of a length in one byte; with longer ones the fields would lie elsewhere.
LONGEST_SUMMARY = 0x7F
LONGEST_EVENT = STEP_BEGINS + 1 + LONGEST_STEP + 2 + LONGEST_SUMMARY


@dataclass(frozen=True, slots=True, eq=False)
class PlainScalars:
    """One tag's scalars among records of one length.

    Attributes:
        tag: Its name.
        numbers: Which of the records they are ``[n]``.
        steps: ``[n]`` int64.
        values: ``[n]`` float32.
    """

    tag: str
    numbers: NDArray[np.intp]
    steps: NDArray[np.int64]
    values: NDArray[np.float32]


def plain_scalars(rows: NDArray[np.uint8]) -> Iterator[PlainScalars]:
    """Yield the plain scalars among records of one length ``[n, length]``, for each tag and length of the step."""
    length = rows.shape[1]
    for step_bytes in range(LONGEST_STEP + 1):
        summary = STEP_BEGINS + (1 + step_bytes if step_bytes else 0)
        tag_bytes = length - summary - SUMMARY_HEAD - SIMPLE_VALUE_BYTES
        if tag_bytes < 1 or length - summary - 2 > LONGEST_SUMMARY:
            continue
        numbers = np.flatnonzero(_is_plain(rows, step_bytes, summary))
        if len(numbers):
            plain = rows[numbers]
            steps = _varints(plain[:, STEP_BEGINS + 1 : summary])
            values = np.ascontiguousarray(plain[:, -4:]).view("<f4")[:, 0]
            begin = summary + SUMMARY_HEAD
            for tag, own in _by_tag(plain[:, begin : begin + tag_bytes]):
                yield PlainScalars(tag, numbers[own], steps[own], values[own])


def _is_plain(rows: NDArray[np.uint8], step_bytes: int, summary: int) -> NDArray[np.bool_]:
    """Tell of each record whether it is a plain scalar whose step has so many bytes ``[records]``."""
    length = rows.shape[1]
    expected = {0: WALL_TIME, summary: SUMMARY, summary + 2: VALUE, summary + 4: TAG, length - 5: SIMPLE_VALUE}
    for place, behind in ((summary + 1, 2), (summary + 3, 4), (summary + 5, SUMMARY_HEAD + SIMPLE_VALUE_BYTES)):
        expected[place] = length - summary - behind
    if step_bytes:
        expected[STEP_BEGINS] = STEP
    plain = np.ones(len(rows), dtype=np.bool_)
    for place, value in expected.items():
        plain &= rows[:, place] == value
    for place in range(STEP_BEGINS + 1, summary):
        plain &= (rows[:, place] >= CONTINUES) == (place < summary - 1)
    return plain


def _varints(rows: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the numbers of varints of one length ``[n, bytes]`` as ``[n]``; of none at all, zeros."""
    numbers = np.zeros(len(rows), dtype=np.int64)
    for place, column in enumerate(rows.T):
        numbers |= (column & PAYLOAD).astype(np.int64) << (PAYLOAD_BITS * place)
    return numbers


def _by_tag(rows: NDArray[np.uint8]) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Yield each tag among rows of bytes ``[n, bytes]``, and where it is, ascending."""
    whole = np.ascontiguousarray(rows).view(f"V{rows.shape[1]}")[:, 0]
    tags, which = np.unique(whole, return_inverse=True)
    for number, tag in enumerate(tags):
        # An event whose tag is no UTF-8 is no event: Protobuf will say so.
        with suppress(UnicodeDecodeError):
            yield tag.tobytes().decode(), np.flatnonzero(which == number)


# Of torch's and TensorFlow's numbers of tensor types: float32, float64.
FLOAT, DOUBLE = 1, 2
NAME = "*tfevents*"
WHAT_TO_GIVE = "give a TensorBoard event file, or its folder."
# Fewer records of one length are sooner parsed one by one than compared.
TOGETHER = 16

Points = tuple[NDArray[np.int64], NDArray[np.float64]]


@dataclass(slots=True)
class EventFile:
    """Reads the scalars of an event file that may still grow.

    Attributes:
        path: The file.
    """

    path: Path
    _reader: RecordReader = field(init=False)
    _parts: dict[str, list[Points]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._reader = RecordReader(self.path)

    def read(self, *, grows: bool = False) -> int:
        """Read what came since the last call; return how many scalars that were.

        Args:
            grows: Whether somebody still writes it.

        Raises:
            LogError: If it cannot be read, or holds no record of an event file.
        """
        new = 0
        for records in self._reader.read(grows=grows):
            for tag, (steps, values) in _scalars(records, self.path).items():
                self._parts.setdefault(tag, []).append((steps, values))
                new += len(steps)
        if not self._reader.records and (self._reader.lost_bytes or not grows):
            empty = "the file is empty" if not self._reader.lost_bytes else "no record of an event file in it"
            raise LogError(f"{self.path}: {empty}.", hint=WHAT_TO_GIVE)
        return new

    @property
    def points(self) -> dict[str, Points]:
        """Every scalar so far, by tag, in the order of writing: steps and values."""
        return {tag: joined(parts) for tag, parts in self._parts.items()}

    def series(self) -> dict[str, Series]:
        """Return every scalar by its tag."""
        return {tag: Series.from_arrays(*points) for tag, points in self.points.items()}

    @property
    def lost(self) -> str | None:
        """What damage cost, in one line."""
        reader = self._reader
        if not reader.lost_bytes:
            return None
        points = f"about {reader.lost_records:,} of {reader.records + reader.lost_records:,} records"
        return f"{self.path.name}: {reader.lost_bytes:,} bytes are damaged; {points} are lost, all others were read."


def joined(parts: Iterable[Points]) -> Points:
    """Return points one after the other."""
    steps, values = zip(*parts, strict=True)
    return np.concatenate(steps), np.concatenate(values)


def _scalars(records: Records, path: Path) -> dict[str, Points]:
    """Return the scalars of some records by tag, in the order of writing.

    Raises:
        LogError: If one is no event.
    """
    numbered: dict[str, list[tuple[NDArray[np.intp], Points]]] = {}
    others = np.ones(len(records), dtype=np.bool_)
    for numbers, length in records.of_one_length():
        if len(numbers) >= TOGETHER and length <= LONGEST_EVENT:
            for plain in plain_scalars(records.rows(numbers, length)):
                own = numbers[plain.numbers]
                others[own] = False
                numbered.setdefault(plain.tag, []).append((own, (plain.steps, plain.values.astype(np.float64))))
    for tag, rows in _parsed(records, np.flatnonzero(others).tolist(), path).items():
        of, steps, values = zip(*rows, strict=True)
        points = np.array(steps, dtype=np.int64), np.array(values, dtype=np.float64)
        numbered.setdefault(tag, []).append((np.array(of), points))
    return {tag: _in_order(parts) for tag, parts in numbered.items()}


def _in_order(parts: Sequence[tuple[NDArray[np.intp], Points]]) -> Points:
    """Return points in the order of their records' numbers."""
    order = np.argsort(np.concatenate([numbers for numbers, _ in parts]), kind="stable")
    steps, values = joined(points for _, points in parts)
    return steps[order], values[order]


def _parsed(records: Records, numbers: Sequence[int], path: Path) -> dict[str, list[tuple[int, int, float]]]:
    """Return the scalars of the records of some numbers, one after the other, by tag: number, step, value.

    Raises:
        LogError: If one is no event.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # noqa: PLC0415
    from tensorboard.compat.proto.event_pb2 import Event  # noqa: PLC0415  (a third of a second)

    found: dict[str, list[tuple[int, int, float]]] = {}
    for number in numbers:
        try:
            event = Event.FromString(records.content(number))
        except DecodeError as error:
            raise LogError(f"{path}: its records are no events.", hint=WHAT_TO_GIVE) from error
        if event.HasField("summary"):
            for tag, value in scalars(event.summary):
                found.setdefault(tag, []).append((number, event.step, value))
    return found


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
