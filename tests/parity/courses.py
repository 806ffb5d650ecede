"""The course that a torch scheduler takes, and the course of a schedule of ours."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from surefoot.schedules.text import parse_schedule


def torch_course(
    make: Callable[[torch.optim.Optimizer], Any], *, steps: int, lr: float, key: str = "lr", kind: Any = torch.optim.SGD
) -> np.ndarray:
    """What a group's ``key`` is at every optimizer step under the scheduler that ``make`` makes."""
    settings = {"momentum": 0.9} if kind is torch.optim.SGD else {}
    optimizer = kind([torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))], lr=lr, **settings)
    scheduler = make(optimizer)
    course = []
    for _ in range(steps):
        value = optimizer.param_groups[0][key]
        course.append(float(value[0] if key == "betas" else value))
        optimizer.step()
        scheduler.step()
    return np.array(course)


def our_course(text: str, *, steps: int, total: int | None = None) -> np.ndarray:
    """What our schedule is at every step of a training."""
    return parse_schedule(text).values(np.arange(steps), steps if total is None else total)
