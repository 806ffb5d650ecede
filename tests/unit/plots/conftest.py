"""What a chart holds, read back from its specification."""

import pytest


@pytest.fixture
def drawn():
    """Return a function chart -> [(mark type, encoding, rows)] of all its layers."""

    def layers(spec, tables, name=None):
        name = spec.get("data", {}).get("name", name)  # a layer without data has those of the chart around it
        parts = spec.get("layer", spec.get("vconcat"))
        if parts is not None:
            return [each for part in parts for each in layers(part, tables, name)]
        return [(spec["mark"]["type"], spec["encoding"], tables[name])]

    def read(chart):
        spec = chart.to_dict()
        return layers(spec, spec["datasets"])

    return read


@pytest.fixture
def words():
    """Return a function chart -> every text in its picture."""
    import re

    import vl_convert

    def read(chart):
        svg = vl_convert.vegalite_to_svg(chart.to_json())
        return re.findall(r"<(?:text|tspan)[^>]*>([^<]+)<", svg)

    return read
