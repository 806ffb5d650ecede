"""Understands the layout of a log's rows: which column counts steps, which rows are of validation, which count at all.

Rows are mappings of names to fields as they were read. Layouts that a table may have:

- one column for each quantity, with empty or NaN fields where it was not measured;
- a column such as ``phase`` that says whether a row is of training or validation, and shared columns;
- rows of a name and a value, one for each quantity;
- a training that was started again: its rows begin anew at an earlier step, and replace what they overlap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

from surefoot.logs.names import TRAIN_WORDS, VALIDATION_WORDS, split_words, step_names
from surefoot.logs.number_texts import read_number
from surefoot.logs.training_log import Series

Row: TypeAlias = "Mapping[str, Any]"

# Larger numbers are not step numbers: float64 does not count beyond this.
MAX_STEP = 2**53
# A column of step numbers may repeat itself on this share of the rows: what is left after restarts. Chosen.
MAX_REPEATED_SHARE = 0.2
# A training is started again a few times; what begins anew more often counts the batches of an epoch. Chosen.
MAX_RESTARTS = 5
# Columns that begin anew with every epoch.
BATCH_COUNTERS = {"batch", "batch_idx", "iter_in_epoch"}
# Share of the rows of which a column says that they are of training or validation. Chosen: a few may lack it.
MIN_ROLE_SHARE = 0.95
# Columns that hold the name of a row's quantity, and its value.
QUANTITY_COLUMNS = {"metric", "metrics", "name", "tag", "key", "variable", "quantity", "scalar"}
VALUE_COLUMNS = {"value", "val", "scalar_value"}
# Columns of TensorBoard's own CSV download, whose quantity stands in the name of the file.
TENSORBOARD_COLUMNS = {"wall time", "step", "value"}


def series_of_rows(rows: Sequence[Row], *, title: str = "") -> tuple[dict[str, Series], str, list[str]]:
    """Return every column as a series over steps, the name of the column of steps, and notes.

    Lightning writes training and validation in separate rows, which share the column of step numbers. Where no column
    numbers the steps of the whole training, rows are counted.

    Args:
        rows: The rows, in the order of writing.
        title: Name of the file without its ending: TensorBoard's CSV download says its quantity there.

    Example:
        >>> rows = [{"epoch": "0", "phase": "train", "loss": "2.0"}, {"epoch": "0", "phase": "val", "loss": "2.5"}]
        >>> series, counter, _ = series_of_rows(rows)
        >>> [*series], counter
        (['train/loss', 'val/loss'], 'epoch')
    """
    rows = split_by_role(one_row_per_step(name_tensorboard_values(rows, title)))
    numbers = [
        {name: number for name, value in row.items() if (number := read_number(value)) is not None} for row in rows
    ]
    numbers = without_gaps([row for row in numbers if row])
    names = [*dict.fromkeys(name for row in numbers for name in row)]
    counter, notes = None, []
    for candidate in step_names(names):
        steps = _steps_by(numbers, candidate)
        if steps is None:
            continue
        kept, restarts = last_attempt(numbers, steps, counter=candidate)
        if not _are_restarts(numbers, restarts, counter=candidate):
            continue
        attempt, attempt_steps = [numbers[index] for index in kept], [steps[index] for index in kept]
        if _numbers_rows(attempt, attempt_steps, counter=candidate):
            notes = _restart_notes(
                [steps[index] for index in restarts], counter=candidate, left_out=len(numbers) - len(kept)
            )
            counter, numbers, steps = candidate, attempt, attempt_steps
            break
    else:
        steps = [*range(len(numbers))]
    columns: dict[str, list[tuple[int, float]]] = {}
    for step, row in zip(steps, numbers, strict=True):
        for name, value in row.items():
            if name != counter:
                columns.setdefault(name, []).append((step, value))
    return {name: Series.of(points) for name, points in columns.items()}, counter or "row", notes


def name_tensorboard_values(rows: Sequence[Row], title: str) -> Sequence[Row]:
    """Return the rows of TensorBoard's CSV download with the quantity that its file name holds: ``run-tag-train_loss``.

    Example:
        >>> name_tensorboard_values([{"Wall time": "1.0", "Step": "0", "Value": "2.5"}], "run1-tag-train_loss")
        [{'Step': '0', 'train_loss': '2.5'}]
    """
    if not rows or {name.lower() for name in rows[0]} != TENSORBOARD_COLUMNS:
        return rows
    name = title.rpartition("-tag-")[2] or "value"
    step, value = (next(key for key in rows[0] if key.lower() == wanted) for wanted in ("step", "value"))
    return [{step: row.get(step), name: row.get(value)} for row in rows]


def one_row_per_step(rows: Sequence[Row]) -> Sequence[Row]:
    """Return rows of a name and a value as rows with a column for each name; other rows as they are.

    Example:
        >>> one_row_per_step([{"step": "0", "name": "loss", "value": "2.0"}, {"step": "0", "name": "lr", "value": "1"}])
        [{'step': '0', 'loss': '2.0'}, {'step': '0', 'lr': '1'}]
    """
    names = [*dict.fromkeys(name for row in rows for name in row)]
    key = next((name for name in names if name.lower() in QUANTITY_COLUMNS and _is_text(rows, name)), None)
    value = next((name for name in names if name.lower() in VALUE_COLUMNS), None)
    if key is None or value is None:
        return rows
    rest = [name for name in names if name not in (key, value)]
    return [
        {**{name: row[name] for name in rest if name in row}, str(row[key]).strip(): row.get(value)}
        for row in rows
        if row.get(key)
    ]


def split_by_role(rows: Sequence[Row]) -> Sequence[Row]:
    """Return rows in which training and validation share columns with the role in front of each name.

    The role stands in a column of texts, such as ``phase`` with ``train`` and ``val``.
    """
    names = [*dict.fromkeys(name for row in rows for name in row)]
    role = next((name for name in names if _is_role_column(rows, name)), None)
    if role is None:
        return rows
    shared = {role, *step_names(names)}
    return [
        {
            name if name in shared else f"{str(row[role]).strip()}/{name}": value
            for name, value in row.items()
            if name != role
        }
        for row in rows
        if row.get(role)
    ]


def without_gaps(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    """Return rows without the NaN of columns in which NaN stands where nothing was measured.

    Such a column has NaN between its numbers, more than once, or begins and ends with NaN: as pandas' ``to_csv`` with
    ``na_rep="nan"`` writes it. NaN that begins once and stays is a loss that became NaN.

    Example:
        >>> rows = [{"loss": 1.0, "val": math.nan}, {"loss": 0.9, "val": 1.1}, {"loss": 0.8, "val": math.nan}]
        >>> without_gaps(rows)
        [{'loss': 1.0}, {'loss': 0.9, 'val': 1.1}, {'loss': 0.8}]
    """
    gaps = {
        name
        for name in {name for row in rows for name in row}
        if _nan_is_a_gap([row[name] for row in rows if name in row])
    }
    if not gaps:
        return rows
    kept = ({name: value for name, value in row.items() if name not in gaps or not math.isnan(value)} for row in rows)
    return [row for row in kept if row]


def last_attempt(
    rows: Sequence[Mapping[str, float]], steps: Sequence[int], *, counter: str
) -> tuple[list[int], list[int]]:
    """Return the indices of the rows that count, and of those at which a training was started again.

    A training was started again where a column goes on from an earlier step than it had reached, and what follows lies
    in the part that was logged before. Everything logged before of that step and later ones belongs to the earlier
    attempt. A single row out of order is none.

    Args:
        rows: The rows, in the order of writing.
        steps: Step of each row.
        counter: Name of the column of steps.

    Example:
        >>> rows = [{"loss": 1.0}] * 6
        >>> last_attempt(rows, [1, 2, 3, 4, 2, 3], counter="step")
        ([0, 4, 5], [4])
        >>> last_attempt(rows, [1, 2, 4, 3, 5, 6], counter="step")
        ([0, 1, 2, 3, 4, 5], [])
    """
    following = _next_steps(rows, steps, counter)
    kept: list[int] = []
    restarts: list[int] = []
    reached: dict[str, int] = {}
    for index, (row, step) in enumerate(zip(rows, steps, strict=True)):
        goes_back = [name for name in row if name != counter and step < reached.get(name, -1)]
        if any(following[index].get(name, math.inf) <= reached[name] for name in goes_back):
            restarts.append(index)
            kept = [each for each in kept if steps[each] < step]
            reached = {}
            for each in kept:
                reached |= {name: max(steps[each], reached.get(name, -1)) for name in rows[each] if name != counter}
        kept.append(index)
        for name in row:
            if name != counter:
                reached[name] = max(step, reached.get(name, -1))
    return kept, restarts


def _are_restarts(rows: Sequence[Mapping[str, float]], restarts: Sequence[int], *, counter: str) -> bool:
    """Return whether a column that begins anew tells of restarts, and not of the batches of an epoch.

    Where it counts batches, a column of epochs goes on as it begins anew.
    """
    if restarts and (len(restarts) > MAX_RESTARTS or counter.lower() in BATCH_COUNTERS):
        return False
    others = [name for name in step_names([*dict.fromkeys(name for row in rows for name in row)]) if name != counter]
    goes_on = (
        rows[index][name] > rows[index - 1][name]
        for index in restarts
        for name in others
        if name in rows[index] and name in rows[index - 1]
    )
    return not any(goes_on)


def _next_steps(rows: Sequence[Mapping[str, float]], steps: Sequence[int], counter: str) -> list[dict[str, int]]:
    """Return for each row the step of the next row with each of its columns, where there is one."""
    following: list[dict[str, int]] = [{} for _ in rows]
    later: dict[str, int] = {}
    for index in range(len(rows) - 1, -1, -1):
        names = [name for name in rows[index] if name != counter]
        following[index] = {name: later[name] for name in names if name in later}
        later |= dict.fromkeys(names, steps[index])
    return following


def _steps_by(rows: Sequence[Mapping[str, float]], counter: str) -> list[int] | None:
    """Return the step of each row, that of the row before where it has none; ``None`` if the column counts nothing."""
    step, steps = 0, []
    for row in rows:
        value = row.get(counter)
        if value is not None:
            if not math.isfinite(value) or abs(value) >= MAX_STEP or value != int(value):
                return None
            step = int(value)
        steps.append(step)
    return steps


def _numbers_rows(rows: Sequence[Mapping[str, float]], steps: Sequence[int], counter: str) -> bool:
    """Return whether steps number the rows of every column, except for a few.

    A batch number that begins anew with every epoch does not, nor does an epoch that many rows share.
    """
    seen: dict[str, set[int]] = {}
    count = repeated = 0
    for row, step in zip(rows, steps, strict=True):
        if counter not in row:
            continue
        for name in row.keys() - {counter}:
            known = seen.setdefault(name, set())
            count, repeated = count + 1, repeated + (step in known)
            known.add(step)
    return repeated <= MAX_REPEATED_SHARE * count


def _restart_notes(restarts: Sequence[int], *, left_out: int, counter: str) -> list[str]:
    if not restarts or not left_out:
        return []
    at = ", ".join(f"{step:,}" for step in restarts)
    rows = "a row" if left_out == 1 else f"{left_out:,} rows"
    return [f"the training was started again at {counter} {at}: {rows} of before left out"]


def _nan_is_a_gap(values: Sequence[float]) -> bool:
    is_nan = [math.isnan(value) for value in values]
    if not any(is_nan) or all(is_nan):
        return False
    begins = sum(not before and now for before, now in pairwise(is_nan))
    ends = sum(before and not now for before, now in pairwise(is_nan))
    return min(begins, ends) > 1 or (is_nan[0] and is_nan[-1])


def _is_role_column(rows: Sequence[Row], name: str) -> bool:
    """Return whether a column says of each row whether it is of training or validation, and has both."""
    texts = [str(row[name]) for row in rows if row.get(name) and read_number(row[name]) is None]
    roles = [_role(text) for text in texts]
    return {"train", "valid"} <= {*roles} and sum(role is not None for role in roles) >= MIN_ROLE_SHARE * len(rows)


def _role(text: str) -> str | None:
    words = split_words(text)
    if len(words) != 1:
        return None
    return "train" if words[0] in TRAIN_WORDS else "valid" if words[0] in VALIDATION_WORDS else None


def _is_text(rows: Iterable[Row], name: str) -> bool:
    values = [row[name] for row in rows if row.get(name)]
    return bool(values) and all(read_number(value) is None for value in values)
