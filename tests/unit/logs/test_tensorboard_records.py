"""The records of an event file, damaged and whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.logs.event_frames import frame

from surefoot.logs.tensorboard_records import FRAME_BYTES, RecordReader, next_record


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_flipped_bytes_cost_only_their_own_records(tmp_path_factory, data):
    contents = [bytes([number]) * (number + 1) for number in range(30)]
    frames = [frame(content) for content in contents]
    broken = bytearray(b"".join(frames))
    ends = np.cumsum([len(each) for each in frames])
    flipped = data.draw(st.lists(st.integers(0, len(broken) - 1), min_size=1, max_size=6))
    for place in flipped:
        broken[place] ^= data.draw(st.integers(1, 255))
    hurt = {int(np.searchsorted(ends, place, side="right")) for place in flipped}
    path = tmp_path_factory.mktemp("flipped") / "file"
    path.write_bytes(bytes(broken))
    reader = RecordReader(path)
    expected = [content for number, content in enumerate(contents) if number not in hurt]
    found = [content for records in reader.read() for content in records]
    # Two flips may undo each other.
    assert [content for content in found if content in expected] == expected
    assert reader.offset == len(broken)
    assert reader.lost_bytes == len(broken) - sum(FRAME_BYTES + len(content) for content in found)


@pytest.mark.parametrize("length", [0, 11, 12, 40])
def test_the_next_record_is_found_after_any_length_of_noise(length):
    noise = np.random.default_rng(0).integers(0, 256, length, dtype=np.uint8).tobytes()
    data = noise + frame(b"here") + frame(b"and here")
    assert next_record(data, 0) == length
    assert next_record(data, length + 1) == length + FRAME_BYTES + 4
    assert next_record(noise, 0) is None
