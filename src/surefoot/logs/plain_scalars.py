"""Events that hold one plain scalar, as ``SummaryWriter.add_scalar`` writes them: very many decoded at once.

Written with Protobuf they are::

    09 <wall time: 8>  [10 <step: varint>]  2a <length>  0a <length>  0a <length> <tag>  15 <value: float32>

without a step where that is 0. Once the event's length and the step's are known, every length in it is, and so records
of one length are compared and read column by column. What looks otherwise in any byte is left to Protobuf.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
