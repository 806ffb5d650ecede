"""Reads the scalars of a TensorBoard event file, which may still grow.

Most events hold one plain scalar, as ``SummaryWriter.add_scalar`` writes it. In Protobuf's encoding such an event is::

    09 <wall time: 8>  [10 <step: varint>]  2a <length>  0a <length>  0a <length> <tag>  15 <value: float32>

without the step where that is 0. The length of the event and that of its step determine all other lengths. So events of
one length are compared and decoded together, column by column. Any other event is parsed by Protobuf, one by one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.core.errors import LogError
from surefoot.logs.tensorboard_records import RecordReader, Records
from surefoot.logs.training_log import LogContents, Series

# Steps and values of a tag, in the order of writing, each ``[n]``.
Points = tuple[NDArray[np.int64], NDArray[np.float64]]

FILE_PATTERN = "*tfevents*"
PATH_HINT = "give a TensorBoard event file, or its folder."
# TensorFlow's numbers of the tensor types float32, float64, float16 and bfloat16.
DT_FLOAT, DT_DOUBLE, DT_HALF, DT_BFLOAT16 = 1, 2, 19, 14
# Fewest events of one length that are decoded together: fewer are parsed faster one by one.
MIN_DECODED_TOGETHER = 16
# Protobuf's byte before each field, which holds the number and the type of the field.
WALL_TIME_TAG, STEP_TAG, SUMMARY_TAG, VALUE_TAG, TAG_TAG, SIMPLE_VALUE_TAG = 0x09, 0x10, 0x2A, 0x0A, 0x0A, 0x15
STEP_OFFSET = 9  # after the wall time
SUMMARY_HEADER_BYTES = 6  # the bytes and the lengths of three fields
SIMPLE_VALUE_BYTES = 5
# A byte of a varint has seven bits of the number; the highest bit says whether a byte follows. Nine bytes hold every
# step from 0 on.
VARINT_CONTINUES, VARINT_PAYLOAD, VARINT_PAYLOAD_BITS, MAX_STEP_BYTES = 0x80, 0x7F, 7, 9
# Longest summary whose length is written in one byte; with a longer one the fields would have other offsets.
MAX_SUMMARY_BYTES = 0x7F
MAX_EVENT_BYTES = STEP_OFFSET + 1 + MAX_STEP_BYTES + 2 + MAX_SUMMARY_BYTES


@dataclass(frozen=True, slots=True, eq=False)
class PlainScalars:
    """The scalars of one tag among events of one length.

    Attributes:
        tag: Name of the scalar.
        indices: Indices of the events, ``[n]``.
        steps: Steps, int64 ``[n]``.
        values: Values, float32 ``[n]``.
    """

    tag: str
    indices: NDArray[np.intp]
    steps: NDArray[np.int64]
    values: NDArray[np.float32]


def plain_scalars(rows: NDArray[np.uint8]) -> Iterator[PlainScalars]:
    """Yield the plain scalars among events of one length, by tag and length of the step.

    Args:
        rows: Bytes of the events, ``[n, length]``.
    """
    length = rows.shape[1]
    for step_bytes in range(MAX_STEP_BYTES + 1):
        summary = STEP_OFFSET + (1 + step_bytes if step_bytes else 0)
        tag_bytes = length - summary - SUMMARY_HEADER_BYTES - SIMPLE_VALUE_BYTES
        if tag_bytes < 1 or length - summary - 2 > MAX_SUMMARY_BYTES:
            continue
        indices = np.flatnonzero(_is_plain(rows, step_bytes, summary))
        if len(indices):
            plain = rows[indices]
            steps = _varints(plain[:, STEP_OFFSET + 1 : summary])
            values = np.ascontiguousarray(plain[:, -4:]).view("<f4")[:, 0]
            begin = summary + SUMMARY_HEADER_BYTES
            for tag, of_tag in _by_tag(plain[:, begin : begin + tag_bytes]):
                yield PlainScalars(tag, indices[of_tag], steps[of_tag], values[of_tag])


def _is_plain(rows: NDArray[np.uint8], step_bytes: int, summary: int) -> NDArray[np.bool_]:
    """Return which events are a plain scalar, ``[n]``.

    Args:
        rows: Bytes of the events, ``[n, length]``.
        step_bytes: Length of the step.
        summary: Offset of the summary.
    """
    length = rows.shape[1]
    expected = {
        0: WALL_TIME_TAG,
        summary: SUMMARY_TAG,
        summary + 2: VALUE_TAG,
        summary + 4: TAG_TAG,
        length - 5: SIMPLE_VALUE_TAG,
    }
    for offset, bytes_between in (
        (summary + 1, 2),
        (summary + 3, 4),
        (summary + 5, SUMMARY_HEADER_BYTES + SIMPLE_VALUE_BYTES),
    ):
        expected[offset] = length - summary - bytes_between
    if step_bytes:
        expected[STEP_OFFSET] = STEP_TAG
    plain = np.ones(len(rows), dtype=np.bool_)
    for offset, value in expected.items():
        plain &= rows[:, offset] == value
    for offset in range(STEP_OFFSET + 1, summary):
        plain &= (rows[:, offset] >= VARINT_CONTINUES) == (offset < summary - 1)
    return plain


def _varints(rows: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the numbers ``[n]`` of varints of one length ``[n, bytes]``; zeros where the length is 0."""
    numbers = np.zeros(len(rows), dtype=np.int64)
    for index, column in enumerate(rows.T):
        numbers |= (column & VARINT_PAYLOAD).astype(np.int64) << (VARINT_PAYLOAD_BITS * index)
    return numbers


def _by_tag(rows: NDArray[np.uint8]) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Yield each tag among rows of bytes ``[n, bytes]``, with the indices of its rows, ascending."""
    whole = np.ascontiguousarray(rows).view(f"V{rows.shape[1]}")[:, 0]
    tags, which = np.unique(whole, return_inverse=True)
    for number, tag in enumerate(tags):
        # Protobuf raises the error for a tag that is not UTF-8.
        with suppress(UnicodeDecodeError):
            yield tag.tobytes().decode(), np.flatnonzero(which == number)


@dataclass(slots=True)
class EventFile:
    """Reads the scalars of an event file, which may still grow.

    Attributes:
        path: Path of the file.
    """

    path: Path
    _reader: RecordReader = field(init=False)
    _parts: dict[str, list[Points]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._reader = RecordReader(self.path)

    def read(self, *, grows: bool = False) -> int:
        """Read what was written since the last call.

        Args:
            grows: Whether the file is still being written.

        Returns:
            Number of scalars that were read.

        Raises:
            LogError: If the file cannot be read, or has no record of an event file.
        """
        new = 0
        for records in self._reader.read(grows=grows):
            for tag, (steps, values) in _scalars(records, self.path).items():
                self._parts.setdefault(tag, []).append((steps, values))
                new += len(steps)
        if not self._reader.records and (self._reader.lost_bytes or not grows):
            empty = "the file is empty" if not self._reader.lost_bytes else "no record of an event file in it"
            raise LogError(f"{self.path}: {empty}.", hint=PATH_HINT)
        return new

    @property
    def points(self) -> dict[str, Points]:
        """Steps and values of every scalar so far, by tag, in the order of writing."""
        return {tag: concatenate_points(parts) for tag, parts in self._parts.items()}

    def series(self) -> dict[str, Series]:
        """Return the series of every scalar, by tag."""
        return {tag: Series.from_arrays(*points) for tag, points in self.points.items()}

    @property
    def lost(self) -> str | None:
        """What was lost to damage, in one line; ``None`` where nothing was."""
        reader = self._reader
        if not reader.lost_bytes:
            return None
        points = f"about {reader.lost_records:,} of {reader.records + reader.lost_records:,} records"
        return f"{self.path.name}: {reader.lost_bytes:,} bytes are damaged; {points} are lost, all others were read."


def concatenate_points(parts: Iterable[Points]) -> Points:
    """Return several points as one, in their order."""
    steps, values = zip(*parts, strict=True)
    return np.concatenate(steps), np.concatenate(values)


def _scalars(records: Records, path: Path) -> dict[str, Points]:
    """Return the scalars of some records, by tag, in the order of writing.

    Raises:
        LogError: If a record is not an event.
    """
    numbered: dict[str, list[tuple[NDArray[np.intp], Points]]] = {}
    others = np.ones(len(records), dtype=np.bool_)
    for numbers, length in records.of_one_length():
        if len(numbers) >= MIN_DECODED_TOGETHER and length <= MAX_EVENT_BYTES:
            for plain in plain_scalars(records.rows(numbers, length)):
                indices = numbers[plain.indices]
                others[indices] = False
                numbered.setdefault(plain.tag, []).append((indices, (plain.steps, plain.values.astype(np.float64))))
    for tag, rows in _parsed(records, np.flatnonzero(others).tolist(), path).items():
        parsed_indices, steps, values = zip(*rows, strict=True)
        points = np.array(steps, dtype=np.int64), np.array(values, dtype=np.float64)
        numbered.setdefault(tag, []).append((np.array(parsed_indices), points))
    return {tag: _in_order(parts) for tag, parts in numbered.items()}


def _in_order(parts: Sequence[tuple[NDArray[np.intp], Points]]) -> Points:
    """Return points in the order of their records."""
    order = np.argsort(np.concatenate([numbers for numbers, _ in parts]), kind="stable")
    steps, values = concatenate_points(points for _, points in parts)
    return steps[order], values[order]


def _parsed(records: Records, numbers: Sequence[int], path: Path) -> dict[str, list[tuple[int, int, float]]]:
    """Return the scalars of some records, parsed one by one, by tag: index of the record, step, value.

    Raises:
        LogError: If a record is not an event.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # noqa: PLC0415
    from tensorboard.compat.proto.event_pb2 import Event  # noqa: PLC0415  (a third of a second)

    found: dict[str, list[tuple[int, int, float]]] = {}
    for number in numbers:
        try:
            event = Event.FromString(records.content(number))
        except DecodeError as error:
            raise LogError(f"{path}: its records are not events.", hint=PATH_HINT) from error
        if event.HasField("summary"):
            for tag, value in scalars(event.summary):
                found.setdefault(tag, []).append((number, event.step, value))
    return found


def scalars(summary: Any) -> Iterator[tuple[str, float]]:
    """Yield the scalars of a summary: plain values, and tensors with one number."""
    for value in summary.value:
        kind = value.WhichOneof("value")
        if kind == "simple_value":
            yield value.tag, value.simple_value
        elif kind == "tensor" and (number := _number(value.tensor)) is not None:
            yield value.tag, number


def _number(tensor: Any) -> float | None:
    """Return the number of a tensor that holds a single float; ``None`` for any other tensor."""
    if tensor.dtype not in (DT_FLOAT, DT_DOUBLE, DT_HALF, DT_BFLOAT16):
        return None
    size = 1
    for dimension in tensor.tensor_shape.dim:
        size *= dimension.size
    if size != 1:
        return None
    if tensor.dtype in (DT_HALF, DT_BFLOAT16):
        return _half_precision(tensor)
    written = tensor.float_val if tensor.dtype == DT_FLOAT else tensor.double_val
    if written:
        return float(written[0])
    form = "<f" if tensor.dtype == DT_FLOAT else "<d"
    content = tensor.tensor_content
    return float(struct.unpack(form, content)[0]) if len(content) == struct.calcsize(form) else None


def _half_precision(tensor: Any) -> float | None:
    """Return the number of a tensor in float16 or bfloat16, whose bits are written as an int, or as two bytes."""
    content = tensor.tensor_content
    bits = tensor.half_val[0] if tensor.half_val else struct.unpack("<H", content)[0] if len(content) == 2 else None
    if bits is None:
        return None
    if tensor.dtype == DT_HALF:
        return float(struct.unpack("<e", struct.pack("<H", bits))[0])
    return float(struct.unpack("<f", struct.pack("<I", bits << 16))[0])


def read_event_files(paths: list[Path], *, require_scalars: bool = True) -> LogContents:
    """Read the event files of one run, in the order of time; a training begins a new one each time it is started.

    Args:
        paths: The files; those that cannot be read are left out, unless no file can be.
        require_scalars: Whether to raise if there are no scalars.

    Raises:
        LogError: If no file can be read, or there are no scalars where they are required.
    """
    points: dict[str, list[Points]] = {}
    notes, faults = [], []
    for path in paths:
        file = EventFile(path)
        try:
            file.read()
        except LogError as error:
            faults.append(error)
            continue
        notes += [file.lost] if file.lost else []
        notes += _leave_out_overlap(points, file.points)
        for tag, tag_points in file.points.items():
            points.setdefault(tag, []).append(tag_points)
    if len(faults) == len(paths):
        raise faults[0]
    if require_scalars and not points:
        raise LogError(f"{paths[0]}: no scalars in it.", hint="log them with SummaryWriter.add_scalar.")
    notes += [f"left out: {str(fault).partition(' Hint:')[0]}" for fault in faults]
    return LogContents(
        {tag: Series.from_maybe_unnumbered(*concatenate_points(parts)) for tag, parts in points.items()}, notes
    )


def _leave_out_overlap(before: dict[str, list[Points]], started: Mapping[str, Points]) -> list[str]:
    """Leave out what earlier files have of the steps that a training logged again after it was started again.

    Args:
        before: Steps and values of each tag in the earlier files; changed in place.
        started: Those of the next file.

    Returns:
        A note, where something was left out.
    """
    shared = [tag for tag in started if tag in before and len(started[tag][0])]
    if not shared:
        return []
    first = min(int(started[tag][0][0]) for tag in shared)
    reached = max(int(steps.max(initial=-1)) for tag in shared for steps, _ in before[tag])
    if first > reached or all((started[tag][0] == started[tag][0][0]).all() for tag in shared):
        return []
    left_out = 0
    for tag, parts in before.items():
        left_out += sum(int((steps >= first).sum()) for steps, _ in parts)
        before[tag] = [(steps[steps < first], values[steps < first]) for steps, values in parts]
    return [f"the training was started again at step {first:,}: {left_out:,} values of before left out"]
