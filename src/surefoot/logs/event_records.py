"""The checksum of TensorBoard's records: CRC-32C, masked; of one content, or of very many of one length at once.

A CRC is linear over bits: that of n bytes is the one of n zeros, xor what each byte adds at its place. With a table for
each place, all rows of a matrix are checked column by column.

The records of a TensorBoard event file: checked, and found again behind damage.

A record is its length (8 bytes), the checksum of those (4), its content, and the checksum of that (4). A run of them is
walked by their lengths alone and then checked all at once: a log has millions, and a Python call for each would be most
of the time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import google_crc32c
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from surefoot.core.errors import LogError

MASK_DELTA = 0xA282EAD8


def checksum(content: bytes) -> int:
    """Return the masked CRC-32C of some bytes.

    Reference:
        TensorFlow, ``tensorflow/core/lib/hash/crc32c.h``: rotated right by 15 bits, plus a constant.

    Example:
        >>> hex(google_crc32c.value(b"123456789")), hex(checksum(b"123456789"))  # the standard's check value
        ('0xe3069283', '0xc78ab0e5')
    """
    crc: int = google_crc32c.value(content)
    return (((crc >> 15) | (crc << 17)) + MASK_DELTA) & 0xFFFFFFFF


def checksums(rows: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return the masked CRC-32C of every row ``[n, length]`` as ``[n]``.

    Example:
        >>> hex(checksums(np.frombuffer(b"123456789", dtype=np.uint8)[None])[0])
        '0xc78ab0e5'
    """
    count, length = rows.shape
    crc = np.full(count, google_crc32c.value(bytes(length)), dtype=np.uint32)
    # A column lies together only in the transposed matrix.
    for place, column in enumerate(np.ascontiguousarray(rows.T)):
        crc ^= _table(length - 1 - place).take(column)
    return ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(MASK_DELTA)


@cache
def _table(following: int) -> NDArray[np.uint32]:
    """Return what each value of a byte adds to the checksum where so many bytes follow, ``[256]``."""
    if following == 0:
        zero = google_crc32c.value(b"\0")
        return np.array([google_crc32c.value(bytes([value])) ^ zero for value in range(256)], dtype=np.uint32)
    before = _table(following - 1)
    # One more byte of zero shifts the register by eight bits, and adds what its lowest byte was.
    after: NDArray[np.uint32] = (before >> np.uint32(8)) ^ _table(0)[before & np.uint32(0xFF)]
    return after


LENGTH, CHECKSUM = struct.Struct("<Q"), struct.Struct("<I")
HEADER_BYTES = LENGTH.size + CHECKSUM.size
FRAME_BYTES = HEADER_BYTES + CHECKSUM.size
# How much is searched for the next record at first; mostly it is near. Then twice as much, up to the most at a time.
FIRST_BLOCK_BYTES, MOST_BLOCK_BYTES = 1 << 10, 4 << 20
# How many records are walked before they are checked. Few behind damage: what follows may be damaged as well, and what
# was walked in vain is walked again. 65,536 of the usual fifty bytes stay in a processor's cache.
FIRST_RUN, MOST_RUN = 1 << 6, 1 << 16
# Records of one length are checked together where there are enough to outweigh NumPy's calls, and where they are short:
# a table for each byte has 1 kB.
TOGETHER, SHORT_BYTES = 16, 256


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Whole records that follow each other without a gap.

    Attributes:
        data: What they lie in.
        begins: Where their contents begin ``[n]``.
        lengths: Bytes of each content ``[n]``.
    """

    data: bytes
    begins: NDArray[np.int64]
    lengths: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.begins)

    def __iter__(self) -> Iterator[bytes]:
        return (self.content(number) for number in range(len(self)))

    def content(self, number: int) -> bytes:
        """Return the content of one record."""
        begin = int(self.begins[number])
        return self.data[begin : begin + int(self.lengths[number])]

    def of_one_length(self) -> Iterator[tuple[NDArray[np.intp], int]]:
        """Yield the numbers of the records of each length, ascending, and that length."""
        for length in np.unique(self.lengths).tolist():
            yield np.flatnonzero(self.lengths == length), length

    def rows(self, numbers: NDArray[np.intp], length: int, *, before: int = 0) -> NDArray[np.uint8]:
        """Return bytes of some records, from so many before their contents, as ``[records, length]``."""
        array = np.frombuffer(self.data, dtype=np.uint8)
        return sliding_window_view(array, length)[self.begins[numbers] - before]

    def first(self, count: int) -> Records:
        """Return the first so many of them."""
        return Records(self.data, self.begins[:count], self.lengths[:count])


@dataclass(slots=True)
class RecordReader:
    """Reads the records of a file that may still grow, each once.

    Attributes:
        path: The file.
        offset: Up to where it was read; a record that is not complete yet begins there.
        lost_bytes: How much was damaged and left out.
        lost_records: How many records that must have been, judged by the length of the others.
        records: How many were read.
        record_bytes: Their length altogether.
    """

    path: Path
    offset: int = 0
    lost_bytes: int = 0
    lost_records: int = 0
    records: int = 0
    record_bytes: int = 0

    def read(self, *, grows: bool = False) -> Iterator[Records]:
        """Yield the records that came since the last call, a run after the other.

        Args:
            grows: Whether a record that is cut off at the end may become whole; otherwise it counts as lost.

        Raises:
            LogError: If the file cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                data = file.read()
        except OSError as error:
            raise LogError(f"{self.path}: cannot be read ({error.strerror}).", hint="check the path.") from error
        place, most = 0, FIRST_RUN
        while place < len(data):
            found, end = _run(data, place, most)
            if len(found):
                self.records, self.record_bytes = self.records + len(found), self.record_bytes + end - place
                self.offset, place, most = self.offset + end - place, end, min(2 * most, MOST_RUN)
                yield found
            elif grows and _may_become_whole(data, place):
                break
            else:
                lost = self._skip(data, place, grows=grows)
                self.offset, place, most = self.offset + lost, place + lost, FIRST_RUN

    def _skip(self, data: bytes, place: int, *, grows: bool) -> int:
        """Leave out what is damaged, up to the next whole record; return how many bytes."""
        following = next_record(data, place + 1)
        if following is None:
            # Behind a damaged content the next record may be on its way.
            end = _end_of(data, place) if grows else None
            following = len(data) if end is None else min(end, len(data))
        lost = following - place
        mean = self.record_bytes / self.records if self.records else FRAME_BYTES
        self.lost_bytes += lost
        self.lost_records += max(1, round(lost / mean))
        return lost


def next_record(data: bytes, begin: int) -> int | None:
    """Return where the next whole record begins at or behind ``begin``, ``None`` where there is none."""
    array = np.frombuffer(data, dtype=np.uint8)
    block = FIRST_BLOCK_BYTES
    while begin <= len(data) - HEADER_BYTES:
        headers = sliding_window_view(array[begin : begin + block + HEADER_BYTES - 1], HEADER_BYTES)
        for place in np.flatnonzero(_sealed(headers)).tolist():
            if _is_record(data, begin + place):
                return int(begin + place)
        begin, block = begin + block, min(2 * block, MOST_BLOCK_BYTES)
    return None


def _run(data: bytes, place: int, most: int) -> tuple[Records, int]:
    """Return the whole records that begin at a place and follow each other, at most so many, and where they end."""
    begins: list[int] = []
    ends: list[int] = []
    length_at, last = LENGTH.unpack_from, len(data) - FRAME_BYTES
    end = place
    while end <= last and len(begins) < most:
        begin = end
        end += FRAME_BYTES + length_at(data, begin)[0]
        begins.append(begin)
        ends.append(end)
    if ends and end > len(data):
        begins.pop()
        ends.pop()
    contents = np.array(begins, dtype=np.int64) + HEADER_BYTES
    walked = Records(data, contents, np.array(ends, dtype=np.int64) - CHECKSUM.size - contents)
    whole = _whole(walked)
    count = len(whole) if whole.all() else int(whole.argmin())
    return walked.first(count), ends[count - 1] if count else place


def _whole(records: Records) -> NDArray[np.bool_]:
    """Tell of each record whether both its checksums are right ``[n]``."""
    whole = np.zeros(len(records), dtype=np.bool_)
    for numbers, length in records.of_one_length():
        if len(numbers) >= TOGETHER and length <= SHORT_BYTES:
            rows = records.rows(numbers, length + FRAME_BYTES, before=HEADER_BYTES)
            whole[numbers] = _sealed(rows[:, :HEADER_BYTES]) & _sealed(rows[:, HEADER_BYTES:])
        else:
            whole[numbers] = [_is_record(records.data, int(records.begins[n]) - HEADER_BYTES) for n in numbers]
    return whole


def _sealed(rows: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell of each row whether its last four bytes are the checksum of those before."""
    stored = np.ascontiguousarray(rows[:, -CHECKSUM.size :]).view("<u4")[:, 0]
    right: NDArray[np.bool_] = checksums(rows[:, : -CHECKSUM.size]) == stored
    return right


def _is_record(data: bytes, place: int) -> bool:
    """Tell whether a whole record begins at a place."""
    end = _end_of(data, place) if place + HEADER_BYTES <= len(data) else None
    if end is None or end > len(data):
        return False
    content_end = end - CHECKSUM.size
    right: bool = checksum(data[place + HEADER_BYTES : content_end]) == CHECKSUM.unpack_from(data, content_end)[0]
    return right


def _may_become_whole(data: bytes, place: int) -> bool:
    """Tell whether what is there is the beginning of a record, and nothing whole follows."""
    if len(data) - place >= HEADER_BYTES:
        end = _end_of(data, place)
        if end is None or end <= len(data):
            return False
    return next_record(data, place + 1) is None


def _end_of(data: bytes, place: int) -> int | None:
    """Return where the record at a place ends, ``None`` where its header is damaged."""
    header = data[place : place + HEADER_BYTES]
    whole = checksum(header[: LENGTH.size]) == CHECKSUM.unpack_from(header, LENGTH.size)[0]
    return place + FRAME_BYTES + int(LENGTH.unpack_from(header)[0]) if whole else None
