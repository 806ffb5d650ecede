"""The command line that repeats a command, as reports show it."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from typing import Any

# Values that mean that an option was not given. Studies hold "final" for --score-at end.
DEFAULT_VALUES: dict[str, tuple[Any, ...]] = {
    "kind": ("auto",),
    "test_share": (0.0,),
    "split_seed": (0,),
    "seed": (0,),
    "device": ("cpu",),
    "sampler": ("surefoot",),
    "goal": ("loss",),
    "judge": ("end", "final"),
    "tolerance": (0.05,),
    "workers": (0,),
    "transfer": (False,),
}
# Names of options that differ from the names of their settings.
OPTION_NAMES = {
    "test_share": "test",
    "also_search": "search",
    "set_settings": "set",
    "space_file": "space",
    "timeout": "trial-timeout",
    "judge": "score-at",
}


def repeat_command(command: str, task: str | None, *, settings: Mapping[str, Any], names: Collection[str]) -> str:
    """Return the command line that gives the same result again.

    Args:
        command: Name of the command.
        task: Text of its argument; ``None`` if it has none.
        settings: Values of its options by name. Those with their default are left out; a list repeats the option. A
            ``script`` among them follows after two dashes.
        names: Names of the settings that change the result.

    Example:
        >>> repeat_command("check", "wine", settings={"seed": 0, "steps": 50, "quiet": True}, names=["seed", "steps"])
        'surefoot check wine --steps 50'
    """
    options = [
        part
        for name, value in settings.items()
        if name in names and value is not None and value not in DEFAULT_VALUES.get(name, ())
        for item in (value if isinstance(value, list) else [value])
        for part in (f"--{OPTION_NAMES.get(name, name).replace('_', '-')}", *(() if item is True else (str(item),)))
    ]
    script = settings.get("script")
    after_dashes = [] if script is None else ["--", *script]
    return shlex.join(["surefoot", command, *([] if task is None else [task]), *options, *after_dashes])
