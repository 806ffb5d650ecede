import torch
from torch import nn

from surefoot.fleet.plan import COPIES_OF_ACTIVATIONS, COPIES_OF_PARAMETERS, free_bytes, member_bytes, widest
from surefoot.tasks.task import Task


def make_task(*, hidden: int = 50, batch_size: int = 32, **settings) -> Task:
    x, y = torch.zeros(600, 10), torch.zeros(600, 1)

    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(10, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    return Task("t", model, nn.functional.mse_loss, (x, y), (x, y), batch_size=batch_size, steps=9, **settings)


def test_a_member_takes_its_parameters_and_what_its_forward_pass_keeps():
    parameters = 4 * (10 * 50 + 50 + 50 + 1)
    # Saved for the backward pass: the input, tanh's output, the second weight, output and target.
    activations = 4 * (32 * 10 + 32 * 50 + 50 + 32 + 32)
    found = member_bytes(make_task())
    assert found == COPIES_OF_PARAMETERS * parameters + COPIES_OF_ACTIVATIONS * activations


def test_it_grows_with_batch_network_and_precision():
    small = member_bytes(make_task())
    assert member_bytes(make_task(batch_size=320)) > 4 * small
    assert member_bytes(make_task(hidden=500)) > 9 * small
    assert member_bytes(make_task(precision="fp64")) == 2 * small


def test_the_width_is_capped_by_half_of_the_free_memory_and_never_below_one():
    task = make_task()
    each = member_bytes(task)
    assert widest(task, free=20 * each) == 10
    assert widest(task, free=21 * each) == 10
    assert widest(task, free=each) == widest(task, free=0) == 1
    assert free_bytes() > 0
