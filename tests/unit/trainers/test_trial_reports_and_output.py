import os
import threading

from surefoot.trainers.trial_reports_and_output import OutputReader, TrialOutput


def test_of_a_large_output_only_beginning_and_end_are_kept(tmp_path):
    for name, size in (("little", 20), ("much", 1_000)):
        output = TrialOutput(tmp_path / name, head=10, tail=10)
        data = bytes(ord("a") + number % 26 for number in range(size))
        for start in range(0, size, 7):
            output.write(data[start : start + 7])
        output.close()
        kept = (tmp_path / name).read_bytes()
        if name == "little":
            assert kept == data
        else:
            assert kept == data[:10] + b"\n[... 980 bytes are left out here ...]\n" + data[-10:]


def test_a_file_is_created_only_when_something_is_printed(tmp_path):
    output = TrialOutput(tmp_path / "silent")
    output.close()
    assert not (tmp_path / "silent").exists()


def test_a_file_that_cannot_be_written_raises_no_error(tmp_path):
    output = TrialOutput(tmp_path / "no-such-folder" / "file")
    output.write(b"x" * 100)
    output.close()
    assert list(tmp_path.iterdir()) == []


def test_a_reader_ends_the_output_of_a_trial_at_the_marker(tmp_path):
    reading, writing = os.pipe()
    ended = threading.Event()
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        reader = OutputReader(pipe, ended=ended.set)
        for number in range(3):
            output = TrialOutput(tmp_path / str(number))
            reader.start_trial(output, b"<marker>")
            os.write(writing, f"trial {number}: <mar".encode())
            os.write(writing, b"ked>, <mark")
            os.write(writing, b"er>between trials")
            reader.wait(60.0)
            output.close()
        os.close(writing)
        assert ended.wait(60.0)
        reader.join()
    assert [(tmp_path / str(number)).read_text() for number in range(3)] == [
        f"trial {number}: <marked>, " for number in range(3)
    ]


def test_the_last_non_empty_line_is_known():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        reader = OutputReader(pipe)
        os.write(writing, b"first\n  last  \n\n")
        os.close(writing)
        reader.join()
    assert reader.last_line == "last"


def test_closing_twice_leaves_the_file_as_it_is(tmp_path):
    output = TrialOutput(tmp_path / "file", head=10, tail=10)
    output.write(b"0123456789" * 5)
    output.close()
    kept = (tmp_path / "file").read_bytes()
    output.close()
    assert (tmp_path / "file").read_bytes() == kept
