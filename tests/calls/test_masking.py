"""Masks of a call's personal data that is no phone."""

from __future__ import annotations

import pytest

from calls.masking import masked_address, masked_campaign, masked_text, masked_value


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("", ""),
        ("   ", ""),
        ("12345678", "***"),
        ("123456789", "***6789"),
        (" user-4567 ", "***4567"),
        ("иванов@почта.рф", "***а.рф"),
        ("79161234567, 79161234567", "***4567"),
    ],
)
def test_value_keeps_its_last_four_characters(text: str, masked: str) -> None:
    assert masked_value(text) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("1000", "1000"),
        ("123456789", "123456789"),
        ("9161234567", "***4567"),
        ("Распродажа", "***дажа"),
        ("utm_x", "***"),
    ],
)
def test_number_of_a_campaign_stays_and_its_name_is_masked(text: str, masked: str) -> None:
    assert masked_campaign(text) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://okna.example/balkon", "https://okna.example/balkon"),
        ("https://okna.example/?name=Ivan#top", "https://okna.example/?***"),
        ("https://okna.example/#ivan", "https://okna.example/#***"),
        ("https://okna.example/p%3Fname=Ivan", "https://okna.example/p%3F***"),
        ("https://okna.example/p;id=5", "https://okna.example/p;***"),
        ("https://ivan:pass@okna.example/p", "https://okna.example/p"),
        ("https://okna.example/user/ivan@mail.example/", "https://okna.example/user/***/"),
        ("https://okna.example/user/ivan%40mail.example", "https://okna.example/user/***"),
        ("okna.example/79161234567", "okna.example/+7 *** ***-45-67"),
        ("http://[::1", "http://[::1"),
    ],
)
def test_address_keeps_its_host_and_path(text: str, masked: str) -> None:
    assert masked_address(text) == masked


def test_text_keeps_its_words() -> None:
    assert masked_text("Целевой, ivan@mail.example") == "Целевой, ***"
