"""torch-lr-finder: an exponential range test of 100 batches; the rate of the steepest fall, with momentum 0.9."""

from __future__ import annotations

import contextlib
import sys

import matplotlib as mpl
import torch
from torch.utils.data import DataLoader, TensorDataset
from torch_lr_finder import LRFinder

from benchmarks.contestants.plain_loop import PlainLoop
from benchmarks.contestants.program import Call, say
from benchmarks.contestants.space import recipe_text
from benchmarks.entries import ENTRIES

MOMENTUM = 0.9

if __name__ == "__main__":
    mpl.use("Agg")  # its plot makes the suggestion
    call = Call.read()
    task = ENTRIES[call.task].load()
    loop = PlainLoop(task, seed=call.seed)
    batches = DataLoader(TensorDataset(*task.split("train").tensors), batch_size=task.batch_size, shuffle=True)
    optimizer = torch.optim.SGD(loop.model.parameters(), lr=1e-7, momentum=MOMENTUM)
    finder = LRFinder(loop.model, optimizer, task.loss, device="cpu")
    with contextlib.redirect_stdout(sys.stderr):
        finder.range_test(batches, end_lr=100, num_iter=100)
        _, lr = finder.plot(suggest_lr=True)
    say(answer=recipe_text(lr, MOMENTUM))
