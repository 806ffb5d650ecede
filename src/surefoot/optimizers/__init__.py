"""Update rules: each optimizer's mathematics once, for tensors with a member axis."""

from surefoot.optimizers.adadelta import Adadelta
from surefoot.optimizers.adafactor import Adafactor
from surefoot.optimizers.adagrad import Adagrad
from surefoot.optimizers.adam import Adam
from surefoot.optimizers.adamw import AdamW
from surefoot.optimizers.clip import clip_by_global_norm
from surefoot.optimizers.groups import Factors, Groups, factors_of, norm_parameters, unmatched
from surefoot.optimizers.lion import Lion
from surefoot.optimizers.muon import Muon
from surefoot.optimizers.nadam import NAdam
from surefoot.optimizers.pieces import Piece, hidden_matrices
from surefoot.optimizers.rmsprop import RMSprop
from surefoot.optimizers.rule import Hyper, Hyperparameter, Slots, UpdateRule
from surefoot.optimizers.sgd import SGD

RULES: dict[str, type[UpdateRule]] = {
    rule.name: rule for rule in (SGD, RMSprop, Adagrad, Adadelta, Adam, AdamW, NAdam, Lion, Muon, Adafactor)
}

__all__ = [
    "RULES",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Factors",
    "Groups",
    "Hyper",
    "Hyperparameter",
    "Lion",
    "Muon",
    "NAdam",
    "Piece",
    "RMSprop",
    "Slots",
    "UpdateRule",
    "clip_by_global_norm",
    "factors_of",
    "hidden_matrices",
    "norm_parameters",
    "unmatched",
]
