import pickle
from functools import partial

import pytest
import torch
from torch import nn

from surefoot.tasks.models_and_metrics import mlp


@pytest.mark.parametrize(("activation", "function"), [("relu", torch.relu), ("tanh", torch.tanh)])
def test_it_computes_what_its_layers_say(activation, function):
    model = mlp((3, 5, 4, 2), activation=activation)
    first, second, third = (layer for layer in model if isinstance(layer, nn.Linear))
    x = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(model(x), third(function(second(function(first(x))))))


def test_a_factory_of_it_can_be_sent_to_another_process():
    factory = pickle.loads(pickle.dumps(partial(mlp, (2, 3, 1), activation="tanh")))
    assert str(factory()) == str(mlp((2, 3, 1), activation="tanh"))
