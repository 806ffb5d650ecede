"""What benchmarks.fleet measured, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.markdown import DASH, table, target

INTRODUCTION = """Config-steps per second over those of the default loop (one process, torch's own threads), medians
over rounds in which all were timed in turn. *calibrated* is what `tune` runs; *eager* and *compiled* are stacked in one
process per core whatever calibration says; the peak is that of large matrix products on all cores at once.

"""

# How many times as fast a fleet is to be as the default loop, and as one process per core.
LEAST = {
    "digits": 12.0, "mnist1d-mlp": 10.0, "mnist1d-cnn": 4.0, "fashion-cnn": 2.5, "char-transformer": 4.0
}  # fmt: skip
LEAST_OVER_PER_CORE = {"digits": 4.0}
JAX, LEAST_OVER_JAX = "jax", 1.0


def targets(rows: Sequence[dict[str, Any]]) -> Iterator[list[str]]:
    """Yield the rows of the table of targets."""
    for row in rows:
        found, least = row["speedup"]["calibrated"], LEAST.get(row["task"])
        if least is not None:
            yield target(
                f"throughput on {row['task']} over the default loop: at least {least:g}x", f"{found:.1f}x",
                met=found >= least,
            )  # fmt: skip
        if (least := LEAST_OVER_PER_CORE.get(row["task"])) is not None:
            found = row["over_per_core"]
            text = f"throughput on {row['task']} over one process per core: at least {least:g}x"
            yield target(text, f"{found:.1f}x", met=found >= least)
        if (us := row["us"].get(JAX)) is not None:
            text = f"throughput on {row['task']} over vmap and scan of JAX: at least {LEAST_OVER_JAX:g}x"
            ratio = us / row["us"]["calibrated"]
            yield target(text, f"{ratio:.2f}x", met=ratio >= LEAST_OVER_JAX)
    lowest = min(rows, key=lambda row: min(row["speedup"]["calibrated"], row["over_per_core"]), default=None)
    if lowest is not None:
        found = min(lowest["speedup"]["calibrated"], lowest["over_per_core"])
        text = f"lowest {found:.2f}x, {lowest['task']}"
        yield target(
            "any model: never under 0.95x of the default loop nor of one process per core", text, met=found >= 0.95
        )


def speeds(rows: Sequence[dict[str, Any]]) -> str:
    """Return what a config-step costs each way of running, over the default loop."""
    ways = [*dict.fromkeys(way for row in rows for way in row["us"])]
    head = ["task", "loop, µs", *(f"{way}, x" for way in ways if way != "loop"), "share of the peak", "calibration, s"]
    lines = [
        [
            row["task"], f"{row['us']['loop']:.0f}",
            *(f"{row['speedup'][way]:.1f}" if way in row["speedup"] else DASH for way in ways if way != "loop"),
            f"{row['share_of_peak']:.0%}", f"{row['calibration_seconds']:.1f}",
        ]
        for row in rows
    ]  # fmt: skip
    return table(head, lines)
