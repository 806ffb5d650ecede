"""Members never mix: whatever one of them holds, the bits of the others stay."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.property.strategies import row_size, rules

from surefoot.optimizers import RULES

MEMBERS = 5
KINDS = ["param", "grad", "hyper", "slots"]


def train(rule, *, seed, size, dtype, spoil=None):
    """Take three steps on random gradients; ``spoil`` is (what, member, value)."""
    generator, size = torch.Generator().manual_seed(seed), row_size(rule, free=size)
    param = torch.randn(MEMBERS, size, generator=generator, dtype=dtype)
    grads = torch.randn(3, MEMBERS, size, generator=generator, dtype=dtype)
    names = [spec.name for spec in rule.hyperparameters] + [*rule.switches]
    hyper = {name: torch.rand(MEMBERS, 1, generator=generator, dtype=dtype) * 0.9 for name in names}
    hyper |= {name: hyper[name].round() for name in rule.switches}
    slots = rule.fresh_slots(param)
    what, member, value = spoil or ("nothing", 0, 0.0)
    if what == "param":
        param[member, size // 2] = value
    if what == "grad":
        grads[1, member, 0] = value
    if what == "hyper":
        hyper["lr"][member] = value
    for grad in grads:
        param, slots = rule.update(param, grad, slots, hyper)
        if what == "slots":
            slots = {name: slot.index_fill(0, torch.tensor(member), value) for name, slot in slots.items()}
    return {"param": param, **slots}


@given(
    rule=rules,
    what=st.sampled_from(KINDS),
    member=st.integers(0, MEMBERS - 1),
    value=st.sampled_from([float("nan"), float("inf"), -float("inf")]),
    seed=st.integers(0, 2**32),
    size=st.integers(1, 70),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_a_spoilt_member_changes_no_other_members_bits(*, rule, what, member, value, seed, size, dtype):
    clean = train(rule, seed=seed, size=size, dtype=dtype)
    spoilt = train(rule, seed=seed, size=size, dtype=dtype, spoil=(what, member, value))
    others = [other for other in range(MEMBERS) if other != member]
    for name, tensor in clean.items():
        assert torch.equal(tensor[others], spoilt[name][others]), name
        assert torch.isfinite(tensor[others]).all(), name
    # The rule Lion keeps its steps to one size: of an infinite gradient it sees the sign alone.
    assert rule.name == "lion" or not torch.isfinite(spoilt["param"][member]).all() or what == "slots"


@given(rules, st.integers(0, 2**32), st.permutations(range(MEMBERS)))
def test_the_order_of_members_does_not_matter(rule, seed, order):
    generator = torch.Generator().manual_seed(seed)
    param, grad = torch.randn(2, MEMBERS, row_size(rule, free=11), generator=generator, dtype=torch.float64)
    hyper = {spec.name: torch.rand(MEMBERS, 1, generator=generator).double() * 0.9 for spec in rule.hyperparameters}
    hyper |= {name: torch.rand(MEMBERS, 1, generator=generator).double().round() for name in rule.switches}
    after, _ = rule.update(param, grad, rule.fresh_slots(param), hyper)
    of_order = {name: value[order] for name, value in hyper.items()}
    permuted, _ = rule.update(param[order], grad[order], rule.fresh_slots(param), of_order)
    torch.testing.assert_close(permuted, after[order], rtol=1e-14, atol=1e-14)


def test_every_rule_is_tried():
    tried = {rule.name for rule in rules.elements}
    assert tried == set(RULES)


@given(rules)
def test_a_hyperparameter_for_each_parameter_is_one_for_each_member_spread_out(rule):
    generator, size = torch.Generator().manual_seed(0), row_size(rule, free=8)
    param, grad = torch.randn(2, 3, size, generator=generator, dtype=torch.float64)
    hyper = {spec.name: torch.rand(3, 1, generator=generator).double() * 0.9 for spec in rule.hyperparameters}
    hyper |= {switch: torch.ones(3, 1).double() for switch in rule.switches}
    spread = hyper | {key: hyper[key].expand(3, size).clone() for key in ("lr", "weight_decay")}
    for given_hyper in (hyper, spread):
        after, _ = rule.update(param, grad, rule.fresh_slots(param), given_hyper)
        if given_hyper is hyper:
            expected = after
    assert torch.equal(after, expected)
