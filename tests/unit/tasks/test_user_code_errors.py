from pathlib import Path

from surefoot.core.errors import DataError
from surefoot.tasks.user_code_errors import error_location, locate_error, with_location


def exception_of(action):
    try:
        action()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_only_the_first_line_of_the_message_is_quoted():
    assert locate_error(ValueError("\n  shapes differ\nlong story")) == "ValueError: shapes differ"


def test_an_exception_without_a_message_is_named():
    assert locate_error(KeyboardInterrupt()) == "KeyboardInterrupt"


def test_a_long_message_is_shortened():
    assert len(locate_error(ValueError("x" * 1000))) < 250


def test_the_line_is_in_the_users_code_and_not_in_a_library():
    error = exception_of(lambda: __import__("torch").zeros(2).reshape(3))
    assert error_location(error) == f"{Path(__file__).name}, line {error.__traceback__.tb_next.tb_lineno}"


def test_frames_outside_the_folder_are_ignored(tmp_path):
    assert error_location(exception_of(lambda: 1 / 0), folder=tmp_path) is None
    assert error_location(exception_of(lambda: 1 / 0), folder=Path(__file__).parent).startswith(
        "test_user_code_errors.py, line "
    )


def test_a_syntax_error_names_its_own_line():
    assert error_location(exception_of(lambda: compile("x = 1\ny = (", "net.py", "exec"))) == "net.py, line 2"


def test_an_error_with_a_location_keeps_its_type_and_hint():
    error = with_location(DataError("no such column.", hint="look again."), "wine.csv")
    assert type(error) is DataError
    assert str(error) == "wine.csv: no such column. Hint: look again."
    assert error.hint == "look again."
