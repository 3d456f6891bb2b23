"""The form-action directive: the form «Подключить» redirects to Yandex and its sign-in pages."""

from __future__ import annotations

import pytest

from callkeeper_metrika.csp import content_policy


def form_action(oauth_url: str) -> list[str]:
    return content_policy(oauth_url)["DIRECTIVES"]["form-action"]


@pytest.mark.parametrize("url", ["https://oauth.yandex.ru", "https://oauth.yandex.com"])
def test_form_may_redirect_to_every_host_of_yandex(url: str) -> None:
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
def test_any_other_oauth_url_allows_its_own_origin_only(url: str) -> None:
    assert form_action(url) == ["'self'", url]
