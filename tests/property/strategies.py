"""Hypothesis strategies for schedules and recipes."""

from functools import cache

from hypothesis import strategies as st

from surefoot.optimizers import RULES
from surefoot.optimizers.rule import ParamSpec, UpdateRule
from surefoot.recipe.recipe import Recipe
from surefoot.recipe.settings import switches_of
from surefoot.schedules.composition import Sequence, Warmup
from surefoot.schedules.constant import Constant
from surefoot.schedules.cosine import Cosine, CosineRestarts
from surefoot.schedules.exponential import Exponential
from surefoot.schedules.inverse_sqrt import InverseSqrt
from surefoot.schedules.length import Length
from surefoot.schedules.one_cycle import OneCycle
from surefoot.schedules.polynomial import Linear, Polynomial
from surefoot.schedules.schedule import Schedule
from surefoot.schedules.step_decay import MultiStep, StepDecay
from surefoot.schedules.triangular import Triangular
from surefoot.schedules.wsd import WarmupStableDecay

totals = st.integers(1, 400)
percents = st.floats(0.5, 100.0).map(lambda amount: Length(amount, percent=True))
lengths = st.one_of(percents, st.integers(1, 500).map(Length))
shares = st.floats(0.01, 1.0)  # factors that shrink


@cache
def numbers(low: float = 0.0, high: float = 10.0) -> st.SearchStrategy[float]:
    """Numbers within bounds, whole ones and tiny ones among them; ``high`` itself is left out."""
    return st.floats(low, high, exclude_max=True, allow_subnormal=False)


@cache
def decaying(value: st.SearchStrategy[float]) -> st.SearchStrategy[Schedule]:
    """Plain schedules that go from a peak to something at most as large, and never up."""
    ends = st.tuples(value, value).map(lambda pair: (max(pair), min(pair)))
    return st.one_of(
        st.builds(StepDecay, value, drop=shares, every=lengths),
        st.builds(MultiStep, value, drop=shares, at=st.lists(lengths, min_size=1, max_size=4).map(tuple)),
        st.builds(Exponential, value, rate=shares, every=st.none() | lengths),
        st.builds(InverseSqrt, value, timescale=lengths),
        ends.flatmap(lambda e: st.builds(Polynomial, st.just(e[0]), st.just(e[1]), power=st.floats(0.1, 5.0))),
        ends.map(lambda e: Linear(*e)),
        ends.map(lambda e: Cosine(*e)),
        ends.flatmap(
            lambda e: st.builds(
                WarmupStableDecay,
                st.just(e[0]),
                decay=percents,
                final=st.just(e[1]),
                shape=st.sampled_from(["linear", "cosine", "sqrt"]),
            )
        ),
    )


@cache
def cycling(value: st.SearchStrategy[float]) -> st.SearchStrategy[Schedule]:
    """Plain schedules that go up and down."""
    return st.one_of(
        st.builds(
            CosineRestarts,
            value,
            final=value,
            period=lengths,
            growth=st.sampled_from([1.0, 1.3, 2.0, 3.0]),
            shrink=shares,
        ),
        st.builds(
            OneCycle,
            value,
            start=st.none() | value,
            final=st.none() | value,
            rise=percents,
            shape=st.sampled_from(["cosine", "linear"]),
        ),
        st.builds(Triangular, value, low=value, up=lengths, down=st.none() | lengths, shrink=shares, gamma=shares),
    )


@cache
def plain(value: st.SearchStrategy[float]) -> st.SearchStrategy[Schedule]:
    """Every kind of schedule that is not made of others."""
    return st.one_of(st.builds(Constant, value), decaying(value), cycling(value))


@cache
def parts(value: st.SearchStrategy[float]) -> st.SearchStrategy[Schedule]:
    """Plain schedules, with or without warmup."""
    return plain(value) | st.builds(Warmup, plain(value), lengths, start=value)


@cache
def sequences(value: st.SearchStrategy[float]) -> st.SearchStrategy[Sequence]:
    """Schedules one after another."""
    return _sequences(value)


@st.composite
def _sequences(draw: st.DrawFn, value: st.SearchStrategy[float]) -> Sequence:
    chosen = draw(st.lists(parts(value), min_size=2, max_size=4))
    share = 100.0 / len(chosen)  # so that the percentages are at most 100 together
    lasting = st.one_of(st.floats(0.0, share).map(lambda p: Length(p, percent=True)), st.integers(0, 300).map(Length))
    return Sequence(tuple(chosen), tuple(draw(lasting) for _ in chosen[1:]))


@cache
def schedules(value: st.SearchStrategy[float] | None = None) -> st.SearchStrategy[Schedule]:
    """Every schedule there is."""
    value = numbers() if value is None else value
    return parts(value) | sequences(value)


patterns = st.one_of(
    st.sampled_from(["bias", "norm", "head", "*.weight", "layers.?.*", "true", "1"]),
    st.from_regex(r"[A-Za-z_*?\[\].:0-9-]{1,12}", fullmatch=True),
)
factors = st.dictionaries(patterns, numbers(), max_size=3)


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """Every kind of recipe: some hyperparameters given, switches, clipping, groups."""
    optimizer = draw(st.sampled_from([*RULES]))
    settings: dict[str, object] = {}
    for spec in RULES[optimizer].hyperparameters:
        value = numbers(max(spec.low, -10.0), min(spec.high, 10.0))
        # What shrinks all the way to zero leaves a bound above it.
        changing = schedules(value) if spec.low <= 0 else st.builds(Linear, value, value)
        given_as = st.none() | (changing if spec.scheduled else value)
        settings[spec.name] = draw(given_as)
    given = {name: value for name, value in settings.items() if value is not None}
    given |= {name: draw(st.booleans()) for name in switches_of(optimizer)}
    if given.get("nesterov"):
        given.pop("dampening", None)
    given["clip"] = draw(st.none() | st.floats(1e-6, 1e6))
    given["no_decay"] = draw(st.lists(patterns, max_size=3, unique=True))
    given |= {"lr_factor": draw(factors), "decay_factor": draw(factors)}
    return Recipe.of(optimizer, **given)


switched: list[UpdateRule] = [
    Recipe.of(name, **settings).rule for name in RULES for settings in [{}, *({s: True} for s in switches_of(name))]
]
# One hidden matrix, one tall and one that is not hidden, a bias, a number, a convolution's weights.
PARAM_SPECS = [
    *(ParamSpec((3, 5), hidden=True), ParamSpec((5,)), ParamSpec((4, 2), hidden=True)),
    *(ParamSpec((2, 4)), ParamSpec(()), ParamSpec((2, 1, 3, 2))),
]
bound = [rule.bind(PARAM_SPECS) for rule in switched if rule.bind(PARAM_SPECS) != rule]
rules: st.SearchStrategy[UpdateRule] = st.sampled_from(switched + bound)


def row_size(rule: UpdateRule, *, free: int) -> int:
    """How many numbers the rows of a rule have: those of its parameters if it is bound to some."""
    return sum(piece.size for piece in PARAM_SPECS) if rule in bound else free
