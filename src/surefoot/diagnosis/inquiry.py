"""Which changes of a recipe are tried, and how far each is trained: outward until the best is bracketed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from surefoot.diagnosis.foresight import Expected, Judged, foresee
from surefoot.diagnosis.improvement import Improvement, first_to_make, improvements_of
from surefoot.diagnosis.settings import Plane, Setting

FULL = 1.0
# Lengths of short trainings, as shares of the full one.
SHORT, LONGER = 1 / 8, 1 / 4
# A training is judged after a copy's rate has cooled down for this share of what it has trained.
COOLDOWN = 0.25
# Octaves from one learning rate tried to the next one outward, and how often it goes outward.
STRIDE, STRIDES = 3, 3
# Momenta tried at first; others are foreseen.
FIRST_MOMENTA = (0.0, 0.95)
# A momentum whose memory differs by fewer octaves is not tried at the same learning rate as well: it is the same.
APART = 0.9
# Settings that go on, by what each is expected to reach less so many standard deviations.
LONGER_TRAINED, HOPE = 1, 0.5
# The budget from which on momenta are tried as well.
BOTH_KNOBS = 3.0
# A full training that ends above this share of where an eighth of it ended stands still.
STILL = 0.95
# A gain below this share of the loss may be luck: it is looked at on another seed.
DOUBTFUL = 0.3
# Nobody would ask about a smaller one.
SLIGHT = 0.03


@dataclass(frozen=True, slots=True)
class Order:
    """Trainings to be judged: some settings, all for the same share of the full training, on one seed."""

    settings: tuple[Setting, ...]
    share: float
    seed: int = 0


@dataclass(slots=True)
class Inquiry:
    """Decides what is trained next.

    Attributes:
        plane: The recipe and its changes.
        budget: Ceiling, in full trainings.
        cools: Whether the recipe's schedule ends below where it was: copies of short trainings cool down then.
        judged: What is known.
        spent: Full trainings' worth of config-steps.
    """

    plane: Plane
    budget: float
    cools: bool = True
    judged: list[Judged] = field(default_factory=list)
    spent: float = 0.0
    _trained: dict[tuple[Setting, int], float] = field(default_factory=dict)

    def orders(self) -> Iterator[Order]:
        """Yield what to train; what came of it is to be given to :meth:`learn` before the next is asked for."""
        own = self.plane.own
        yield from self._ordered([*self._first_rates(), *self._first_momenta()], SHORT)
        for _ in range(STRIDES):
            yield from self._ordered(self._outward(), SHORT)
        yield from self._ordered(self._hopeful(LONGER, LONGER_TRAINED), LONGER)
        yield Order((own,), FULL)
        yield from self._ordered(self._ahead() or self._hopeful(FULL, 1), FULL)
        while self.anything_learns:
            advice, rival = self._advice(), self._rival()
            if advice is not None and self._trained.get((advice, 0), 0.0) < FULL:
                order = [*self._ordered([advice], FULL)]
            elif rival is not None and (own, 1) not in self._trained and self.spent + 2 * FULL <= self.budget:
                order = [Order((own, rival), FULL, seed=1)]
            else:
                order = [*self._ordered(self._hopeful(FULL, 1), FULL)]
            if not order:
                return
            yield from order

    def learn(self, order: Order, losses: list[float]) -> None:
        """Take note of what came of an order."""
        for setting, loss in zip(order.settings, losses, strict=True):
            self.spent += self._price(setting, order.share, order.seed)
            self._trained[setting, order.seed] = order.share
            self.judged.append(Judged(setting, order.share, order.seed, loss if math.isfinite(loss) else math.inf))

    @property
    def anything_learns(self) -> bool:
        """Whether any training came to an end without diverging."""
        return any(math.isfinite(row.loss) for row in self.judged)

    def expected(self) -> Expected:
        """Return what full trainings are likely to end at."""
        return foresee(self.judged, self.plane.everywhere(), self.plane.own)

    def improvements(self, expected: Expected) -> tuple[Improvement, ...]:
        """Return the best that every kind of change can do."""
        own = [row.loss for row in self.judged if row.setting == self.plane.own and row.share == FULL]
        return improvements_of(self.plane, expected, sum(own) / len(own), lost=self._is_lost)

    def price(self, order: Order) -> float:
        """Return what an order costs, in full trainings."""
        return sum(self._price(setting, order.share, order.seed) for setting in order.settings)

    def loss_of(self, setting: Setting, share: float, seed: int = 0) -> float | None:
        """Return a loss that is known."""
        return next(
            (row.loss for row in self.judged if (row.setting, row.share, row.seed) == (setting, share, seed)), None
        )

    def _first_rates(self) -> list[Setting]:
        own = self.plane.own
        return [own, *(Setting(self.plane.rate(octaves), own.momentum) for octaves in (-STRIDE, STRIDE))]

    def _first_momenta(self) -> list[Setting]:
        """Return other momenta at the same lr / (1 - momentum), and at the same lr where that is another setting."""
        plane, own = self.plane, self.plane.own
        if plane.momentum_name is None or self.budget < BOTH_KNOBS:
            return []
        others = [momentum for momentum in FIRST_MOMENTA if momentum != own.momentum]
        same = [Setting(own.lr, momentum) for momentum in others]
        kept = [plane.kept(momentum) for momentum in others]
        return [*kept, *(each for each in same if abs(each.place[1] - own.place[1]) > APART)]

    def _outward(self) -> list[Setting]:
        """Return the next learning rate outward, where the best tried so far is the last on its side."""
        own = self.plane.own
        line = sorted(
            (row.setting.lr, row.loss)
            for row in self.judged
            if row.setting.momentum == own.momentum and row.share == SHORT
        )
        if not line:
            return []
        # Where losses tie at the start's, nothing was learned: a higher rate is the way out.
        # Where all diverged, a lower one is.
        best = min(line, key=lambda pair: (pair[1], -pair[0] if math.isfinite(pair[1]) else pair[0]))[0]
        octave = round(math.log2(best / own.lr))
        if best == line[-1][0]:
            return [Setting(self.plane.rate(octave + STRIDE), own.momentum)]
        return [Setting(self.plane.rate(octave - STRIDE), own.momentum)] if best == line[0][0] else []

    def _hopeful(self, share: float, count: int) -> list[Setting]:
        """Return the settings that may be best of those not trained so far.

        None lies beyond the lowest and highest lr / (1 - momentum) tried: outward they were bracketed, and what lies
        farther out is in doubt only because nobody looks there.
        """
        if not self.anything_learns:
            return []
        tried = [row.setting.place[0] for row in self.judged]
        expected = self.expected()
        order = np.argsort(expected.means - HOPE * expected.doubts)
        settings = [expected.settings[place] for place in order]
        further = [each for each in settings if min(tried) - 0.01 <= each.place[0] <= max(tried) + 0.01]
        return [each for each in further if self._trained.get((each, 0), 0.0) < share and not self._is_lost(each)][
            :count
        ]

    def _is_lost(self, setting: Setting) -> bool:
        """Tell whether a setting left the numbers, or one did that goes less far.

        At the same momentum a lower rate does; at another momentum, half the rate and half of lr / (1 - momentum): the
        largest stable rate of heavy ball, 2 (1 + momentum) / sharpness, hangs no more on momentum than that.
        """
        return any(row.loss == math.inf and _goes_less_far(row.setting, setting) for row in self.judged)

    def _ahead(self) -> list[Setting]:
        """Return the setting that was best of the short trainings, where the recipe itself stands still.

        On a plateau lengths tell nothing of each other: what has left it, or is about to, is what to follow.
        """
        short = {row.setting: row.loss for row in self.judged if row.share == SHORT}
        best = min(short, key=lambda setting: short[setting], default=self.plane.own)
        before, after = short.get(self.plane.own), self.loss_of(self.plane.own, FULL)
        stands = before is not None and after is not None and after > STILL * before
        return [best] if stands and best != self.plane.own else []

    def _advice(self) -> Setting | None:
        """Return the change that would be advised now: nothing should be that was not tried."""
        chosen = first_to_make(self.improvements(self.expected()))
        return chosen.setting if chosen.gain > SLIGHT else None

    def _rival(self) -> Setting | None:
        """Return the best setting beside the recipe's own, where it is slightly better and that may be luck."""
        best = max(self.improvements(self.expected()), key=lambda each: each.distance)
        return best.setting if SLIGHT < best.gain < DOUBTFUL else None

    def _ordered(self, settings: list[Setting], share: float) -> Iterator[Order]:
        """Yield an order for those that the budget has room for, with the recipe's own full training kept back."""
        own, left = self.plane.own, self.budget - self.spent
        if self._trained.get((own, 0), 0.0) < FULL:
            left -= FULL
        chosen = []
        for setting in settings:
            price = self._price(setting, share, 0)
            if price <= left + 1e-9:
                chosen.append(setting)
                left -= price
        if chosen:
            yield Order(tuple(chosen), share)

    def _price(self, setting: Setting, share: float, seed: int) -> float:
        cooling = COOLDOWN * share if self.cools and share < FULL else 0.0
        return share - self._trained.get((setting, seed), 0.0) + cooling


def share_name(share: float) -> str:
    """Return how much of a full training that is.

    Example:
        >>> share_name(1 / 8), share_name(1.0)
        ('1/8', 'full')
    """
    return "full" if share == FULL else f"1/{round(1 / share)}"


def _goes_less_far(first: Setting, second: Setting) -> bool:
    if first.momentum == second.momentum:
        return first.lr <= second.lr
    return 2 * first.lr <= second.lr and first.place[0] + 1.0 <= second.place[0]
