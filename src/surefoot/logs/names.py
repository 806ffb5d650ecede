"""Recognises the training loss, the learning rate and so on by the names that a log gives them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias, get_args

from surefoot.core.errors import LogError, did_you_mean

Quantity: TypeAlias = Literal["train", "valid", "lr", "momentum", "grad_norm"]
QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)

VALIDATION_WORDS = {"val", "valid", "validation", "eval", "evaluation", "dev", "test", "testing", "holdout"}
TRAIN_WORDS = {"train", "training", "tr"}
# Words in a name that do not say what was measured, but how often, or over what it was averaged.
FILLER_WORDS = {
    "step",
    "epoch",
    "iter",
    "batch",
    "avg",
    "mean",
    "total",
    "running",
    "scalar",
    "scalars",
    "metrics",
    "0",
}
# A name with one of these words is a part of the loss, or something else.
OTHER_LOSS_WORDS = {"scale", "scaler", "weight", "weights", "ratio", "best", "min", "max", "std", "aux", "ema"}
STEP_NAMES = ("step", "global_step", "trainer/global_step", "_step", "iteration", "iter", "batch", "epoch")

_ALIASES = {
    "learningrate": ("learning", "rate"),
    "gradnorm": ("grad", "norm"),
    "beta1": ("momentum",),
    "losses": ("loss",),
    "lrs": ("lr",),
    "trainloss": ("train", "loss"),
    "trainingloss": ("training", "loss"),
    "valloss": ("val", "loss"),
    "validloss": ("valid", "loss"),
    "validationloss": ("validation", "loss"),
    "testloss": ("test", "loss"),
}


def split_words(name: str) -> list[str]:
    """Return the words of a name, in lower case.

    Example:
        >>> split_words("train/learningRate-SGD")
        ['train', 'learning', 'rate', 'sgd']
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    plain = [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]
    return [part for word in plain for part in _ALIASES.get(word, (word,))]


def match_names(names: Sequence[str], given: Mapping[Quantity, str]) -> dict[Quantity, str]:
    """Return the name of each quantity, as far as there is one.

    Names that the user gives take precedence; of the others it is the plainest one: ``loss`` before ``loss_epoch``.

    Args:
        names: All names in a log.
        given: Names that the user gives, by quantity.

    Raises:
        LogError: If the log does not have a name that the user gives.

    Example:
        >>> match_names(["loss", "val_loss", "lr-Adam", "epoch"], {})
        {'train': 'loss', 'valid': 'val_loss', 'lr': 'lr-Adam'}
    """
    for quantity, given_name in given.items():
        if given_name not in names:
            hint = did_you_mean(given_name, names) or f"it has {join_names(names)}."
            raise LogError(
                f"no {given_name!r} in the log, which was given as the {_QUANTITY_TEXTS[quantity]}.", hint=hint
            )
    matched: dict[Quantity, str] = {}
    free = [name for name in names if name not in given.values()]
    for quantity in QUANTITIES:
        name = given.get(quantity) or _plainest(name for name in free if quantity_of(name) == quantity)
        if name is not None:
            matched[quantity] = name
    return matched


def quantity_of(name: str) -> Quantity | None:
    """Return the quantity that a name stands for; ``None`` where it is none of them.

    Example:
        >>> [quantity_of(name) for name in ("loss", "eval_loss", "lr-SGD", "lr-SGD-momentum", "loss_scale")]
        ['train', 'valid', 'lr', 'momentum', None]
    """
    words = {*split_words(name)}
    if words & OTHER_LOSS_WORDS:
        return None
    if "loss" in words:
        return "valid" if words & VALIDATION_WORDS else "train"
    if "momentum" in words:  # before the learning rate: Lightning logs lr-SGD-momentum
        return "momentum"
    if "lr" in words or {"learning", "rate"} <= words:
        return "lr"
    return "grad_norm" if {"grad", "norm"} <= words or {"gradient", "norm"} <= words else None


def step_names(names: Iterable[str]) -> list[str]:
    """Return the names that may be a column of step numbers, the most probable first.

    Example:
        >>> step_names(["Epoch", "step", "loss"])
        ['step', 'Epoch']
    """
    by_lower = {name.lower(): name for name in names}
    return [by_lower[name] for name in STEP_NAMES if name in by_lower]


def join_names(names: Iterable[str], max_count: int = 12) -> str:
    """Return a list of names for a message, cut off after ``max_count``."""
    names = [*names]
    return ", ".join(names[:max_count]) + (f" and {len(names) - max_count} more" if len(names) > max_count else "")


def _plainest(candidates: Iterable[str]) -> str | None:
    return min(candidates, key=_plainness, default=None)


def _plainness(name: str) -> tuple[int, bool, bool, int, str]:
    """Return a sort key: plain names first, validation before test, and steps before epochs."""
    words = split_words(name)
    unusual = [
        word
        for word in words
        if word not in FILLER_WORDS | VALIDATION_WORDS | TRAIN_WORDS | {"loss", "lr", "learning", "rate"}
    ]
    return len(unusual), bool({"test", "testing"} & {*words}), "epoch" in words, len(words), name


_QUANTITY_TEXTS: dict[Quantity, str] = {
    "train": "training loss",
    "valid": "validation loss",
    "lr": "learning rate",
    "momentum": "momentum",
    "grad_norm": "norm of the gradient",
}
