"""Which parameters are hidden matrices, and how rows are cut into parameters."""

import torch
from torch import nn

from surefoot.optimizers.muon import Muon
from surefoot.optimizers.rule import ParamSpec, hidden_matrices, split_row


class Language(nn.Module):
    """Tokens, one layer, an output layer that may be tied to the tokens' embedding."""

    def __init__(self, *, tied: bool) -> None:
        super().__init__()
        self.tokens = nn.Embedding(9, 4)
        self.layer = nn.TransformerEncoderLayer(4, 2, 8)
        self.head = nn.Linear(4, 9, bias=False)
        if tied:
            self.head.weight = self.tokens.weight


class ScaledEmbedding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(9, 4))


OF_THE_LAYER = {
    "layer.self_attn.in_proj_weight",
    "layer.self_attn.out_proj.weight",
    "layer.linear1.weight",
    "layer.linear2.weight",
}


def test_what_lies_between_embedding_and_output_layer_is_hidden_tied_or_not():
    assert hidden_matrices(Language(tied=False)) == OF_THE_LAYER
    assert hidden_matrices(Language(tied=True)) == OF_THE_LAYER


def test_an_embedding_is_known_by_its_class():
    model = nn.Sequential(ScaledEmbedding(), nn.EmbeddingBag(5, 4), nn.Linear(4, 4), nn.Linear(4, 2))
    assert hidden_matrices(model) == {"2.weight"}


def test_convolutions_biases_and_a_lone_layer_are_not_hidden():
    assert hidden_matrices(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv1d(2, 2, 1), nn.Linear(2, 2))) == set()
    assert hidden_matrices(nn.BatchNorm1d(3)) == set()


def test_a_row_is_split_by_the_sizes_of_its_parameters_and_a_scalar_goes_to_each():
    param_specs = [ParamSpec((2, 3)), ParamSpec(()), ParamSpec((2,))]
    assert [part.tolist() for part in split_row(torch.arange(9.0)[None], param_specs)] == [
        [[0, 1, 2, 3, 4, 5]],
        [[6]],
        [[7, 8]],
    ]
    assert [part.item() for part in split_row(torch.tensor([[7.0]]), param_specs)] == [7, 7, 7]


def test_muon_steps_along_a_hidden_matrixs_orthogonal_factor_wherever_it_lies():
    rule = Muon().bind([ParamSpec((2,)), ParamSpec((2, 2), hidden=True), ParamSpec((1,))])
    param = torch.zeros(1, 7, dtype=torch.float64)
    grad = torch.tensor([[1.0, 1.0, 0.0, 3.0, -3.0, 0.0, -1.0]], dtype=torch.float64)
    given = {"lr": 1.0, "momentum": 0.9, "nesterov": 1.0, "beta1": 0.9, "beta2": 0.99, "eps": 0.0, "weight_decay": 0.1}
    hyper = {name: param.new_full((1, 1), value) for name, value in given.items()}
    after, slots = rule.update(param, grad, rule.fresh_slots(param), hyper)
    size = 0.2 * 2**0.5
    assert after[0, [0, 1, 6]].tolist() == [-1.0, -1.0, 1.0]
    assert after[0, [2, 5]].tolist() == [0.0, 0.0]
    assert 0.7 * size < -after[0, 3] == after[0, 4] < 1.21 * size
    assert {name: slot.shape[1] for name, slot in slots.items()} == {"velocity": 4, "mean": 3, "square": 3, "count": 1}
