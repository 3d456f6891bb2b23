"""Where the form «Подключить» may lead: at Yandex, through its sign-in as well."""

from __future__ import annotations

import pytest

from callkeeper_metrika.csp import content_policy


def form_action(oauth_url: str) -> list[str]:
    return content_policy(oauth_url)["DIRECTIVES"]["form-action"]


@pytest.mark.parametrize("url", ["https://oauth.yandex.ru", "https://oauth.yandex.com"])
def test_form_may_lead_through_every_host_of_yandex(url: str) -> None:
    assert form_action(url) == ["'self'", "https://*.yandex.ru", "https://*.yandex.com"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8001",
        "http://yandex.localhost:8001",
        "http://oauth.yandex.ru",
        "https://oauth.yandex.ru.example",
        "https://notyandex.ru",
    ],
)
def test_stand_in_is_one_origin(url: str) -> None:
    assert form_action(url) == ["'self'", url]
