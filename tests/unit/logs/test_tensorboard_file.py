"""Event files as torch and TensorFlow write them, whole and damaged, compared with TensorBoard's own reader."""

import math
import struct

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.record_writer import RecordWriter
from tests.unit.logs.event_frames import frame
from torch.utils.tensorboard import SummaryWriter

from surefoot.core.errors import LogError
from surefoot.logs.tensorboard_file import EventFile

STEPS = 300


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A log as torch writes it: two scalars, and things that are none."""
    folder = tmp_path_factory.mktemp("run")
    with SummaryWriter(folder) as writer:
        for step in range(STEPS):
            writer.add_scalar("loss/train", 1 / (step + 1), step)
            if step % 10 == 0:
                writer.add_scalar("loss/valid", 2 / (step + 1), step)
        writer.add_scalar("loss/train", float("nan"), STEPS)
        writer.add_text("note", "hello")
        writer.add_histogram("weights", np.arange(10.0))
    (path,) = folder.glob("*tfevents*")
    return path


def write(path, events):
    with path.open("wb") as file:
        records = RecordWriter(file)
        for event in events:
            records.write(event.SerializeToString())


def event(step, value, tag="loss"):
    return Event(step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]))


def test_scalars_are_those_that_tensorboard_reads(written):
    file = EventFile(written)
    assert file.read() == STEPS + STEPS // 10 + 1
    theirs = EventAccumulator(str(written), size_guidance={"scalars": 0}).Reload()
    assert set(file.series()) == set(theirs.Tags()["scalars"])
    for tag, series in file.series().items():
        expected = theirs.Scalars(tag)
        assert series.steps.tolist() == [point.step for point in expected]
        assert series.values == pytest.approx([point.value for point in expected], nan_ok=True)
    assert file.series()["loss/train"].diverged_at == STEPS
    assert file.lost is None


def test_scalars_in_tensors_are_read_and_other_tensors_are_not(tmp_path):
    path = tmp_path / "events.out.tfevents.1"
    double = Summary.Value(tag="double")
    double.tensor.dtype = 2
    double.tensor.double_val.append(0.25)
    raw = Summary.Value(tag="raw")
    raw.tensor.dtype = 1
    raw.tensor.tensor_content = struct.pack("<f", 0.5)
    many = Summary.Value(tag="many")
    many.tensor.dtype = 1
    many.tensor.tensor_shape.dim.add().size = 2
    many.tensor.float_val.extend([1.0, 2.0])
    text = Summary.Value(tag="text")
    text.tensor.dtype = 7
    text.tensor.string_val.append(b"words")
    write(path, [Event(step=3, summary=Summary(value=[*scalar_pb("tf2", 0.75).value, double, raw, many, text]))])
    file = EventFile(path)
    file.read()
    assert {tag: series.values.tolist() for tag, series in file.series().items()} == {
        "tf2": [0.75],
        "double": [0.25],
        "raw": [0.5],
    }


def test_a_file_that_grows_is_read_as_it_grows(written, tmp_path):
    path, data = tmp_path / "growing", written.read_bytes()
    file, total = EventFile(path), 0
    for end in [*range(0, len(data), 997), len(data)]:
        path.write_bytes(data[:end])
        total += file.read(grows=True)
    assert total == STEPS + STEPS // 10 + 1
    assert file.lost is None
    assert file.series()["loss/train"].steps.tolist() == [*range(STEPS + 1)]


@pytest.mark.parametrize("where", ["length", "checksum of the length", "content", "checksum of the content"])
def test_one_damaged_record_costs_one_point(tmp_path, where):
    path = tmp_path / "damaged"
    frames = [frame(event(step, 1.0).SerializeToString()) for step in range(50)]
    byte = {"length": 0, "checksum of the length": 9, "content": 14, "checksum of the content": len(frames[20]) - 2}
    broken = bytearray(frames[20])
    broken[byte[where]] ^= 0x40
    path.write_bytes(b"".join([*frames[:20], bytes(broken), *frames[21:]]))
    file = EventFile(path)
    assert file.read() == 49
    assert file.series()["loss"].steps.tolist() == [*range(20), *range(21, 50)]
    assert file.lost.startswith(f"damaged: {len(broken)} bytes are damaged; about 1 of 50 records are lost")


def test_a_record_cut_off_by_a_restart_is_the_only_one_lost(tmp_path):
    path = tmp_path / "restarted"
    frames = [frame(event(step, 1.0, tag="a/long/name/of/a/tag").SerializeToString()) for step in range(9)]
    path.write_bytes(b"".join([*frames[:4], frames[4][:20], *frames[5:]]))
    file = EventFile(path)
    assert file.read() == 8
    assert "20 bytes are damaged; about 1 of 9" in file.lost


def test_a_record_cut_off_at_the_end_is_lost_unless_the_file_grows(tmp_path):
    path = tmp_path / "cut"
    data = b"".join(frame(event(step, 1.0).SerializeToString()) for step in range(5))
    path.write_bytes(data[:-3])
    growing, ended = EventFile(path), EventFile(path)
    assert growing.read(grows=True) == ended.read() == 4
    assert growing.lost is None
    assert "about 1 of 5" in ended.lost
    path.write_bytes(data)
    assert growing.read(grows=True) == 1


def test_a_damaged_record_before_an_incomplete_one_is_skipped(tmp_path):
    path = tmp_path / "growing"
    frames = [frame(event(step, 1.0).SerializeToString()) for step in range(4)]
    broken = bytearray(frames[1])
    broken[14] ^= 1
    path.write_bytes(frames[0] + bytes(broken) + frames[2][:15])
    file = EventFile(path)
    assert file.read(grows=True) == 1
    path.write_bytes(frames[0] + bytes(broken) + frames[2] + frames[3])
    assert file.read(grows=True) == 2
    assert "about 1 of 4" in file.lost


def test_records_that_are_not_events_are_refused(tmp_path):
    path = tmp_path / "data.tfevents"
    path.write_bytes(frame(b"\xff\xff\xff no event"))
    with pytest.raises(LogError, match="its records are not events"):
        EventFile(path).read()


def test_files_that_are_not_event_files_are_refused(tmp_path):
    for name, content, said in [("empty", b"", "is empty"), ("foreign", b"step,loss\n" * 50, "no record")]:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(LogError, match=said):
            EventFile(path).read()
    with pytest.raises(LogError, match="cannot be read"):
        EventFile(tmp_path / "absent").read()


def test_an_empty_file_that_grows_is_not_an_error(tmp_path):
    path = tmp_path / "new"
    path.write_bytes(b"")
    file = EventFile(path)
    assert file.read(grows=True) == 0
    write(path, [event(0, math.inf)])
    assert file.read(grows=True) == 1
