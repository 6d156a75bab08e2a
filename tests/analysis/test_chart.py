import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.chart import BOTTOM, HEIGHT, POINTS_MAX, TOP, WIDTH, Chart, Limit, Point, Range, Series, draw

SVG = "{http://www.w3.org/2000/svg}"
NUMBERS = st.floats(min_value=0, max_value=1e9, allow_subnormal=False).map(lambda x: round(x, 6))


def chart(points: list[Point], title: str = "Title", limit: Limit | None = None) -> Chart:
    return Chart(title, "Time (hours)", "Cost (USD)", [Series("all", points)], limit)


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_a_chart_says_its_title_axes_units_series_and_limit() -> None:
    svg = draw(chart([Point(0, 0), Point(24, 2)], limit=Limit("budget $3", 3.0)))
    assert {"Title", "Time (hours)", "Cost (USD)", "all", "budget $3", "0", "24", "1.0"} <= set(texts(svg))


def test_text_is_escaped_and_nothing_is_loaded_from_elsewhere() -> None:
    svg = draw(chart([Point(0, 1)], title='<script>alert("x")</script> & "quotes"'))
    assert texts(svg)[0] == '<script>alert("x")</script> & "quotes"'
    assert "<script" not in svg
    assert "href" not in svg


def test_text_with_controls_is_still_a_document() -> None:
    assert texts(draw(chart([Point(0, 1)], title="a\x1b[31m\0b\x9bc\u202ed")))[0] == "a [31m b c d"


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=30))
def test_any_points_make_well_formed_svg_inside_the_frame(pairs: list[tuple[float, float]]) -> None:
    points = sorted(Point(x, y) for x, y in pairs)
    root = ElementTree.fromstring(draw(chart([])._replace(series=[Series("dots", points, "dots")])))
    for circle in root.iter(f"{SVG}circle"):
        assert 0 <= float(circle.attrib["cx"]) <= WIDTH
        assert 0 <= float(circle.attrib["cy"]) <= HEIGHT


def test_a_long_series_is_thinned_and_keeps_its_extremes() -> None:
    points = [Point(x, 1.0) for x in range(100_000)]
    points[77_777] = Point(77_777, 9.0)
    tall = draw(chart(points))
    assert tall.count("L") < POINTS_MAX + 10
    highest = min(float(y) for y in tall.split('d="M')[1].split('"')[0].replace("L", " ").split()[1::2])
    assert highest == pytest.approx(draw_height(9.0, 9.0), abs=0.2)


def draw_height(value: float, highest: float) -> float:
    """Where a value stands on an axis from 0 to the round number above the highest."""
    svg = draw(chart([Point(0, highest), Point(1, value)]))
    return float(svg.split('d="M')[1].split('"')[0].split()[-1])


def test_steps_hold_their_value_until_it_changes() -> None:
    steps = Series("s", [Point(0, 0), Point(1, 5)], "steps")
    assert "H" in draw(chart([])._replace(series=[steps])).split('d="')[1]


def test_a_band_lies_around_its_line_and_the_axis_begins_where_it_is_told() -> None:
    points, band = [Point(0, 0.9), Point(9, 0.95)], [Range(0, 0.88, 0.92), Range(9, 0.93, 0.97)]
    series = [Series("on", points, band=band), Series("off", points)]
    svg = draw(Chart("Title", "Records", "Accuracy", series, y_min=0.85))
    [polygon] = ElementTree.fromstring(svg).iter(f"{SVG}polygon")
    corners = [tuple(map(float, pair.split(","))) for pair in polygon.get("points", "").split()]
    assert len(corners) == 4
    upper, lower = corners[:2], corners[:1:-1]
    assert all(TOP <= high < low <= HEIGHT - BOTTOM for (_, high), (_, low) in zip(upper, lower, strict=True))
    assert min(float(t) for t in texts(svg) if re.fullmatch(r"0\.\d+", t)) >= 0.84
