import math
import sqlite3
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surefoot.core.errors import StudyError
from surefoot.recipe.recipe import Recipe
from surefoot.studies.database import Database
from surefoot.studies.recorded_trials import Measurement
from surefoot.studies.study import MAX_SEED, Study
from surefoot.trainers.trial import Curve, Outcome, SharpnessProbe, Trial, failed_outcome

RECIPES = [
    Recipe.parse(text)
    for text in (
        "sgd(lr=0.1, momentum=0.9)",
        "sgd(lr=cosine(0.3, warmup=5%), momentum=linear(0.85, final=0.95), nesterov=true, clip=1)",
        "adamw(lr=wsd(0.001, decay=20%), no_decay=bias+norm, lr_factor=head:0.1)",
        "lion(lr=0.1 for 5% then linear(0.01))",
    )
]


@pytest.fixture
def database(tmp_path):
    return Database(tmp_path / "studies.db")


def begin(database: Database, **settings) -> Study:
    return Study.create(database, task="digits", settings=settings, seed=7)


def measured(recipe: Recipe = RECIPES[0], *, stage: str = "s", seed: int = 0, loss: float = 0.5, **more) -> Measurement:
    return Measurement(stage, Trial(recipe, steps=9, seed=seed), Outcome(loss, **more))


any_float = st.floats(allow_nan=False, allow_infinity=False).map(lambda number: number + 0.0)  # SQLite has no -0.0
losses = any_float | st.just(math.inf)
steps = st.integers(0, 10**9)
curves = st.lists(st.tuples(steps, losses), max_size=5).map(
    lambda points: Curve(tuple(step for step, _ in points), tuple(loss for _, loss in points))
)
outcomes = st.builds(
    Outcome,
    loss=losses,
    metric=st.none() | any_float,
    test_loss=st.none() | any_float,
    diverged_at=st.none() | steps,
    failure=st.none() | st.sampled_from(["", "ValueError: größer", "killed by signal 9"]),
    seconds=any_float,
    train=curves,
    valid=curves,
    probes=st.lists(
        st.builds(SharpnessProbe, steps, any_float, any_float, st.none() | any_float),
        max_size=3,
        unique_by=lambda probe: probe.step,
    ).map(lambda probes: tuple(sorted(probes, key=lambda probe: probe.step))),
)
trials = st.builds(Trial, st.sampled_from(RECIPES), steps=st.integers(1, 10**9), seed=st.integers(0, 2**62))
measurements = st.builds(Measurement, st.just("s"), trials, outcomes, taken=steps)


def bits(found: Measurement) -> list[bytes]:
    outcome = found.outcome
    probed = [number for probe in outcome.probes for number in (probe.grad_norm, probe.sharpness, probe.limit)]
    numbers = [outcome.loss, outcome.metric, outcome.test_loss, outcome.seconds]
    numbers += [*outcome.train.losses, *outcome.valid.losses, *probed]
    return [b"" if number is None else struct.pack("d", number) for number in numbers]


@settings(derandomize=True, deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(measurements, max_size=6))
def test_measurements_are_read_back_bit_for_bit_and_in_order(database, found):
    study = begin(database)
    study.record("s", found, config_steps=10, seconds=0.1)
    again = Study.open(study.name)
    assert again.stage("s") == tuple(found) == again.measurements()
    assert [bits(each) for each in again.measurements()] == [bits(each) for each in found]


def test_losses_that_are_not_finite_are_read_back_as_infinite(database):
    study = begin(database)
    nan = math.nan
    study.record(
        "s", [measured(loss=nan, train=Curve((1, 2), (0.5, nan)), valid=Curve((1,), (nan,)))], config_steps=1, seconds=0
    )
    (found,) = study.measurements()
    assert found.outcome.loss == math.inf
    assert found.outcome.train.losses == (0.5, math.inf)
    assert found.outcome.valid.losses == (math.inf,)


def test_a_failure_is_read_back_with_its_reason(database):
    study = begin(database)
    outcome = failed_outcome("OutOfMemoryError: 3 GB", seconds=1.5)
    lost = Measurement("s", Trial(RECIPES[0], steps=9, seed=0), outcome, taken=0)
    study.record("s", [lost], config_steps=0, seconds=1.5)
    assert study.measurements() == (lost,)


def test_a_measurement_takes_all_steps_of_its_trial_by_default():
    assert measured().taken == 9
    assert Measurement("s", measured().trial, Outcome(0.5), taken=4).taken == 4


def test_a_study_keeps_its_settings(database):
    study = begin(database, task="digits", target="größe", budget="30x", split_seed=0, nothing=None)
    info = study.info()
    assert info.settings == {"task": "digits", "target": "größe", "budget": "30x", "split_seed": 0, "nothing": None}
    assert (info.task, info.seed, info.status, info.plan, info.result) == ("digits", 7, "running", None, None)
    assert info.created.endswith("+00:00")
    assert info.environment["packages"]["torch"]
    study.set_plan({"backend": "serial", "width": 1})
    assert study.info().plan == {"backend": "serial", "width": 1}
    study.release(status="interrupted")
    assert (study.info().status, study.info().result) == ("interrupted", None)
    study.set_plan({"backend": "serial", "width": 1})
    assert study.info().status == "running"
    study.release(status="done", result={"recipe": None, "seconds": 0.1})
    assert (study.info().status, study.info().result) == ("done", {"recipe": None, "seconds": 0.1})


def test_stages_are_read_in_the_order_in_which_they_were_recorded(database):
    study, other = begin(database), begin(database)
    for number, name in enumerate(["range", "search/001", "search/000", "confirm/5"]):
        study.record(name, [measured(stage=name)] * number, config_steps=number * 10, seconds=0.5)
    assert list(study.costs().items()) == [("range", 0), ("search/001", 10), ("search/000", 20), ("confirm/5", 30)]
    assert study.stage("range") == ()
    assert study.stage("search/000") == (measured(stage="search/000"),) * 2
    assert study.stage("search/002") is None
    assert [found.stage for found in study.measurements()] == ["search/001"] + ["search/000"] * 2 + ["confirm/5"] * 3
    assert other.costs() == {}
    assert other.measurements() == ()


def test_a_stage_is_recorded_once(database):
    study = begin(database)
    study.record("range", [measured(stage="range")], config_steps=1, seconds=0)
    with pytest.raises(StudyError, match=r"stage 'range' of study .*#1 is recorded already"):
        study.record("range", [measured(RECIPES[1], stage="range")], config_steps=1, seconds=0)
    assert study.measurements() == (measured(stage="range"),)
    assert list(study.trials()) == [RECIPES[0]], "nothing of the second is left"


def test_single_measurements_belong_to_their_unfinished_stage(database):
    study = begin(database)
    first, second, third = (measured(stage="map", seed=seed, seconds=0.25) for seed in range(3))
    assert study.partial("map") == ()
    study.add("map", first)
    study.add("map", second)
    again = Study.open(study.name)
    assert again.partial("map") == (first, second)
    assert (again.stage("map"), again.measurements(), again.costs(), again.seconds()) == (None, (), {}, 0.0)
    assert again.measurements(unfinished=True) == again.measurements(stage="map", unfinished=True) == (first, second)
    assert (again.costs(unfinished=True), again.seconds(unfinished=True)) == ({"map": 18}, 0.5)
    again.record("map", [third, second, first], config_steps=30, seconds=1.0)
    assert again.partial("map") == ()
    assert again.stage("map") == again.measurements(unfinished=True) == (first, second, third)
    assert (again.costs(), again.seconds()) == ({"map": 30}, 1.0)
    with pytest.raises(StudyError, match="recorded already"):
        again.add("map", first)


def test_a_stage_can_be_finished_with_its_new_measurements_alone(database):
    study = begin(database)
    rows = [measured(seed=seed) for seed in (0, 1, 1)]
    study.add("s", rows[0])
    study.record("s", rows[1:], config_steps=27, seconds=1.0)
    assert study.stage("s") == tuple(rows)


def test_the_first_measurement_of_a_trial_counts(database):
    study = begin(database)
    study.add("s", measured(loss=0.5))
    study.record("s", [measured(loss=0.4), measured(loss=0.3)], config_steps=18, seconds=1.0)
    assert [row.outcome.loss for row in study.measurements()] == [0.5, 0.3], "one of the two trials was added before"


def test_a_study_is_resumed_with_a_larger_budget(database):
    study = begin(database, task="digits", budget="1x")
    study.release(status="done", result={"recipe": None})
    study.take_lease()
    study.extend_budget("3x")
    info = study.info()
    assert info.settings == {"task": "digits", "budget": "3x", "budgets": ["1x", "3x"]}
    assert (info.status, info.result) == ("running", {"recipe": None})
    study.extend_budget("9x")
    assert study.info().settings["budgets"] == ["1x", "3x", "9x"]


def test_recipes_are_numbered_in_the_order_of_their_first_training(database):
    study, other = begin(database), begin(database)
    study.record("a", [measured(RECIPES[2]), measured(RECIPES[0])], config_steps=1, seconds=0)
    other.record("a", [measured(RECIPES[3])], config_steps=1, seconds=0)
    study.record("b", [measured(RECIPES[0]), measured(RECIPES[3]), measured(RECIPES[1])], config_steps=1, seconds=0)
    assert list(study.trials().items()) == [(RECIPES[2], 0), (RECIPES[0], 1), (RECIPES[3], 2), (RECIPES[1], 3)]
    assert other.trials() == {RECIPES[3]: 0}


def test_a_path_opens_the_newest_study_or_the_one_with_its_number(database, tmp_path):
    path = tmp_path / "studies.db"
    with pytest.raises(StudyError, match="has no study yet"):
        Study.open(str(path))
    first, second = begin(database), begin(database)
    assert Study.open(str(path)).id == second.id == 2
    assert Study.open(f"{path}#1").id == first.id
    assert Study.open(second.name).id == 2
    for number in ("3", "0", "9" * 40):
        with pytest.raises(StudyError, match=f"has no study {int(number)}; there are 1, 2"):
            Study.open(f"{path}#{number}")
    for tail in ("", "x", "-1", "1.0", "²"):
        with pytest.raises(StudyError, match=r"PATH or PATH#id; given .* Hint: for example .*studies\.db#1\."):
            Study.open(f"{path}#{tail}")
    with pytest.raises(StudyError, match=r"there is no study database .*none\.db"):
        Study.open(str(tmp_path / "none.db#1"))


def test_a_path_may_contain_any_character(tmp_path):
    folder = tmp_path / "a #b%20 ?mode=ro&x=1 ü"
    folder.mkdir()
    path = folder / "my #studies?.db"
    study = begin(Database(path))
    assert path.exists()
    assert Study.open(str(path)).name == study.name == f"{path}#1"
    assert Study.open(study.name).id == 1
    assert sorted(each.name for each in folder.iterdir()) == ["my #studies?.db"]


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1, 10**30])
def test_a_seed_out_of_range_is_refused(database, seed):
    with pytest.raises(StudyError, match=f"0 to {MAX_SEED}; given {seed}"):
        Study.create(database, task="t", settings={}, seed=seed)
    assert database.study_ids() == []


def test_settings_that_are_not_json_are_refused(database):
    study = begin(database)
    with pytest.raises(StudyError, match="not JSON compliant"):
        study.release(status="done", result={"loss": math.nan})
    assert study.info().status == "running"


def test_the_query_in_the_docstring_of_the_schema_works(database, tmp_path):
    from surefoot.studies import schema

    assert str(schema.APPLICATION_ID) in (schema.__doc__ or "")
    study = begin(database)
    for seed, values in ((1, (0.3, 0.2, 0.1)), (2, (0.5, 0.2, math.inf))):
        found = [measured(recipe, loss=loss) for recipe, loss in zip(RECIPES, values, strict=False)]
        study.record(f"full/{seed}", found, config_steps=1, seconds=0)
    query = (schema.__doc__ or "").split("without this program:")[1]
    connection = sqlite3.connect(tmp_path / "studies.db")
    rows = connection.execute(query).fetchall()
    connection.close()
    assert rows == [(str(RECIPES[1]), 0.2, 2), (str(RECIPES[0]), 0.4, 2)]


def test_the_newest_study_of_the_preferred_commands_is_opened(database, tmp_path):
    for command in ("tune", "find", "check"):
        Study.create(database, task="t", settings={"command": command}, seed=0)
    path = str(tmp_path / "studies.db")
    assert Study.open(path).id == 3
    assert Study.open(path, commands=("tune", "find")).id == 2
    assert Study.open(path, commands=("nothing",)).id == 3
    assert Study.open(f"{path}#1", commands=("find",)).id == 1
