"""Which of a log's names means the training loss, which the learning rate, and so on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias, get_args

from surefoot.core.errors import LogError, nearest

Quantity: TypeAlias = Literal["train", "valid", "lr", "momentum", "grad_norm"]
QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)

HELD_OUT = {"val", "valid", "validation", "eval", "evaluation", "dev", "test"}
TRAIN = {"train", "training", "tr"}
# Words that say nothing about what is measured, only how often or over what it is averaged.
FILLERS = {"step", "epoch", "iter", "batch", "avg", "mean", "total", "running", "scalar", "scalars", "metrics", "0"}
# A loss called by one of these is a part of the loss or about something else.
OTHERS = {"scale", "scaler", "weight", "weights", "ratio", "best", "min", "max", "std", "aux", "ema"}
STEPS = ("step", "global_step", "trainer/global_step", "_step", "iteration", "iter", "batch", "epoch")

_ALIASES = {"learningrate": ("learning", "rate"), "gradnorm": ("grad", "norm"), "beta1": ("momentum",)}


def words(name: str) -> list[str]:
    """Return the words of a logged name.

    Example:
        >>> words("train/learningRate-SGD")
        ['train', 'learning', 'rate', 'sgd']
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    plain = [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]
    return [part for word in plain for part in _ALIASES.get(word, (word,))]


def chosen(names: Sequence[str], given: Mapping[Quantity, str]) -> dict[Quantity, str]:
    """Return which name stands for each quantity, as far as there is one.

    Names that the user gave count; of the others the plainest that can be meant: ``loss`` before ``loss_epoch``.

    Args:
        names: All names of a log.
        given: Those that the user says.

    Raises:
        LogError: If a name that was given is not in the log.

    Example:
        >>> chosen(["loss", "val_loss", "lr-Adam", "epoch"], {})
        {'train': 'loss', 'valid': 'val_loss', 'lr': 'lr-Adam'}
    """
    for quantity, said in given.items():
        if said not in names:
            hint = nearest(said, names) or f"it has {listed(names)}."
            raise LogError(f"no {said!r} in the log, which was to be the {_SAID[quantity]}.", hint=hint)
    found: dict[Quantity, str] = {}
    free = [name for name in names if name not in given.values()]
    for quantity in QUANTITIES:
        name = given.get(quantity) or _plainest(name for name in free if meant(name) == quantity)
        if name is not None:
            found[quantity] = name
    return found


def meant(name: str) -> Quantity | None:
    """Return the quantity that a name stands for, if it is one of those that are looked for.

    Example:
        >>> [meant(name) for name in ("loss", "eval_loss", "lr-SGD", "lr-SGD-momentum", "grad_norm", "loss_scale")]
        ['train', 'valid', 'lr', 'momentum', 'grad_norm', None]
    """
    said = {*words(name)}
    if said & OTHERS:
        return None
    if "loss" in said:
        return "valid" if said & HELD_OUT else "train"
    if "momentum" in said:  # before the learning rate: Lightning logs lr-SGD-momentum
        return "momentum"
    if "lr" in said or {"learning", "rate"} <= said:
        return "lr"
    return "grad_norm" if {"grad", "norm"} <= said or {"gradient", "norm"} <= said else None


def step_names(names: Iterable[str]) -> list[str]:
    """Return the names that could count the steps, the likeliest first.

    Example:
        >>> step_names(["Epoch", "step", "loss"])
        ['step', 'Epoch']
    """
    by_lower = {name.lower(): name for name in names}
    return [by_lower[name] for name in STEPS if name in by_lower]


def listed(names: Iterable[str], most: int = 12) -> str:
    """Return names for a message, cut short where there are many."""
    names = [*names]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _plainest(candidates: Iterable[str]) -> str | None:
    return min(candidates, key=_oddness, default=None)


def _oddness(name: str) -> tuple[int, bool, bool, int, str]:
    """Return how far a name is from the plain one; validation goes before test, steps before epochs."""
    said = words(name)
    strange = [word for word in said if word not in FILLERS | HELD_OUT | TRAIN | {"loss", "lr", "learning", "rate"}]
    return len(strange), "test" in said, "epoch" in said, len(said), name


_SAID: dict[Quantity, str] = {
    "train": "training loss",
    "valid": "validation loss",
    "lr": "learning rate",
    "momentum": "momentum",
    "grad_norm": "norm of the gradient",
}
