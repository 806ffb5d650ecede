import gzip
import struct

import numpy as np
import pytest

from surefoot.core.errors import DataError
from surefoot.tasks.builtin.fashion_mnist import read_idx

PICTURES = np.arange(5 * 3 * 4, dtype=np.uint8).reshape(5, 3, 4)


def idx(array, *, kind=0x08):
    return bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_plain_and_compressed_files_are_read_whatever_their_name(tmp_path, pack):
    path = tmp_path / "pictures"
    path.write_bytes(pack(idx(PICTURES)))
    assert np.array_equal(read_idx(path), PICTURES)


@pytest.mark.parametrize(("limit", "items"), [(2, 2), (5, 5), (9, 5)])
def test_the_limit_takes_the_first_items(tmp_path, limit, items):
    path = tmp_path / "pictures"
    path.write_bytes(idx(PICTURES))
    assert np.array_equal(read_idx(path, limit=limit), PICTURES[:items])


def test_a_file_that_is_cut_after_the_limit_is_still_good(tmp_path):
    path = tmp_path / "pictures"
    path.write_bytes(idx(PICTURES)[:-12])
    assert np.array_equal(read_idx(path, limit=4), PICTURES[:4])


def test_a_compressed_file_that_is_cut_after_the_limit_is_broken_all_the_same(tmp_path):
    path = tmp_path / "pictures.gz"
    path.write_bytes(gzip.compress(idx(PICTURES))[:-9])
    with pytest.raises(DataError, match="compressed data are broken"):
        read_idx(path, limit=1)


# The names are given: bytes make no readable ones, and gzip writes the time of day into its own,
# so that two workers would collect different tests.
@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"", "not an IDX file of bytes; it begins with nothing", id="empty"),
        pytest.param(b"\x89PNG....", "it begins with 89 50 4e 47", id="a PNG"),
        pytest.param(idx(PICTURES, kind=0x0D), "it begins with 00 00 0d 03", id="floats"),
        pytest.param(
            idx(PICTURES)[:6],
            "ends too early; its header promises 12 more bytes and 2 are there",
            id="cut in the header",
        ),
        pytest.param(
            idx(PICTURES)[:-1],
            "ends too early; its header promises 60 more bytes and 59 are there",
            id="cut in the pictures",
        ),
        pytest.param(gzip.compress(idx(PICTURES))[:-20], "compressed data are broken", id="gzip cut"),
        pytest.param(
            gzip.compress(idx(PICTURES))[:10] + b"\x07" * 30,
            "compressed data are broken",
            id="gzip garbled",
        ),
        pytest.param(
            gzip.compress(idx(PICTURES))[:-8] + bytes(8),
            "compressed data are broken (CRC check failed",
            id="gzip with a wrong checksum",
        ),
    ],
)
def test_broken_files_are_named(tmp_path, content, told):
    path = tmp_path / "pictures"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)
    assert told in str(caught.value)
    assert caught.value.hint


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere: cannot be read"):
        read_idx(tmp_path / "nowhere")
