"""Scalars of an event file that are decoded together, compared with Protobuf's own parser."""

import struct

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tests.unit.logs.event_frames import frame

from surefoot.core.errors import LogError
from surefoot.logs.tensorboard_file import EventFile, plain_scalars

TAGS = ("loss", "lr", "a/much/longer/tag", "größe", "t" * 120, "")
STEPS = st.one_of(
    st.integers(0, 300),
    st.sampled_from([2**7 - 1, 2**7, 2**14, 2**31, 2**56, 2**62, 2**63 - 1, -1, -(2**63)]),
)
FLOATS = st.floats(width=32, allow_nan=False)


def event(step, *values):
    named = [Summary.Value(tag=tag, simple_value=value) for tag, value in values]
    return Event(wall_time=1.5e9 + step % 1000, step=step, summary=Summary(value=named)).SerializeToString()


def by_protobuf(contents):
    """What Protobuf reads of each content, one after the other."""
    found = {}
    for content in contents:
        parsed = Event.FromString(content)
        for value in parsed.summary.value:
            if value.WhichOneof("value") == "simple_value":
                found.setdefault(value.tag, []).append((parsed.step, value.simple_value))
    return found


def by_surefoot(path, contents):
    path.write_bytes(b"".join(map(frame, contents)))
    file = EventFile(path)
    file.read()
    return {tag: [*zip(*(part.tolist() for part in own), strict=True)] for tag, own in file.points.items()}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("events") / "file"


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_scalars_are_those_of_protobuf_in_the_order_of_writing(path, data):
    value = st.tuples(st.sampled_from(TAGS), FLOATS)
    kinds = data.draw(st.lists(st.tuples(STEPS, st.lists(value, max_size=2)), min_size=1, max_size=8))
    # Many of a kind, so that they are decoded together; drawn among each other.
    contents = [event(step, *values) for step, values in kinds for _ in range(20)]
    order = np.random.default_rng(data.draw(st.integers(0, 9))).permutation(len(contents))
    contents = [contents[number] for number in order]
    assert by_surefoot(path, contents) == by_protobuf(contents)


@given(place=st.integers(0, 200), value=st.integers(0, 255), count=st.sampled_from([1, 40]))
@settings(max_examples=200, deadline=None)
def test_an_event_that_is_almost_a_plain_scalar_is_parsed_by_protobuf(path, place, value, count):
    whole = bytearray(event(300, ("loss", 0.5)))
    whole[place % len(whole)] = value
    contents = [bytes(whole)] * count
    try:
        expected = by_protobuf(contents)
    except DecodeError:
        with pytest.raises(LogError, match="not events"):
            by_surefoot(path, contents)
    else:
        # NaN is not equal to itself.
        assert repr(by_surefoot(path, contents)) == repr(expected)


def test_scalars_that_torch_writes_are_decoded_together():
    contents = [event(step, ("loss/train", step / 7)) for step in range(128, 1000)]
    rows = np.frombuffer(b"".join(contents), dtype=np.uint8).reshape(len(contents), -1)
    (found,) = plain_scalars(rows)
    assert found.tag == "loss/train"
    assert found.indices.tolist() == [*range(len(contents))]
    assert found.steps.tolist() == [*range(128, 1000)]
    assert found.values.tolist() == [struct.unpack("<f", struct.pack("<f", step / 7))[0] for step in range(128, 1000)]
