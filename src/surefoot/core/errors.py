"""Every error that surefoot raises on purpose.

    SurefootError
    ├── RecipeError      a recipe, schedule or hyperparameter that cannot be  (also a ValueError)
    ├── BudgetError      a budget that cannot be read or is too small         (also a ValueError)
    ├── TaskError        a task that cannot be loaded or trained
    │   └── DataError    its data cannot be read or do not fit
    ├── StudyError       a study that cannot be opened, read or written
    ├── LogError         a training's log that cannot be read, or lacks what is asked for
    ├── WatchError       a training that cannot be watched as asked          (also a ValueError)
    ├── OutputError      a report or a picture that cannot be written
    └── QueryError       a question to the play page that has no answer       (also a ValueError)

All of them mean that the input is wrong, not the program: the command line prints the one line of the
message and ends with exit code 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SurefootError(Exception):
    """Base of all errors a user can cause; the message is one line: given, allowed, hint."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.hint = hint
        super().__init__(f"{message} Hint: {hint}" if hint else message)


class RecipeError(SurefootError, ValueError):
    """A recipe, a schedule or a hyperparameter is malformed or out of its range."""


class BudgetError(SurefootError, ValueError):
    """A budget is malformed, or too small for any answer."""


class TaskError(SurefootError):
    """A task cannot be loaded, or its model, loss and data do not fit together."""


class DataError(TaskError):
    """Data cannot be read, or are not fit to train on."""


class StudyError(SurefootError):
    """A study database cannot be opened, read or written, or lacks the study asked for."""


class LogError(SurefootError):
    """A training's log cannot be read, or lacks what is asked for."""


class WatchError(SurefootError, ValueError):
    """A training cannot be watched as asked: what was handed to the watch does not fit."""


class OutputError(SurefootError):
    """A folder or file for the results cannot be written."""


class QueryError(SurefootError, ValueError):
    """A question to the play page is malformed, or out of its bounds."""


def nearest(given: str, known: Iterable[str]) -> str | None:
    """Return the known name most like the given one, as a hint; ``None`` when nothing is alike.

    Example:
        >>> nearest("momentun", ["lr", "momentum"])
        'did you mean momentum?'
    """
    matches = difflib.get_close_matches(given, list(known), n=1, cutoff=0.5)
    return f"did you mean {matches[0]}?" if matches else None
