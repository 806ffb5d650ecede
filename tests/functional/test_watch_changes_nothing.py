"""A watched training has the same weights, gradients, optimizer state and random numbers as one without a watch."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import surefoot


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3))
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        return self.head(self.body(x))


def objective(model, batch):
    return cross_entropy(model(batch[0]).float(), batch[1])


GROUPS = {
    "sgd": lambda net: torch.optim.SGD(
        [{"params": net.body.parameters()}, {"params": net.head.parameters(), "lr": 0.01}], lr=0.1, momentum=0.9
    ),
    "adamw": lambda net: torch.optim.AdamW(
        [{"params": net.body.parameters()}, {"params": net.head.parameters(), "weight_decay": 0.0}], lr=0.01
    ),
    "adagrad": lambda net: torch.optim.Adagrad(net.parameters(), lr=0.01),
    "asgd": lambda net: torch.optim.ASGD(net.parameters(), lr=0.01),
}


def loop(optimizer, *, precision, accumulate, watched, compiled=False, steps=30):
    """Train; return everything that a training leaves, and the watch."""
    torch.manual_seed(0)
    net = Net()
    model = torch.compile(net, backend="inductor") if compiled else net
    trained = GROUPS[optimizer](net)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**120, enabled=precision == "scaler")  # overflows at first
    watch = surefoot.Watch(model, trained, objective, print_fn=None, overhead=None) if watched else None
    for _ in range(steps):
        trained.zero_grad()
        for _ in range(accumulate):
            batch = (torch.randn(16, 8), torch.randint(0, 3, (16,)))
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
                loss = objective(model, batch)
            scaler.scale(loss / accumulate).backward()
        scaler.step(trained)
        scaler.update()
        if watch is not None:
            watch.step(loss, batch)
    grads = [param.grad for param in net.parameters()]
    left = (net.state_dict(), trained.state_dict(), grads, torch.get_rng_state())
    return copy.deepcopy(left), watch


@pytest.mark.parametrize("optimizer", GROUPS)
@pytest.mark.parametrize("precision", ["fp32", "bf16", "scaler"])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_watched_training_is_bit_for_bit_the_same(optimizer, precision, accumulate):
    options = {"precision": precision, "accumulate": accumulate}
    plain, _ = loop(optimizer, **options, watched=False)
    seen, watch = loop(optimizer, **options, watched=True)
    torch.testing.assert_close(seen, plain, rtol=0, atol=0, equal_nan=True)
    assert watch.samples["updates"] >= (5 if precision != "scaler" else 1)
    assert (watch.samples["curvature"] > 0) == (optimizer != "asgd")
    assert watch.finding.verdict != "diverged"


@pytest.mark.filterwarnings("ignore:`torch.jit")  # of torch's own compiler
def test_a_watched_training_of_a_compiled_model_is_bit_for_bit_the_same():
    plain, _ = loop("sgd", precision="fp32", accumulate=1, watched=False, compiled=True, steps=8)
    seen, watch = loop("sgd", precision="fp32", accumulate=1, watched=True, compiled=True, steps=8)
    torch.testing.assert_close(seen, plain, rtol=0, atol=0)
    assert watch.samples["curvature"] == 8
    assert watch.finding.verdict == "unknown"
