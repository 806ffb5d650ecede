"""Reads and checks the records of a TensorBoard event file, and finds the next one after damage.

A record is its length (8 bytes), the checksum of the length (4), its content, and the checksum of the content (4). The
checksum is a masked CRC-32C. A run of records is walked by the lengths alone and then checked all at once: a log has
millions, and a Python call for each would be most of the time.

A CRC is linear over bits: that of n bytes is the one of n zeros, xor what each byte adds at its position. With a table
for each position, all rows of a matrix are checked column by column.
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

LENGTH_FORMAT, CHECKSUM_FORMAT = struct.Struct("<Q"), struct.Struct("<I")
HEADER_BYTES = LENGTH_FORMAT.size + CHECKSUM_FORMAT.size
FRAME_BYTES = HEADER_BYTES + CHECKSUM_FORMAT.size
# How many bytes are searched for the next record at first, for mostly it is near; then twice as many each time, up to
# the maximum.
MIN_BLOCK_BYTES, MAX_BLOCK_BYTES = 1 << 10, 4 << 20
# How many records are walked before they are checked: few at first and after damage, for what follows may be damaged
# too and is then walked again; then twice as many each time, up to the maximum. 65,536 records of the usual fifty bytes
# fit into a processor's cache.
MIN_RUN_RECORDS, MAX_RUN_RECORDS = 1 << 6, 1 << 16
# Records of one length are checked together where there are enough of them to outweigh NumPy's calls, and where they
# are short: the table of each position takes 1 kB.
MIN_CHECKED_TOGETHER, MAX_BYTES_CHECKED_TOGETHER = 16, 256
# Constant of the mask (TensorFlow, ``crc32c.h``).
MASK_DELTA = 0xA282EAD8


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Valid records that follow each other without a gap.

    Attributes:
        data: Bytes of the file, or of a part of it.
        begins: Offsets at which the contents begin, ``[n]``.
        lengths: Length of each content, in bytes, ``[n]``.
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
        """Yield each length, with the indices of its records, ascending: (indices, length)."""
        for length in np.unique(self.lengths).tolist():
            yield np.flatnonzero(self.lengths == length), length

    def rows(self, numbers: NDArray[np.intp], length: int, *, before: int = 0) -> NDArray[np.uint8]:
        """Return bytes of some records as a matrix ``[records, length]``.

        Args:
            numbers: Indices of the records.
            length: Number of bytes of each.
            before: How many bytes before the content to begin.
        """
        array = np.frombuffer(self.data, dtype=np.uint8)
        return sliding_window_view(array, length)[self.begins[numbers] - before]

    def first(self, count: int) -> Records:
        """Return the first ``count`` records."""
        return Records(self.data, self.begins[:count], self.lengths[:count])


@dataclass(slots=True)
class RecordReader:
    """Reads the records of a file, which may still grow, each once.

    Attributes:
        path: Path of the file.
        offset: Offset up to which the file was read; a record that is not complete yet begins there.
        lost_bytes: Number of damaged bytes, which were left out.
        lost_records: Number of records that were lost, estimated by the mean length of the others.
        records: Number of records that were read.
        record_bytes: Total length of the records that were read.
    """

    path: Path
    offset: int = 0
    lost_bytes: int = 0
    lost_records: int = 0
    records: int = 0
    record_bytes: int = 0

    def read(self, *, grows: bool = False) -> Iterator[Records]:
        """Yield the records that were written since the last call, run by run.

        Args:
            grows: Whether a record that is cut off at the end may be completed later; otherwise it counts as lost.

        Raises:
            LogError: If the file cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                data = file.read()
        except OSError as error:
            raise LogError(f"{self.path}: cannot be read ({error.strerror}).", hint="check the path.") from error
        offset, most = 0, MIN_RUN_RECORDS
        while offset < len(data):
            found, end = _read_run(data, offset, most)
            if len(found):
                self.records, self.record_bytes = self.records + len(found), self.record_bytes + end - offset
                self.offset, offset, most = self.offset + end - offset, end, min(2 * most, MAX_RUN_RECORDS)
                yield found
            elif grows and _may_be_completed(data, offset):
                break
            else:
                lost = self._skip(data, offset, grows=grows)
                self.offset, offset, most = self.offset + lost, offset + lost, MIN_RUN_RECORDS

    def _skip(self, data: bytes, offset: int, *, grows: bool) -> int:
        """Skip damaged bytes up to the next valid record; return their number."""
        following = next_record(data, offset + 1)
        if following is None:
            # After a damaged content the next record may still be written.
            end = _end_of(data, offset) if grows else None
            following = len(data) if end is None else min(end, len(data))
        lost = following - offset
        mean = self.record_bytes / self.records if self.records else FRAME_BYTES
        self.lost_bytes += lost
        self.lost_records += max(1, round(lost / mean))
        return lost


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
    # In the transposed matrix each column is contiguous.
    for position, column in enumerate(np.ascontiguousarray(rows.T)):
        crc ^= _table(length - 1 - position).take(column)
    return ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(MASK_DELTA)


def next_record(data: bytes, begin: int) -> int | None:
    """Return the offset of the next valid record at or after ``begin``; ``None`` where there is none."""
    array = np.frombuffer(data, dtype=np.uint8)
    block = MIN_BLOCK_BYTES
    while begin <= len(data) - HEADER_BYTES:
        headers = sliding_window_view(array[begin : begin + block + HEADER_BYTES - 1], HEADER_BYTES)
        for offset in np.flatnonzero(_has_right_checksum(headers)).tolist():
            if _is_record(data, begin + offset):
                return int(begin + offset)
        begin, block = begin + block, min(2 * block, MAX_BLOCK_BYTES)
    return None


def _read_run(data: bytes, offset: int, most: int) -> tuple[Records, int]:
    """Return up to ``most`` valid records that follow each other from an offset, and the offset at which they end."""
    begins: list[int] = []
    ends: list[int] = []
    length_at, last = LENGTH_FORMAT.unpack_from, len(data) - FRAME_BYTES
    end = offset
    while end <= last and len(begins) < most:
        begin = end
        end += FRAME_BYTES + length_at(data, begin)[0]
        begins.append(begin)
        ends.append(end)
    if ends and end > len(data):
        begins.pop()
        ends.pop()
    contents = np.array(begins, dtype=np.int64) + HEADER_BYTES
    walked = Records(data, contents, np.array(ends, dtype=np.int64) - CHECKSUM_FORMAT.size - contents)
    is_valid = _are_valid(walked)
    count = len(is_valid) if is_valid.all() else int(is_valid.argmin())
    return walked.first(count), ends[count - 1] if count else offset


def _are_valid(records: Records) -> NDArray[np.bool_]:
    """Return for which records both checksums are right, ``[n]``."""
    whole = np.zeros(len(records), dtype=np.bool_)
    for numbers, length in records.of_one_length():
        if len(numbers) >= MIN_CHECKED_TOGETHER and length <= MAX_BYTES_CHECKED_TOGETHER:
            rows = records.rows(numbers, length + FRAME_BYTES, before=HEADER_BYTES)
            whole[numbers] = _has_right_checksum(rows[:, :HEADER_BYTES]) & _has_right_checksum(rows[:, HEADER_BYTES:])
        else:
            whole[numbers] = [_is_record(records.data, int(records.begins[n]) - HEADER_BYTES) for n in numbers]
    return whole


def _has_right_checksum(rows: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return for which rows the last four bytes are the checksum of those before, ``[n]``."""
    stored = np.ascontiguousarray(rows[:, -CHECKSUM_FORMAT.size :]).view("<u4")[:, 0]
    right: NDArray[np.bool_] = checksums(rows[:, : -CHECKSUM_FORMAT.size]) == stored
    return right


def _is_record(data: bytes, offset: int) -> bool:
    """Return whether a valid record begins at an offset."""
    end = _end_of(data, offset) if offset + HEADER_BYTES <= len(data) else None
    if end is None or end > len(data):
        return False
    content_end = end - CHECKSUM_FORMAT.size
    right: bool = (
        checksum(data[offset + HEADER_BYTES : content_end]) == CHECKSUM_FORMAT.unpack_from(data, content_end)[0]
    )
    return right


def _may_be_completed(data: bytes, offset: int) -> bool:
    """Return whether a record begins at an offset that is not complete yet, and no valid record follows."""
    if len(data) - offset >= HEADER_BYTES:
        end = _end_of(data, offset)
        if end is None or end <= len(data):
            return False
    return next_record(data, offset + 1) is None


def _end_of(data: bytes, offset: int) -> int | None:
    """Return the offset at which the record at an offset ends; ``None`` where its header is damaged."""
    header = data[offset : offset + HEADER_BYTES]
    whole = checksum(header[: LENGTH_FORMAT.size]) == CHECKSUM_FORMAT.unpack_from(header, LENGTH_FORMAT.size)[0]
    return offset + FRAME_BYTES + int(LENGTH_FORMAT.unpack_from(header)[0]) if whole else None


@cache
def _table(following: int) -> NDArray[np.uint32]:
    """Return what each value of a byte adds to the checksum, given the number of bytes that follow, ``[256]``."""
    if following == 0:
        zero = google_crc32c.value(b"\0")
        return np.array([google_crc32c.value(bytes([value])) ^ zero for value in range(256)], dtype=np.uint32)
    before = _table(following - 1)
    # A further byte of zero shifts the register by eight bits and adds the entry of its lowest byte.
    after: NDArray[np.uint32] = (before >> np.uint32(8)) ^ _table(0)[before & np.uint32(0xFF)]
    return after
