"""What a reader of one log format is, and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from surefoot.logs.training_log import Series


@dataclass(slots=True)
class LogContents:
    """Everything in a log.

    Attributes:
        series: Each series by its name in the log.
        notes: What the user should know of it.
    """

    series: dict[str, Series]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LogReader:
    """The reader of one log format: the registry entry of the format.

    Plugins register one as an entry point of the group ``surefoot.log_readers``.

    Attributes:
        name: Name of the format.
        about: What the format is, in a few words.
        patterns: Patterns of the files in a folder that are such logs, the most telling first.
        accepts: Returns whether a file is in this format; called for existing files, it must be quick.
        read: Reads a file; raises :class:`~surefoot.core.errors.LogError` if it is damaged or holds no numbers.
    """

    name: str
    about: str
    patterns: tuple[str, ...]
    accepts: Callable[[Path], bool]
    read: Callable[[Path], LogContents]


def damage_notes(lines: int) -> list[str]:
    """Return the note on lines that were damaged, where there are any."""
    return [f"{lines} damaged line{'s' if lines > 1 else ''} left out"] if lines else []
