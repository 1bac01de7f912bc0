"""The picture of a trend: every value has its mark in its place, and nothing leaves the frame."""

import re
from decimal import Decimal
from itertools import pairwise
from time import perf_counter
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pages import LOCALES, Locale, render
from api.portal.trend_chart import NARROW, WIDE, Chart, Size, chart_of, shapes_of, sparkline
from domain.trend import Measurement, Trend
from tests.api.test_pages import FRAME
from tests.api.trend_samples import (
    MIXED,
    ONE,
    SOUTH,
    TREND_SAMPLES,
    amount,
    many,
    measurement,
    trend,
    usual,
)


def drawing(found: Trend, size: Size = WIDE, locale: Locale = "ru") -> Chart:
    return chart_of(
        found.points, shapes_of(found.points), size=size, locale=locale, time_zone="Europe/Moscow"
    )


def places(chart: Chart) -> list[tuple[float, float]]:
    found = [re.match(r"M([\d.-]+) ([\d.-]+)m", mark.path) for mark in chart.marks]
    return [(float(one[1]), float(one[2])) for one in found if one]


def svg_of(name: str, size: str) -> str:
    template, context = TREND_SAMPLES[name]
    page = render(template, locale="ru", **FRAME | context)
    found = re.search(rf'<svg class="chart chart-{size}".*?</svg>', page, re.DOTALL)
    assert found is not None
    return found[0]


@pytest.mark.parametrize(
    ("name", "measurements"), [("trend", MIXED), ("trend-one", ONE), ("trend-many", many())]
)
@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_the_picture_has_a_mark_for_each_value_and_for_nothing_else(
    name: str, measurements: list[Measurement], size: str
) -> None:
    svg = svg_of(name, size)
    points = trend(measurements).points
    assert svg.count('class="point"') == len(points)
    assert svg.count('class="arrow"') == sum(point.comparator is not None for point in points)
    assert svg.count('class="ring"') == sum(point.measurement.is_corrected for point in points)
    assert svg.count("mark-hollow") == sum(point.measurement.is_preliminary for point in points)
    assert "style=" not in svg and "<script" not in svg and 'role="img"' in svg


def test_a_laboratory_is_told_by_its_shape() -> None:
    found = trend(MIXED)
    shapes = {
        (point.measurement.laboratory_id, re.sub(r"^M[\d.-]+ [\d.-]+", "", mark.path))
        for point, mark in zip(found.points, drawing(found).marks, strict=True)
    }
    assert len(shapes) == len({shape for _, shape in shapes}) == 2


def test_each_measurement_has_the_band_of_its_own_range() -> None:
    found = trend(MIXED)
    bands = drawing(found).bands
    # Of the north, of the south in mg/dl, and twice more of the north, whose range has changed since.
    ranges = [(point.low, point.high) for point in found.points]
    changes = 1 + sum(one != two for one, two in pairwise(ranges))
    assert len(bands) == changes == 4
    heights = [float(band.height) for band in bands]
    assert heights[1] != heights[0] and heights[2] == heights[0]


def test_an_open_range_reaches_the_frame_and_no_range_has_no_band() -> None:
    known = [
        measurement(1, amount("5"), "2026-01-01", ranges=usual(None, "6")),
        measurement(2, amount("5"), "2026-02-01"),
        measurement(3, amount("5"), "2026-03-01", ranges=usual("4.8", None)),
    ]
    first, last = drawing(trend(known)).bands
    assert float(first.y) + float(first.height) == WIDE.height - WIDE.bottom
    assert float(last.y) == WIDE.top
    assert float(first.x) + float(first.width) < float(last.x)


def test_a_line_does_not_go_through_a_bound_nor_from_laboratory_to_laboratory() -> None:
    lines = [line.split() for line, _ in drawing(trend(MIXED)).lines]
    assert sorted(map(len, lines)) == [2, 2, 3]


@pytest.mark.parametrize("locale", LOCALES)
def test_axes_have_round_labels_in_the_readers_words(locale: Locale) -> None:
    chart = drawing(trend(MIXED), locale=locale)
    assert [text for _, text in chart.ticks_y] == ["2", "4", "6", "8"]
    texts = [text for _, text in chart.ticks_x]
    assert texts[0] == ("01.2024" if locale == "ru" else "Jan 2024")
    assert 2 <= len(texts) <= WIDE.ticks_x


def test_two_hundred_values_are_drawn_at_once() -> None:
    started = perf_counter()
    found = trend(many())
    chart = drawing(found)
    # Some 10 ms; ten times that on a busy machine is still no wait.
    assert perf_counter() - started < 1
    assert len(chart.marks) == 200
    assert sum(mark.label is not None for mark in chart.marks) == 1, "only what is critical is written out"


VALUES = st.lists(
    st.tuples(
        st.decimals(min_value=-50, max_value=100_000, places=2),
        st.integers(0, 20_000),
        st.none() | st.tuples(st.integers(-10, 50), st.integers(51, 2_000_000)),
        st.booleans(),
    ),
    min_size=1,
    max_size=30,
)


@given(VALUES, st.sampled_from([WIDE, NARROW]))
def test_marks_keep_the_order_of_their_values_and_everything_stays_in_the_frame(
    sent: list[tuple[Decimal, int, tuple[int, int] | None, bool]], size: Size
) -> None:
    known = [
        measurement(
            number,
            amount(str(value)),
            f"{1970 + day // 366}-01-01T00:{day % 60:02d}:00Z",
            **_given(ends, is_south),
        )
        for number, (value, day, ends, is_south) in enumerate(sent)
    ]
    found = trend(known)
    chart = drawing(found, size)
    marks = places(chart)
    values = [point.value for point in found.points]
    for (x, y), value in zip(marks, values, strict=True):
        assert size.left <= x <= size.width - size.right
        assert size.top <= y <= size.height - size.bottom
        for (_, other), more in zip(marks, values, strict=True):
            assert value >= more or y >= other
    assert [x for x, _ in marks] == sorted(x for x, _ in marks)
    for band in chart.bands:
        assert float(band.x) >= size.left and float(band.width) > 0 and float(band.height) > 0
        assert float(band.x) + float(band.width) <= size.width - size.right + 0.11
        assert float(band.y) >= size.top
        assert float(band.y) + float(band.height) <= size.height - size.bottom + 0.11
    for x, _ in chart.ticks_x:
        assert size.left <= float(x) <= size.width - size.right
    assert len(chart.ticks_x) <= size.ticks_x


def _given(ends: tuple[int, int] | None, is_south: bool) -> dict[str, Any]:
    given: dict[str, Any] = {"ranges": usual(str(ends[0]), str(ends[1]))} if ends else {}
    return given | ({"laboratory_id": SOUTH} if is_south else {})


def test_a_small_line_is_of_two_values_or_more() -> None:
    assert sparkline(trend(ONE).points) is None
    found = sparkline(trend(MIXED).points)
    assert found is not None and len(found[0].split()) == len(trend(MIXED).points)


def test_shapes_go_to_laboratories_by_how_much_they_measured() -> None:
    assert shapes_of(trend(many()).points) == {UUID(int=1): 0, SOUTH: 1}
