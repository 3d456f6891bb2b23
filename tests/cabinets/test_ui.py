from __future__ import annotations

from dataclasses import dataclass

import pytest

from cabinets.templatetags.ui import bar_height, share_bar, sparkline, talk_time


@dataclass(frozen=True)
class Total:
    label: str
    tone: str
    count: int


@pytest.mark.parametrize(("value", "height"), [(0, 1), (1, 3), (50, 12), (99, 24), (100, 24)])
def test_a_bar_is_as_high_as_its_day_and_never_invisible(value: int, height: int) -> None:
    assert bar_height(value, peak=100) == height


def test_small_chart_stands_on_the_ground_and_keeps_the_order_of_days() -> None:
    chart = sparkline([0, 2, 4])

    assert [(bar["x"], bar["y"], bar["height"]) for bar in chart["bars"]] == [
        (0, 23, 1),
        (6, 12, 12),
        (12, 0, 24),
    ]
    assert (chart["chart_width"], chart["days"], chart["total"]) == (16, 3, 6)


def test_small_chart_of_no_days_is_drawn_without_bars() -> None:
    assert sparkline([])["bars"] == []


def test_parts_of_the_bar_fill_it_and_leave_out_what_is_nothing() -> None:
    totals = [
        Total("Принят", "success", 3),
        Total("Опоздал", "warning", 0),
        Total("Ждёт", "info", 1),
    ]

    parts = share_bar(totals)["parts"]

    assert [(part["label"], part["x"], part["width"]) for part in parts] == [
        ("Принят", "0.000", "75.000"),
        ("Ждёт", "75.000", "25.000"),
    ]


def test_a_tiny_part_of_the_bar_can_still_be_seen() -> None:
    totals = [Total("Принят", "success", 999_999), Total("Требует внимания", "danger", 1)]

    big, tiny = share_bar(totals)["parts"]

    assert tiny["width"] == "0.990"
    assert float(big["width"]) + float(tiny["width"]) == pytest.approx(100)


def test_bar_of_nothing_has_no_parts() -> None:
    assert share_bar([Total("Принят", "success", 0)])["parts"] == []


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(None, "—"), (0, "0:00"), (9, "0:09"), (91, "1:31"), (3599, "59:59"), (3725, "1:02:05")],
)
def test_talk_time_is_written_as_in_the_reports_of_metrika(
    seconds: int | None, written: str
) -> None:
    assert talk_time(seconds) == written
