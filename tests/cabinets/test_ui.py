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
def test_bar_height_is_proportional_and_never_zero(value: int, height: int) -> None:
    assert bar_height(value, peak=100) == height


def test_sparkline_bars_start_at_the_bottom_in_the_order_of_days() -> None:
    chart = sparkline([0, 2, 4])

    assert chart["bars"] == "M0 24v-1h4v1zM6 24v-12h4v12zM12 24v-24h4v24z"
    assert (chart["chart_width"], chart["days"], chart["total"]) == (16, 3, 6)


def test_sparkline_without_days_has_no_bars() -> None:
    assert sparkline([])["bars"] == ""


def test_share_bar_is_filled_and_leaves_out_zero_parts() -> None:
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


def test_small_part_of_the_share_bar_has_a_minimum_width() -> None:
    totals = [Total("Принят", "success", 999_999), Total("Требует внимания", "danger", 1)]

    big, tiny = share_bar(totals)["parts"]

    assert tiny["width"] == "0.990"
    assert float(big["width"]) + float(tiny["width"]) == pytest.approx(100)


def test_share_bar_of_zeros_has_no_parts() -> None:
    assert share_bar([Total("Принят", "success", 0)])["parts"] == []


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(None, "—"), (0, "0:00"), (9, "0:09"), (91, "1:31"), (3599, "59:59"), (3725, "1:02:05")],
)
def test_talk_time_has_the_format_of_metrika(seconds: int | None, written: str) -> None:
    assert talk_time(seconds) == written
