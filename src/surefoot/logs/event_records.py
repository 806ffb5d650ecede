"""The records of a TensorBoard event file: checked, and found again behind damage.

A record is its length (8 bytes), the checksum of those (4), its content, and the checksum of that (4); checksums are
CRC-32C, masked.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from surefoot.errors import LogError

HEADER, CHECKSUM = struct.Struct("<QI"), struct.Struct("<I")
FRAME = HEADER.size + CHECKSUM.size
LENGTH_BYTES = 8
MASK_DELTA = 0xA282EAD8
# How much is searched for the next record at first; mostly it is near. Then twice as much, up to the most at a time.
FIRST_BLOCK_BYTES, MOST_BLOCK_BYTES = 1 << 10, 4 << 20


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

    def read(self, *, grows: bool = False) -> list[bytes]:
        """Return the contents of the records that came since the last call.

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
        found: list[bytes] = []
        place = 0
        while place < len(data):
            content = _record(data, place)
            if content is not None:
                found.append(content)
                self.records, self.record_bytes = self.records + 1, self.record_bytes + FRAME + len(content)
                place += FRAME + len(content)
            elif grows and _may_become_whole(data, place):
                break
            else:
                place += self._skip(data, place, grows=grows)
        self.offset += place
        return found

    def _skip(self, data: bytes, place: int, *, grows: bool) -> int:
        """Leave out what is damaged, up to the next whole record; return how many bytes."""
        following = next_record(data, place + 1)
        if following is None:
            # Behind a damaged content the next record may be on its way.
            end = _end_of(data, place) if grows else None
            following = len(data) if end is None else min(end, len(data))
        lost = following - place
        mean = self.record_bytes / self.records if self.records else FRAME
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


def next_record(data: bytes, begin: int) -> int | None:
    """Return where the next whole record begins at or behind ``begin``, ``None`` where there is none."""
    array = np.frombuffer(data, dtype=np.uint8)
    block = FIRST_BLOCK_BYTES
    while begin <= len(data) - HEADER.size:
        windows = array[begin : begin + block + HEADER.size - 1]
        for place in np.flatnonzero(_headers(windows)).tolist():
            if _record(data, begin + place) is not None:
                return int(begin + place)
        begin, block = begin + block, min(2 * block, MOST_BLOCK_BYTES)
    return None


def _record(data: bytes, place: int) -> bytes | None:
    """Return the content of the record at a place; ``None`` where it is damaged or cut off."""
    end = _end_of(data, place) if place + HEADER.size <= len(data) else None
    if end is None or end > len(data):
        return None
    content_end = end - CHECKSUM.size
    content = data[place + HEADER.size : content_end]
    return content if checksum(content) == CHECKSUM.unpack_from(data, content_end)[0] else None


def _may_become_whole(data: bytes, place: int) -> bool:
    """Tell whether what is there is the beginning of a record, and nothing whole follows."""
    if len(data) - place >= HEADER.size:
        end = _end_of(data, place)
        if end is None or end <= len(data):
            return False
    return next_record(data, place + 1) is None


def _end_of(data: bytes, place: int) -> int | None:
    """Return where the record at a place ends, ``None`` where its header is damaged."""
    length, length_checksum = HEADER.unpack_from(data, place)
    whole = checksum(data[place : place + LENGTH_BYTES]) == length_checksum
    return place + FRAME + int(length) if whole else None


def _headers(windows: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell for every place of some bytes whether a header with a right checksum begins there.

    A checksum of eight bytes is the exclusive or of what each of them adds, so that all places are worked out at once.
    """
    places = len(windows) - HEADER.size + 1
    base, tables = _checksum_tables()
    crc = np.full(places, base, dtype=np.uint32)
    for number, table in enumerate(tables):
        crc ^= table[windows[number : number + places]]
    masked = ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(MASK_DELTA)
    stored = np.zeros(places, dtype=np.uint32)
    for byte in range(CHECKSUM.size):
        stored |= windows[LENGTH_BYTES + byte :][:places].astype(np.uint32) << np.uint32(8 * byte)
    matches: NDArray[np.bool_] = masked == stored
    return matches


@cache
def _checksum_tables() -> tuple[np.uint32, NDArray[np.uint32]]:
    """Return the checksum of eight zeros, and what each value of each byte changes it by ``[8, 256]``."""
    zeros = bytes(LENGTH_BYTES)
    base = google_crc32c.value(zeros)
    changes = [
        [google_crc32c.value(zeros[:place] + bytes([value]) + zeros[place + 1 :]) ^ base for value in range(256)]
        for place in range(LENGTH_BYTES)
    ]
    return np.uint32(base), np.array(changes, dtype=np.uint32)
