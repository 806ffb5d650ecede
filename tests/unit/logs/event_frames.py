"""Records of an event file, as TensorBoard frames them."""

import struct

from surefoot.logs.tensorboard_records import checksum


def frame(content):
    length = struct.pack("<Q", len(content))
    return length + struct.pack("<I", checksum(length)) + content + struct.pack("<I", checksum(content))
