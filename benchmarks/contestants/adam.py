"""Adam at its default rate of 1e-3, constant: trained once, as it is."""

from __future__ import annotations

import torch

from benchmarks.contestants.plain_loop import PlainLoop
from benchmarks.contestants.program import Call, say
from benchmarks.entries import ENTRIES

if __name__ == "__main__":
    call = Call.read()
    loop = PlainLoop(ENTRIES[call.task].load(), seed=call.seed)
    loop.optimizer = torch.optim.Adam(loop.model.parameters(), lr=1e-3)
    loop.train()
    say(answer="adam(lr=0.001)")
