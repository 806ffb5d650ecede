"""Search spaces: what they accept, refuse and write as JSON."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.core.errors import RecipeError, SurefootError
from surefoot.search.space.axes import Range
from surefoot.search.space.search_space import SearchSpace, load_space, read_settings

WIDE = SearchSpace(
    optimizers=("sgd", "adam", "muon", "adagrad"),
    schedules=("cosine", "wsd", "linear", "constant", "inverse_sqrt"),
    weight_decay=Range(1e-5, 1e-1),
    clip=Range(0.1, 10.0),
    lr_factor=(("head", Range(1.0, 30.0)),),
).adding("nesterov", "warmup", "final", "momentum_schedules", "beta2", "eps", "no_decay")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"optimizer": ["sgd"]}, "Hint: did you mean optimizers"),
        ({"optimizers": ["sdg"]}, "no optimizer 'sdg'"),
        ({"schedules": ["cosin"]}, "no schedule 'cosin'"),
        ({"lr": [1.0, 0.1]}, r"lr is a number, or \[low, high\] with low <= high; given \[1.0, 0.1\]"),
        ({"lr": 0.0}, "lr is above 0"),
        ({"momentum": [0.5, 1.0]}, "momentum is at least 0 and at most 0.9999"),
        ({"nesterov": "yes"}, r"nesterov is true, false or \[false, true\]"),
        ({"optimizers": ["adam"], "nesterov": True}, "nesterov is for sgd and muon"),
        ({"optimizers": []}, "optimizers is empty"),
        ({"optimizers": "adam", "beta2": 1.0}, "beta2 is at least 0 and below 1; given 1"),
        ({"beta2": 0.9}, "beta2 is for adam.*; given sgd"),
        ({"beat2": 0.9}, "Hint: did you mean beta2"),
        ({"optimizers": "adam", "eps": [0, 1e-3]}, "eps is searched on a logarithmic scale, above 0"),
        ({"nesterov": True, "dampening": 0.5}, "nesterov excludes dampening"),
        ({"dampening": [0.0, 1.0]}, "dampening is at least 0 and below 1"),
        ({"momentum_schedules": "cycle"}, "no momentum schedule 'cycle'; there are constant, warmup, onecycle, linear"),
        ({"no_decay": "bias"}, "no_decay needs weight_decay, which sgd does not have by default"),
        ({"optimizers": "adamw", "no_decay": "bi as"}, "a pattern is not empty and has no blanks"),
        ({"lr_factor": 3.0}, r"lr_factor is factors by pattern, as in \{head = \[1, 30\]\}; given 3.0"),
        ({"lr_factor": {"head": 0.0}}, "lr_factor of head is above 0"),
    ],
)
def test_invalid_spaces_are_refused_in_one_line(data, message):
    with pytest.raises(RecipeError, match=message) as refused:
        SearchSpace.of(data)
    assert "\n" not in str(refused.value)


@given(
    data=st.fixed_dictionaries(
        {"momentum": st.just([0.5, 0.9])},
        optional={"lr": st.just([0.1, 1.0]), "clip": st.just([1.0, 2.0]), "nesterov": st.just([False, True])},
    )
)
def test_a_space_is_read_back_from_json(data):
    space = SearchSpace.of(data)
    assert SearchSpace.of(space.to_json()) == space


def test_a_space_with_every_setting_is_read_back_from_json():
    assert SearchSpace.of(WIDE.to_json()) == WIDE


def space(*texts: str) -> SearchSpace:
    return SearchSpace.of(read_settings(texts))


def test_numbers_ranges_and_names_are_read():
    parsed = space("lr=0.01..1", "momentum=0.9", "optimizers=adamw,adam", "beta2=0.95", "no_decay=bias+norm")
    assert (parsed.lr, parsed.momentum) == (Range(0.01, 1.0), Range(0.9, 0.9))
    assert (parsed.optimizers, parsed.no_decay) == (("adamw", "adam"), ("bias+norm",))
    assert parsed.hyper == (("beta2", Range(0.95, 0.95)),)


def test_factors_of_patterns_are_read():
    assert space("lr_factor=head:10+body.*:0.1..1").lr_factor == (
        ("head", Range(10.0, 10.0)),
        ("body.*", Range(0.1, 1.0)),
    )


def test_booleans_are_read():
    assert space("nesterov=true,false").nesterov == (True, False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("beta2", r"--set takes NAME=VALUE; given 'beta2'. Hint: for example --set beta2=0.9..0.999"),
        ("lr=", "--set takes NAME=VALUE"),
        ("lr=fast", r"lr is a number, or \[low, high\] with low <= high; given 'fast'"),
        ("lr=1..0.1", r"lr is a number, or \[low, high\] with low <= high; given \[1.0, 0.1\]"),
        ("lr_factor=head", "lr_factor takes PATTERN:FACTOR; given 'head'. Hint: for example head:10"),
        ("lr_factor=head:big", r"lr_factor is a number, or \[low, high\] with low <= high; given 'big'"),
    ],
)
def test_invalid_settings_are_refused(text, message):
    with pytest.raises(RecipeError, match=message):
        space(text)


def test_a_name_given_twice_is_refused():
    with pytest.raises(RecipeError, match="--set gives lr twice"):
        space("lr=0.1", "lr=0.2")


def test_toml_and_python_files_give_the_same_space(tmp_path):
    (tmp_path / "space.toml").write_text('optimizers = ["sgd", "adamw"]\nlr = [1e-3, 1.0]\nwarmup = [0.0, 0.1]\n')
    (tmp_path / "space.py").write_text(
        "from surefoot import Range, SearchSpace\n"
        "mine = SearchSpace(('sgd', 'adamw'), lr=Range(1e-3, 1.0), warmup=Range(0.0, 0.1))\n"
        "plain = {'optimizers': ['sgd', 'adamw'], 'lr': [1e-3, 1.0], 'warmup': [0.0, 0.1]}\n"
    )
    expected = SearchSpace(("sgd", "adamw"), lr=Range(1e-3, 1.0), warmup=Range(0.0, 0.1))
    for text in ("space.toml", "space.py:mine", "space.py:plain"):
        assert load_space(str(tmp_path / text)) == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.toml", None, "No such file"),
        ("broken.toml", "lr = [", "is not valid TOML"),
        ("number.py:x", "x = 3", "is a int; a search space is"),
        ("empty.py:x", "y = 3", "has no 'x'"),
        ("raises.py:x", "1 / 0", "ZeroDivisionError"),
    ],
)
def test_invalid_files_are_refused(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name.partition(":")[0]).write_text(content)
    with pytest.raises(SurefootError, match=message):
        load_space(str(tmp_path / name))
