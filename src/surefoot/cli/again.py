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
    "sampler": "surefoot",
    "goal": "loss",
    "judge": "final",
    "tolerance": 0.05,
    "workers": 0,
    "transfer": False,
}
NAMES = {
    "test_share": "test",
    "also_search": "search",
    "set_settings": "set",
    "space_file": "space",
    "timeout": "trial-timeout",
}


def again(command: str, task: str | None, settings: Mapping[str, Any], *, kept: Collection[str]) -> str:
    """Return a command line.

    Args:
        command: Name of the command.
        task: What it is given, if anything.
        settings: Its options; what has its default is left out, and a list is an option for each of its items. A
            ``script`` among them follows after two dashes.
        kept: Which of them change the answer.

    Example:
        >>> again("check", "wine", {"seed": 0, "steps": 50, "quiet": True}, kept=["seed", "steps"])
        'surefoot check wine --steps 50'
    """
    options = [
        part
        for key, value in settings.items()
        if key in kept and value is not None and value != DEFAULTS.get(key)
        for each in (value if isinstance(value, list) else [value])
        for part in (f"--{NAMES.get(key, key).replace('_', '-')}", *(() if each is True else (str(each),)))
    ]
    script = settings.get("script")
    end = [] if script is None else ["--", *script]
    return shlex.join(["surefoot", command, *([] if task is None else [task]), *options, *end])
