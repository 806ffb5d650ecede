from surefoot.core.result_summary import Summarised, Summary


def test_names_are_padded_to_the_longest_and_rows_without_a_value_left_out():
    summary = Summary.of("tune of wine", [("recipe", "sgd(lr=0.1)"), ("expected loss", "0.2"), ("study", None)])
    assert summary.text().splitlines() == [
        "tune of wine",
        "  recipe         sgd(lr=0.1)",
        "  expected loss  0.2",
    ]


def test_html_escapes_names_and_values():
    html = Summary("<b>", (("<i>", "a & b"),)).html()
    assert "<caption>&lt;b&gt;</caption>" in html
    assert "&lt;i&gt;" in html
    assert "a &amp; b" in html


def test_a_result_shows_its_summary():
    class Result(Summarised):
        def summary(self):
            return Summary("a result", (("loss", "1"),))

    assert repr(Result()) == "a result\n  loss  1"
    assert Result()._repr_html_() == Result().summary().html()
