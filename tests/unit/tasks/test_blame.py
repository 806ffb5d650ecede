from pathlib import Path

from surefoot.core.errors import DataError
from surefoot.tasks.user_code_errors import blame, located, place


def caught(action):
    try:
        action()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_only_the_first_line_of_the_message_is_told():
    assert blame(ValueError("\n  shapes differ\nlong story")) == "ValueError: shapes differ"


def test_an_exception_without_a_message_is_named():
    assert blame(KeyboardInterrupt()) == "KeyboardInterrupt"


def test_a_long_message_is_cut():
    assert len(blame(ValueError("x" * 1000))) < 250


def test_the_line_is_that_of_the_users_code_not_of_the_library_below():
    error = caught(lambda: __import__("torch").zeros(2).reshape(3))
    assert place(error) == f"{Path(__file__).name}, line {error.__traceback__.tb_next.tb_lineno}"


def test_frames_outside_the_folder_do_not_count(tmp_path):
    assert place(caught(lambda: 1 / 0), folder=tmp_path) is None
    assert place(caught(lambda: 1 / 0), folder=Path(__file__).parent).startswith("test_blame.py, line ")


def test_a_syntax_error_names_its_own_line():
    assert place(caught(lambda: compile("x = 1\ny = (", "net.py", "exec"))) == "net.py, line 2"


def test_a_located_error_keeps_kind_and_hint():
    error = located(DataError("no such column.", hint="look again."), "wine.csv")
    assert type(error) is DataError
    assert str(error) == "wine.csv: no such column. Hint: look again."
    assert error.hint == "look again."
