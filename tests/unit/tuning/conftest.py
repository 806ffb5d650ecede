"""Searches that train nothing: the conveyor, driven by known losses."""

from __future__ import annotations

import numpy as np
import pytest

from surefoot.tuning.conveyor import Conveyor


@pytest.fixture(scope="session")
def searched():
    """Return a function loss(candidate) -> the conveyor at its end."""

    def search(loss, *, seed=0, total=200, ceiling=1150, count=16, **others):
        generator = np.random.default_rng(seed)
        conveyor = Conveyor.begin(count, total=total, ceiling=ceiling, generator=generator, **others)
        while conveyor.training:
            judged = conveyor.advance()
            conveyor.judge({place: loss(conveyor.places[place]) for place in judged})
        return conveyor

    return search
