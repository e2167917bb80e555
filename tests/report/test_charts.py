from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prmkit.analysis.result import Figure, Point, Series
from prmkit.records import Estimate
from prmkit.report.axes import axis_over, log_axis_over, text_width
from prmkit.report.charts import WIDTH, picture_of, svg_of


def estimate(value: float) -> Estimate:
    return Estimate(value=value, low=value - 0.1, high=value + 0.1, n=20, method="made")


def figure(kind: str, points: list[Point], name: str = "a") -> Figure:
    return Figure.model_validate(
        {
            "title": "t",
            "kind": kind,
            "x_label": "x",
            "y_label": "y",
            "series": (Series(name=name, points=tuple(points)), Series(name="b", points=())),
        }
    )


@example([100.0, 100.00000000000001], "%")
@example([0.0], "#")
@example([5e-324], "%")
@given(
    st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=20), st.sampled_from("%#")
)
def test_an_axis_holds_its_values_between_round_ticks(values: list[float], unit: str) -> None:
    whole = unit == "%"
    if whole:
        values = [abs(v) % 100 for v in values]
    axis = axis_over(values, whole=whole)
    slack = 1e-6 * max(1.0, *map(abs, values))
    assert axis.low - slack <= min(values)
    assert max(values) <= axis.high + slack
    assert 2 <= len(axis.ticks) <= 9
    labels = [axis.label(tick) for tick in axis.ticks]
    assert len(set(labels)) == len(labels)
    assert axis.at(axis.low, 0, 10) == 0
    assert axis.at(axis.high, 0, 10) == 10
    if whole:
        assert axis.low >= 0
        assert axis.high <= 100


@pytest.mark.parametrize("kind", ["dots", "lines", "scatter"])
def test_every_point_is_drawn_with_its_numbers(kind: str) -> None:
    xs: list[float | str | Estimate] = {
        "dots": ["left", "right"],
        "lines": [1.0, 2.0],
        "scatter": [estimate(0.2), estimate(0.3)],
    }[kind]  # type: ignore[assignment]
    points = [Point(x=x, y=estimate(0.5 + i / 10)) for i, x in enumerate(xs)]
    svg = ElementTree.fromstring(svg_of(figure(kind, points)))
    titles = [t.text or "" for t in svg.iter("title")]
    assert sum("50.0 [40.0 to 60.0], n = 20" in t for t in titles) >= 2  # dot and interval
    assert sum("60.0 [50.0 to 70.0], n = 20" in t for t in titles) >= 2
    box = [float(v) for v in svg.attrib["viewBox"].split()]
    for circle in svg.iter("circle"):
        assert 0 <= float(circle.attrib["cx"]) <= box[2] == WIDTH
        assert 0 <= float(circle.attrib["cy"]) <= box[3]


def lines(*series: tuple[float, ...]) -> Figure:
    named = (
        Series(name=f"s{i}", points=tuple(Point(x=x, y=estimate(0.4)) for x in places))
        for i, places in enumerate(series)
    )
    return Figure(
        title="t", kind="lines", x_label="x", y_label="y", log_x=True, series=tuple(named)
    )


def places_of(drawn: str) -> list[float]:
    """Pixels along x of all points, in order."""
    marks = ElementTree.fromstring(drawn).iter()
    return [float(mark.attrib["cx"]) for mark in marks if mark.tag.endswith("circle")]


def test_points_stand_at_their_x_and_give_way_only_to_points_of_the_same_x() -> None:
    alone = places_of(svg_of(lines((100, 1000, 10000))))
    assert alone[1] == pytest.approx((alone[0] + alone[2]) / 2, abs=0.1)  # a power of ten each
    assert places_of(svg_of(lines((100, 10000), (1000,)))) == [alone[0], alone[2], alone[1]]
    shared = places_of(svg_of(lines((100, 1000, 10000), (1000,))))
    assert [shared[0], shared[2]] == [alone[0], alone[2]]
    assert [shared[1] - alone[1], shared[3] - alone[1]] == pytest.approx([-1.5, 1.5], abs=0.11)


def test_a_points_title_says_its_label_and_its_x() -> None:
    point = Point(x=1434.7, y=estimate(0.4), label="K = 8")
    assert "a, K = 8, 1434.7: " in svg_of(figure("lines", [point]))


def test_the_last_label_of_an_axis_is_within_the_picture() -> None:
    drawn = ElementTree.fromstring(svg_of(lines((200, 100000))))
    (last,) = (e for e in drawn.iter() if e.text == "100,000")
    assert float(last.attrib["x"]) + text_width("100,000", 11) / 2 <= WIDTH


def test_names_are_text_and_never_markup() -> None:
    svg = svg_of(figure("dots", [Point(x="<b>&", y=estimate(0.5))], name="</svg><script>"))
    assert "<script" not in svg
    ElementTree.fromstring(svg)


def test_a_figure_without_points_is_not_drawn() -> None:
    assert svg_of(figure("dots", [])) == ""


def test_a_series_without_a_point_is_not_in_the_legend() -> None:
    drawn = svg_of(figure("dots", [Point(x="p", y=estimate(0.4))], name="somebody"))
    assert "somebody" in drawn
    texts = [e.text for e in ElementTree.fromstring(drawn).iter() if e.tag.endswith("text")]
    assert "b" not in texts


def test_a_place_that_is_no_number_has_no_place_on_a_line() -> None:
    with pytest.raises(TypeError, match="a line needs numbers along x, found 'left'"):
        svg_of(figure("lines", [Point(x="left", y=estimate(0.5))]))


def test_a_point_without_an_interval_along_x_is_not_in_a_plane() -> None:
    both = [Point(x=estimate(0.2), y=estimate(0.3)), Point(x=0.4, y=estimate(0.5))]
    titles = [t.text or "" for t in ElementTree.fromstring(svg_of(figure("scatter", both))).iter()]
    assert any("30.0 [20.0 to 40.0]" in title for title in titles)
    assert not any("50.0 [40.0 to 60.0]" in title for title in titles)


def test_a_picture_of_nothing_is_empty_and_any_other_stands_by_itself() -> None:
    assert picture_of(figure("dots", [])) == ""
    drawn = picture_of(figure("dots", [Point(x="p", y=estimate(0.4))]))
    assert ElementTree.fromstring(drawn).tag == "{http://www.w3.org/2000/svg}svg"
    assert ".ground" in drawn


def test_a_logarithmic_axis_refuses_zero() -> None:
    with pytest.raises(ValueError, match="holds values above 0, found 0"):
        log_axis_over([0.0, 10.0])
