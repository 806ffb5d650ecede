import os
import threading

from surefoot.trainers.trial_output import OutputPump, TrialOutput


def test_little_is_kept_whole_and_much_has_its_middle_left_out(tmp_path):
    for name, size in (("little", 20), ("much", 1_000)):
        output = TrialOutput(tmp_path / name, head=10, tail=10)
        data = bytes(ord("a") + number % 26 for number in range(size))
        for begin in range(0, size, 7):
            output.write(data[begin : begin + 7])
        output.close()
        kept = (tmp_path / name).read_bytes()
        if name == "little":
            assert kept == data
        else:
            assert kept == data[:10] + b"\n[... 980 bytes are left out here ...]\n" + data[-10:]


def test_a_file_is_made_only_where_something_is_printed(tmp_path):
    output = TrialOutput(tmp_path / "silent")
    output.close()
    assert not (tmp_path / "silent").exists()


def test_a_file_that_cannot_be_written_fails_nothing(tmp_path):
    output = TrialOutput(tmp_path / "no-such-folder" / "file")
    output.write(b"x" * 100)
    output.close()
    assert list(tmp_path.iterdir()) == []


def test_a_pump_parts_what_it_reads_at_the_marker(tmp_path):
    reading, writing = os.pipe()
    ended = threading.Event()
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        pump = OutputPump(pipe, ended=ended.set)
        for number in range(3):
            output = TrialOutput(tmp_path / str(number))
            pump.begin(output, b"<marker>")
            os.write(writing, f"trial {number}: <mar".encode())
            os.write(writing, b"ked>, <mark")
            os.write(writing, b"er>nobody's")
            pump.wait(60.0)
            output.close()
        os.close(writing)
        assert ended.wait(60.0)
        pump.join()
    assert [(tmp_path / str(number)).read_text() for number in range(3)] == [
        f"trial {number}: <marked>, " for number in range(3)
    ]


def test_the_last_line_is_known():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        pump = OutputPump(pipe)
        os.write(writing, b"first\n  last  \n\n")
        os.close(writing)
        pump.join()
    assert pump.last_line == "last"


def test_closing_twice_leaves_the_file_as_it_is(tmp_path):
    output = TrialOutput(tmp_path / "file", head=10, tail=10)
    output.write(b"0123456789" * 5)
    output.close()
    kept = (tmp_path / "file").read_bytes()
    output.close()
    assert (tmp_path / "file").read_bytes() == kept
