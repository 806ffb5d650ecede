import random

import pytest
import torch
from torch import nn

from surefoot.fleet.compiled_step import CompileError, compiled_program, fingerprint


class Counting(nn.Module):
    def __init__(self, scale: float = 1.0, *, mask: torch.Tensor | None = None) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.scale, self.calls, self.mask = scale, 0, mask

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.scale * self.layer(x)


def test_a_fingerprint_depends_on_constants_and_not_on_parameters():
    same = fingerprint(Counting())
    assert same == fingerprint(Counting()), "parameters differ, and are arguments"
    assert same != fingerprint(Counting(2.0))
    assert same != fingerprint(Counting().eval())
    masks = [fingerprint(Counting(mask=torch.tensor(values))) for values in ([1.0, 0.0], [1.0, 0.0], [0.0, 1.0])]
    assert masks[0] == masks[1] != masks[2]
    model = Counting()
    model(torch.ones(1, 2))
    assert fingerprint(model) != same


def test_a_program_is_compiled_once_for_a_key_and_its_shapes():
    calls = []

    def double(x: torch.Tensor) -> torch.Tensor:
        calls.append(len(x))
        return 2 * x

    for size in (3, 3, 5):
        compiled = compiled_program("double", double, (torch.ones(size),), state=lambda: 0)
        assert torch.equal(compiled(torch.arange(float(size))), 2 * torch.arange(float(size)))
    assert set(calls) == {3, 5}
    assert compiled_program("double", double, (torch.ones(3),), state=lambda: 0) is compiled_program(
        "double", double, (torch.zeros(3),), state=lambda: 0
    )


def test_a_step_that_changes_from_call_to_call_is_not_compiled():
    model = Counting()
    with pytest.raises(CompileError, match="changes Python state"):
        compiled_program("counting", model, (torch.ones(1, 2),), state=lambda: fingerprint(model))
    with pytest.raises(CompileError, match="Python's random generators"):
        compiled_program("drawing", lambda x: x * random.random(), (torch.ones(1),), state=lambda: 0)
