"""Reads what a training printed: lines with names and numbers, as ``step 200: train loss 2.31, val loss 2.35``."""

from __future__ import annotations

import re

from surefoot.logs.number_texts import read_number

# A number that something stands in front of: its name, with a colon, an equals sign, brackets or a blank between.
NAMED_NUMBER = re.compile(
    r"([A-Za-z_][\w./@ -]{0,60}?)\s*[:=]?\s*[\[(]?\s*"
    r"((?<![\w.])[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan(?:\(\w*\))?|inf(?:inity)?)(?![\w.]*[A-Za-df-z]))",
    re.IGNORECASE,
)
# What is no measurement: dates, times of day, durations, shares (3/10 is the third), and what programs put in brackets.
TIME = re.compile(
    r"\d{4}-\d\d-\d\d|\d\d/\d\d(?=\s+\d)|\d+:\d\d(?::\d\d)?(?:[.,]\d+)?|\d+(?:\.\d+)?\s*(?:ms|s|sec|it/s|%)\b"
)
OF_TOTAL = re.compile(r"(\d+)\s*/\s*\d+")
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# Longer lines are no log that a training printed: the work on a line grows with its length. Chosen.
MAX_LINE_CHARACTERS = 2000
# At least this number of lines with names and numbers make a log. Chosen.
MIN_LINES = 3


def text_lines(text: str) -> list[dict[str, float]]:
    r"""Return the named numbers of each line of a printed log; empty where too few lines have any.

    Example:
        >>> text_lines("step 10: train loss 4.2, val loss 4.3\n" * 3)[0]
        {'step': 10.0, 'train loss': 4.2, 'val loss': 4.3}
        >>> text_lines("Epoch [1/5], Step [100/600], Loss: 0.25\n" * 3)[0]
        {'Epoch': 1.0, 'Step': 100.0, 'Loss': 0.25}
    """
    # What a progress bar wrote over is gone from the screen: the last state of its line counts.
    lines = [ESCAPES.sub("", line.rstrip("\r").rpartition("\r")[2]) for line in text.split("\n")]
    short = (line for line in lines if len(line) <= MAX_LINE_CHARACTERS)
    rows = [row for line in short if len(row := _named_numbers(line)) > 1]
    return rows if len(rows) >= MIN_LINES else []


def _named_numbers(line: str) -> dict[str, float]:
    line = OF_TOTAL.sub(r"\1", TIME.sub(" ", line))
    row: dict[str, float] = {}
    for name, text in NAMED_NUMBER.findall(line):
        number = read_number(text)
        if number is not None:
            row.setdefault(" ".join(name.split()).strip(" -."), number)
    return row
