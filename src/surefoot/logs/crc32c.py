"""The checksum of TensorBoard's records: CRC-32C, masked; of one content, or of very many of one length at once.

A CRC is linear over bits: that of n bytes is the one of n zeros, xor what each byte adds at its place. With a table for
each place, all rows of a matrix are checked column by column.
"""

from __future__ import annotations

from functools import cache

import google_crc32c
import numpy as np
from numpy.typing import NDArray

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
