"""Update rules: the mathematics of each optimizer once, for tensors with a member axis; ``RULES`` has all of them."""

from collections.abc import Mapping

from surefoot.core.plugins import Registry
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

BUILT_IN = (SGD, RMSprop, Adagrad, Adadelta, Adam, AdamW, NAdam, Lion, Muon, Adafactor)
RULES: Mapping[str, type[UpdateRule]] = Registry(
    {rule.name: rule for rule in BUILT_IN},
    "surefoot.optimizers",
    is_entry=lambda entry: isinstance(entry, type) and issubclass(entry, UpdateRule),
)
