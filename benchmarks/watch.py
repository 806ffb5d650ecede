"""What watching costs: one loop, in blocks of steps with and without a watch, timed in turn.

    python -m benchmarks.watch [--quick]

A step takes about 10 ms. Rows: signals alone, and with curvature, each against the plain loop, and the plain loop
against itself, which shows the noise; the overhead is the median over pairs of neighbouring blocks. One model goes
through all blocks, for two models of one kind differ by some percent by where they lie in memory; a watch's clock
stands still while it is not its turn.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks import records
from benchmarks.scale import DATA
from surefoot import Watch

BATCH, WIDTH, CLASSES = 256, 512, 10
WARMUP_STEPS = 50
KINDS = ("plain", "control", "signals", "curvature")


def objective(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return cross_entropy(model(batch[0]), batch[1])


class Clock:
    """Runs only while it is its watch's turn: what others compute pays for nothing."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.begin: float | None = None

    def __call__(self) -> float:
        return self.elapsed + (0.0 if self.begin is None else time.perf_counter() - self.begin)

    def start(self) -> None:
        self.begin = time.perf_counter()

    def stop(self) -> None:
        self.elapsed, self.begin = self(), None


class Loop:
    """One training, and the watches that take turns in it."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        torch.manual_seed(0)
        layers = [nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, CLASSES)]
        self.model = nn.Sequential(*layers)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.05, momentum=0.9)
        inputs = torch.randn(16, BATCH, WIDTH, generator=generator)
        self.batches = [(each, each[:, :CLASSES].argmax(1)) for each in inputs]
        self.clocks = {kind: Clock() for kind in KINDS}
        self.watches = {kind: self.new_watch(kind) for kind in KINDS}

    def new_watch(self, kind: str) -> Watch | None:
        if kind in ("plain", "control"):
            return None
        seen = objective if kind == "curvature" else None
        return Watch(self.model, self.optimizer, seen, print_fn=None, clock=self.clocks[kind])

    def steps(self, count: int, kind: str) -> float:
        """Train; return the seconds."""
        watch, clock = self.watches[kind], self.clocks[kind]
        begin = clock()
        clock.start()
        for number in range(count):
            batch = self.batches[number % len(self.batches)]
            self.optimizer.zero_grad()
            loss = objective(self.model, batch)
            loss.backward()
            self.optimizer.step()
            if watch is not None:
                watch.step(loss, batch if kind == "curvature" else None)
        clock.stop()
        return clock() - begin


def measure(rounds: int, steps: int) -> list[dict[str, object]]:
    loop = Loop()
    for kind in KINDS:
        loop.steps(WARMUP_STEPS, kind)
    seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(rounds):
        for kind in KINDS[:: 1 if number % 2 else -1]:  # there and back: a machine that slows down favours none
            seconds[kind].append(loop.steps(steps, kind))
    return [_row(kind, seconds, steps, loop) for kind in KINDS]


def _row(kind: str, seconds: dict[str, list[float]], steps: int, loop: Loop) -> dict[str, object]:
    found, plain, watch = seconds[kind], seconds["plain"], loop.watches[kind]
    ratios = [mine / theirs for mine, theirs in zip(found, plain, strict=True)]
    row: dict[str, object] = {
        "kind": kind,
        "step_ms": round(1e3 * statistics.median(found) / steps, 3),
        "overhead": round(statistics.median(ratios) - 1, 4),
        "overhead_of_totals": round(sum(found) / sum(plain) - 1, 4),
        "blocks": len(found),
        "block_steps": steps,
    }
    if watch is not None:
        total, samples = WARMUP_STEPS + steps * len(found), watch.samples
        row |= {
            "own_time": round(watch.overhead, 4),
            "steps_per_signal": round(total / max(samples["updates"], 1), 1),
            "steps_per_curvature": round(total / samples["curvature"], 1) if samples["curvature"] else None,
        }
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer blocks; kept in data/quick")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    rows = measure(rounds=20 if quick else 100, steps=40)
    for row in rows:
        print(", ".join(f"{name} {value}" for name, value in row.items()))
    folder: Path = DATA / "quick" if quick else DATA
    folder.mkdir(parents=True, exist_ok=True)
    records.write(folder / "watch.json", {"machine": records.surroundings(), "rows": rows})


if __name__ == "__main__":
    main()
