"""Update rules: each optimizer's mathematics once, for tensors with a member axis."""

from surefoot.optimizers.adadelta import Adadelta
from surefoot.optimizers.adafactor import Adafactor
from surefoot.optimizers.adagrad import Adagrad
from surefoot.optimizers.adam import Adam, AdamW
from surefoot.optimizers.lion import Lion
from surefoot.optimizers.muon import Muon
from surefoot.optimizers.nadam import NAdam
from surefoot.optimizers.rmsprop import RMSprop
from surefoot.optimizers.rule import UpdateRule
from surefoot.optimizers.sgd import SGD

RULES: dict[str, type[UpdateRule]] = {
    rule.name: rule for rule in (SGD, RMSprop, Adagrad, Adadelta, Adam, AdamW, NAdam, Lion, Muon, Adafactor)
}
