"""The errors that surefoot raises on wrong input.

    SurefootError
    ├── RecipeError      a recipe, schedule or hyperparameter that is not valid  (also a ValueError)
    ├── BudgetError      a budget that cannot be read or is too small            (also a ValueError)
    ├── TaskError        a task that cannot be loaded or trained
    │   └── DataError    data that cannot be read or does not fit the task
    ├── StudyError       a study that cannot be opened, read or written
    ├── LogError         a training log that cannot be read, or lacks what is asked for
    ├── WatchError       wrong arguments to a watch                              (also a ValueError)
    ├── OutputError      a report or a figure that cannot be written
    └── QueryError       a wrong request to the play page                        (also a ValueError)

All of them mean that the input is wrong, and not the program: the command line prints the one line of the message and
ends with exit code 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SurefootError(Exception):
    """Base of all errors that wrong input causes; the message is one line: what was given, what is allowed, a hint."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(f"{message} Hint: {hint}" if hint else message)


class RecipeError(SurefootError, ValueError):
    """A recipe, a schedule or a hyperparameter is malformed, or out of its range."""


class BudgetError(SurefootError, ValueError):
    """A budget is malformed, or too small for any result."""


class TaskError(SurefootError):
    """A task cannot be loaded, or its model, loss and data do not fit together."""


class DataError(TaskError):
    """Data cannot be read, or cannot be trained on."""


class StudyError(SurefootError):
    """A study database cannot be opened, read or written, or lacks the study asked for."""


class LogError(SurefootError):
    """A training log cannot be read, or lacks what is asked for."""


class WatchError(SurefootError, ValueError):
    """A training cannot be watched with the arguments that were given."""


class OutputError(SurefootError):
    """A folder or a file for the results cannot be written."""


class QueryError(SurefootError, ValueError):
    """A request to the play page is malformed, or out of its bounds."""


def did_you_mean(given: str, known: Iterable[str]) -> str | None:
    """Return a hint with the known name that is most similar to the given one; ``None`` where none is similar.

    Example:
        >>> did_you_mean("momentun", ["lr", "momentum"])
        'did you mean momentum?'
    """
    matches = difflib.get_close_matches(given, list(known), n=1, cutoff=0.5)
    return f"did you mean {matches[0]}?" if matches else None
