"""The command that asks for the same again."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from typing import Any

DEFAULTS = {
    "kind": "auto",
    "test_share": 0.0,
    "split_seed": 0,
    "seed": 0,
    "device": "cpu",
    "strategy": "surefoot",
    "goal": "loss",
    "transfer": False,
}
NAMES = {"test_share": "test", "also_search": "search", "space_file": "space"}


def again(command: str, task: str | None, settings: Mapping[str, Any], *, kept: Collection[str]) -> str:
    """Return a command line.

    Args:
        command: Name of the command.
        task: What it is given, if anything.
        settings: Its options; what has its default is left out.
        kept: Which of them change the answer.

    Example:
        >>> again("check", "wine", {"seed": 0, "steps": 50, "quiet": True}, kept=["seed", "steps"])
        'surefoot check wine --steps 50'
    """
    options = [
        part
        for key, value in settings.items()
        if key in kept and value is not None and value != DEFAULTS.get(key)
        for part in (f"--{NAMES.get(key, key).replace('_', '-')}", *(() if value is True else (str(value),)))
    ]
    return shlex.join(["surefoot", command, *([] if task is None else [task]), *options])
