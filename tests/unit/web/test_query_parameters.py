import pytest

from surefoot.core.errors import QueryError
from surefoot.web.query_parameters import Query


@pytest.mark.parametrize("text", ["1e9", "-1", "0", "101", "1.5", "", "x", "١", "9" * 5000, "nan", " 5"])
def test_integers_out_of_bounds_are_refused(text):
    query = Query({"steps": text})
    assert query.integer("steps", 7, low=1, high=100) == 7
    with pytest.raises(QueryError, match="integer from 1 to 100"):
        query.raise_if_invalid()


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e308", "-0.1", "x", "", "0x1", "1" * 1000])
def test_numbers_out_of_bounds_are_refused(text):
    query = Query({"noise": text})
    assert query.number("noise", None, low=0.0, high=3.0) is None
    with pytest.raises(QueryError, match="number from 0 to 3"):
        query.raise_if_invalid()


@pytest.mark.parametrize("text", ["1", "1,2,3", "1,nan", "inf,1", "1,1e9", ",", ""])
def test_points_need_one_bounded_number_per_dimension(text):
    query = Query({"start": text})
    assert query.point("start", dimensions=2, max_size=100.0) is None
    with pytest.raises(QueryError, match="2 numbers with commas between them, from -100 to 100"):
        query.raise_if_invalid()


def test_valid_parameters_are_read():
    query = Query({"steps": "12", "noise": "0.5", "start": "1,-2.5", "surface": "bowl"})
    assert query.integer("steps", 7, low=1, high=100) == 12
    assert query.number("noise", None, low=0.0, high=3.0) == 0.5
    assert query.point("start", dimensions=2, max_size=100.0) == (1.0, -2.5)
    assert query.choice("surface", "ravine", allowed=("bowl", "ravine")) == "bowl"
    query.raise_if_invalid()


def test_all_faults_are_reported_at_once():
    query = Query({"steps": "0", "surface": "hole"})
    query.integer("steps", 7, low=1, high=100)
    query.choice("surface", "bowl", allowed=("bowl", "ravine"))
    with pytest.raises(QueryError, match=r"steps .* given '0'; surface must be one of bowl, ravine, given 'hole'"):
        query.raise_if_invalid()
