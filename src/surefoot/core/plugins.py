"""Plugins: optimizers, schedules, log readers, samplers, trainers and figures that other packages bring."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from importlib.metadata import EntryPoint, distributions
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, TypeVar, get_args

PluginGroup: TypeAlias = Literal[
    "surefoot.optimizers",
    "surefoot.schedules",
    "surefoot.log_readers",
    "surefoot.samplers",
    "surefoot.trainers",
    "surefoot.figures",
]
GROUPS: tuple[PluginGroup, ...] = get_args(PluginGroup)
T = TypeVar("T")


class PluginWarning(UserWarning):
    """A plugin that is installed could not be used."""


@cache
def _entry_points() -> tuple[EntryPoint, ...]:
    """Return the entry points of all plugins; looking through the installed packages takes tens of milliseconds."""
    return tuple(entry for package in distributions() for entry in package.entry_points if entry.group in GROUPS)


def plugin_names(group: PluginGroup) -> tuple[str, ...]:
    """Return the names that installed packages register in a group, without loading anything.

    Args:
        group: The group of entry points.
    """
    return tuple(sorted({entry.name for entry in _entry_points() if entry.group == group}))


@cache
def plugins(group: PluginGroup) -> Mapping[str, Any]:
    """Return what installed packages register in a group, by name.

    A package registers in its ``pyproject.toml``::

        [project.entry-points."surefoot.optimizers"]
        sophia = "my_package.sophia:Sophia"

    A plugin that cannot be loaded is left out with a :class:`PluginWarning`, so that it breaks nothing else.

    Args:
        group: The group of entry points.
    """
    loaded = {}
    for entry in sorted(_entry_points(), key=lambda entry: entry.name):
        if entry.group != group:
            continue
        try:
            loaded[entry.name] = entry.load()
        except Exception as error:
            warnings.warn(
                f"the plugin {entry.name!r} ({entry.value}) of {group} was left out: {type(error).__name__}: {error}",
                PluginWarning,
                stacklevel=2,
            )
    return MappingProxyType(loaded)


class Registry(Mapping[str, T]):
    """The built-in entries of one kind, then those of plugins; a built-in name cannot be taken.

    Plugins are loaded when a name is asked for that is not built in, or when all names are: a plugin may import any
    part of this package, also the one that holds the registry.

    Args:
        builtins: Name -> entry.
        group: Group of entry points of the plugins.
        plugins_first: Whether the entries of plugins come before the built-in ones.
        is_entry: Returns whether a plugin's object is an entry at all; others are left out with a warning.
        accept: Returns whether an entry belongs to the registry; others are left out.
    """

    def __init__(
        self,
        builtins: Mapping[str, T],
        group: PluginGroup,
        *,
        plugins_first: bool = False,
        is_entry: Callable[[Any], bool] = lambda _: True,
        accept: Callable[[T], bool] = lambda _: True,
    ) -> None:
        self._builtins = {name: entry for name, entry in builtins.items() if accept(entry)}
        self._taken, self._group = frozenset(builtins), group
        self._plugins_first, self._is_entry, self._accept = plugins_first, is_entry, accept

    def __getitem__(self, name: str) -> T:
        return self._builtins[name] if name in self._builtins else self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._builtins or name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @cached_property
    def _entries(self) -> dict[str, T]:
        extra = {}
        for name, entry in sorted(plugins(self._group).items()):
            if name in self._taken:
                self._warn(name, "the name is built in")
            elif not self._is_entry(entry):
                self._warn(name, f"{entry!r} is no entry of that group")
            elif self._accept(entry):
                extra[name] = entry
        return {**extra, **self._builtins} if self._plugins_first else {**self._builtins, **extra}

    def _warn(self, name: str, reason: str) -> None:
        warnings.warn(f"the plugin {name!r} of {self._group} was left out: {reason}.", PluginWarning, stacklevel=4)
