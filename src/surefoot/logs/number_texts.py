"""Numbers as programs write them into logs: NaN in several spellings, tensors and arrays with one number."""

from __future__ import annotations

import math
import re
from typing import Any

# What programs write where they have no value, in lower case.
MISSING_VALUES = {"", "na", "n/a", "<na>", "none", "null", "nil", "-", "--"}
# A longer text holds no number: what is printed of a tensor with one is shorter.
MAX_CHARACTERS = 500
# NaN and infinity as C libraries, Windows and Python write them: nan(ind), -nan, 1.#QNAN, 1.#INF, +Infinity.
NAN = re.compile(r"[-+]?(?:nan(?:\(\w*\))?|1\.#(?:qnan|snan|ind|nan)\d*)", re.IGNORECASE)
INFINITY = re.compile(r"([-+]?)(?:1\.#inf\d*|inf(?:inity)?|∞)", re.IGNORECASE)
# What is printed of an object with one number: tensor(0.5, device='cuda:0'), np.float32(0.5), array([0.5]), [0.5].
PRINTED_OBJECT = re.compile(
    r"(?:<.*\bnumpy=|[\w.]*(?:tensor|array|float|double|half|int)[\w.]*\()?\s*[\[(]*\s*"
    r"([-+]?[\w.#∞]+(?:[-+]\d+)?(?:\(\w*\))?)\s*[\])]*\s*(?:,\s*\w+=.*)?[\])>]*",
    re.IGNORECASE | re.DOTALL,
)


def read_number(value: Any) -> float | None:
    """Return a number, or the one that a text holds, NaN and infinity included; ``None`` for anything else.

    Args:
        value: A field of a log: a number, or a text.

    Example:
        >>> [read_number(text) for text in ("0.5", "tensor(0.25, device='cuda:0')", "[1e-3]", "fast", "None")]
        [0.5, 0.25, 0.001, None, None]
        >>> [read_number(text) for text in ("-nan(ind)", "1.#INF", "tensor(nan)")]
        [nan, inf, nan]
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return _plain(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    if len(text) > MAX_CHARACTERS or text.lower() in MISSING_VALUES:
        return None
    number = _plain(text)
    if number is None and (printed := PRINTED_OBJECT.fullmatch(text)) is not None:
        number = _plain(printed[1])
    return number


def _plain(text: str | float) -> float | None:
    """Return a number without anything around it."""
    try:
        return float(text)
    except OverflowError:  # an int that is too large for a float
        return None
    except ValueError:
        pass
    if NAN.fullmatch(str(text)):
        return math.nan
    infinite = INFINITY.fullmatch(str(text))
    return None if infinite is None else math.copysign(math.inf, -1.0 if infinite[1] == "-" else 1.0)
