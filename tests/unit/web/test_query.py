import pytest

from surefoot.core.errors import QueryError
from surefoot.web.server import Query


@pytest.mark.parametrize("text", ["1e9", "-1", "0", "101", "1.5", "", "x", "١", "9" * 5000, "nan", " 5"])
def test_whole_numbers_are_bounded(text):
    query = Query({"steps": text})
    assert query.whole("steps", 7, low=1, high=100) == 7
    with pytest.raises(QueryError, match="whole number from 1 to 100"):
        query.settle()


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e308", "-0.1", "x", "", "0x1", "1" * 1000])
def test_numbers_are_bounded(text):
    query = Query({"noise": text})
    assert query.number("noise", None, low=0.0, high=3.0) is None
    with pytest.raises(QueryError, match="number from 0 to 3"):
        query.settle()


@pytest.mark.parametrize("text", ["1", "1,2,3", "1,nan", "inf,1", "1,1e9", ",", ""])
def test_places_have_as_many_bounded_numbers_as_dimensions(text):
    query = Query({"start": text})
    assert query.place("start", dimensions=2, largest=100.0) is None
    with pytest.raises(QueryError, match="2 numbers up to 100"):
        query.settle()


def test_what_is_right_is_read():
    query = Query({"steps": "12", "noise": "0.5", "start": "1,-2.5", "surface": "bowl"})
    assert query.whole("steps", 7, low=1, high=100) == 12
    assert query.number("noise", None, low=0.0, high=3.0) == 0.5
    assert query.place("start", dimensions=2, largest=100.0) == (1.0, -2.5)
    assert query.name("surface", "ravine", ("bowl", "ravine")) == "bowl"
    query.settle()


def test_everything_wrong_is_said_at_once():
    query = Query({"steps": "0", "surface": "hole"})
    query.whole("steps", 7, low=1, high=100)
    query.name("surface", "bowl", ("bowl", "ravine"))
    with pytest.raises(QueryError, match=r"steps .* given '0'; surface is one of bowl, ravine, given 'hole'"):
        query.settle()
