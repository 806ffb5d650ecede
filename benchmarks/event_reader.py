"""Reading a TensorBoard event file: surefoot's reader and TensorBoard's own, in turn.

    python -m benchmarks.event_reader [--quick]

Both read the same file as torch's SummaryWriter wrote it, every scalar, checksums checked; both answers are compared.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from benchmarks import records
from benchmarks.scale import DATA
from surefoot.logs.tensorboard_file import EventFile
from surefoot.logs.training_log import Series

ROUNDS = 3
TAGS = ("loss/train", "loss/valid", "lr", "grad_norm")


def write(folder: Path, scalars: int) -> Path:
    """Write so many scalars; return the file."""
    values = np.random.default_rng(0).standard_normal(scalars)
    with SummaryWriter(folder) as writer:
        for number, value in enumerate(values.tolist()):
            writer.add_scalar(TAGS[number % len(TAGS)], value, number // len(TAGS))
    (path,) = folder.glob("*tfevents*")
    return path


def by_surefoot(path: Path) -> dict[str, Series]:
    file = EventFile(path)
    file.read()
    return file.series()


def by_tensorboard(path: Path) -> dict[str, Series]:
    accumulator = EventAccumulator(str(path), size_guidance={"scalars": 0}).Reload()
    return {
        tag: Series.of((point.step, point.value) for point in accumulator.Scalars(tag))
        for tag in accumulator.Tags()["scalars"]
    }


def timed(read: Callable[[Path], dict[str, Series]], path: Path) -> tuple[float, dict[str, Series]]:
    begin = time.perf_counter()
    found = read(path)
    return time.perf_counter() - begin, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the scalars; kept in data/quick")
    quick = parser.parse_args().quick
    scalars = 50_000 if quick else 1_000_000
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), scalars)
        for _ in range(ROUNDS):
            ours, found = timed(by_surefoot, path)
            theirs, expected = timed(by_tensorboard, path)
            pairs.append((ours, theirs))
        megabytes = path.stat().st_size / 1e6
    # A wrong answer is worth no time.
    for tag, series in expected.items():
        assert np.array_equal(series.steps, found[tag].steps), tag
        assert np.array_equal(series.values, found[tag].values), tag
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(other / own for own, other in pairs)
    print(f"{scalars:,} scalars, {megabytes:.0f} MB: {ours:.1f} s, EventAccumulator {theirs:.1f} s: {ratio:.1f}x")
    data = {
        "scalars": scalars,
        "surefoot_s": round(ours, 2),
        "event_accumulator_s": round(theirs, 2),
        "ratio": round(ratio, 1),
        "rounds": ROUNDS,
    }
    path = (DATA / "quick" if quick else DATA) / "event_reader.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    records.write(path, {"machine": records.surroundings(), **data})


if __name__ == "__main__":
    main()
