"""A landscape whose answers are known: log loss grows with the square of the octaves from the best effective rate."""

import math

from surefoot.diagnosis.inquiry import FULL, Inquiry
from surefoot.diagnosis.settings import Plane
from surefoot.recipe import Recipe

START = 2.3


def ravine(lr, momentum, *, best=1.0, worst_memory=None, seed=0):
    """Return a full training's loss: lowest where lr / (1 - momentum) is best, infinite beyond 16 times that."""
    octaves = math.log2(lr / (1.0 - momentum) / best)
    if octaves > 4:
        return math.inf
    memory = -math.log2(1.0 - momentum)
    steep = 0.0 if worst_memory is None else 0.2 * max(0.0, memory - worst_memory) ** 2
    return min(0.1 * math.exp(0.15 * octaves**2 + steep) * (1.0 + 0.01 * seed), START)


def asked(recipe, loss, *, budget=5.0, cools=True):
    """Return an inquiry about a recipe, all its orders done on a landscape; short trainings end higher."""
    inquiry = Inquiry(Plane(Recipe.parse(recipe)), budget, cools)
    for order in inquiry.orders():
        slower = (FULL / order.share) ** 0.3
        inquiry.learn(
            order,
            [
                min(slower * loss(each.lr, each.momentum, seed=order.seed), START)
                if math.isfinite(loss(each.lr, each.momentum))
                else math.inf
                for each in order.settings
            ],
        )
    return inquiry
