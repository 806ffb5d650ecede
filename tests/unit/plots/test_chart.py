import re
import struct
import xml.etree.ElementTree as ET

import pytest

from surefoot.core.errors import OutputError
from surefoot.plots.figure_registry import save, show
from surefoot.schedules.cosine import Cosine


@pytest.fixture(scope="module")
def chart():
    return show(Cosine(0.3))


def test_a_png_has_two_pixels_to_a_point(chart, tmp_path):
    save(chart, tmp_path / "a.svg")
    save(chart, tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", content[16:24])
    root = ET.parse(tmp_path / "a.svg").getroot()
    assert (width, height) == pytest.approx((2 * float(root.get("width")), 2 * float(root.get("height"))), abs=2)


def test_an_html_file_brings_its_script_along(chart, tmp_path):
    save(chart, str(tmp_path / "a.HTML"))
    text = (tmp_path / "a.HTML").read_text()
    assert "vegaEmbed" in text
    assert len(text) > 500_000
    assert not re.search(r"(src|href)\s*=\s*[\"']?https?:", text)


@pytest.mark.parametrize("name", ["a.pdf", "a", "a.pngg"])
def test_another_suffix_is_refused_with_what_is_allowed(chart, tmp_path, name):
    with pytest.raises(OutputError, match=r"\.png, \.svg, \.html.*Hint:"):
        save(chart, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_an_output_error(chart, tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        save(chart, tmp_path / "no" / "a.png")


def test_nothing_is_left_where_the_path_is_a_folder(chart, tmp_path):
    (tmp_path / "a.svg").mkdir()
    with pytest.raises(OutputError):
        save(chart, tmp_path / "a.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["a.svg"]
