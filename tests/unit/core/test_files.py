import os
import stat

import pytest

from surefoot.core.errors import OutputError
from surefoot.core.files import atomic_path, make_writable_folder


def write_and_fail(path):
    path.write_text("half of a n")
    raise ZeroDivisionError


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_path(path) as temporary:
        write_and_fail(temporary)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_is_replaced_and_the_temporary_one_has_its_suffix(tmp_path):
    path = tmp_path / "figure.svg"
    for text in ("first", "second"):
        with atomic_path(path) as temporary:
            assert (temporary.parent, temporary.suffix) == (tmp_path, ".svg")
            temporary.write_text(text)
        assert path.read_text() == text
    assert [each.name for each in tmp_path.iterdir()] == ["figure.svg"]


def test_file_permissions_follow_the_umask(tmp_path):
    before = os.umask(0o022)
    try:
        with atomic_path(tmp_path / "report.html") as temporary:
            temporary.write_text("")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "report.html").stat().st_mode) == 0o644


def test_an_error_names_the_path_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "none" / "a", tmp_path / "file" / "a", tmp_path / "folder"):
        with pytest.raises(OutputError, match="cannot write") as caught, atomic_path(path) as temporary:
            temporary.write_text("")
        assert repr(str(path)) in str(caught.value)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]


def test_a_folder_is_made_and_tested_for_writing(tmp_path):
    folder = tmp_path / "a" / "b"
    assert make_writable_folder(folder) == folder
    assert not list(folder.iterdir())
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "b"):
        with pytest.raises(OutputError, match="cannot write"):
            make_writable_folder(path)
