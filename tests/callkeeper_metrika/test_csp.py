"""The Content-Security-Policy: of pages, whose forms may redirect to Yandex, and of JSON."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from callkeeper_metrika.csp import content_policy

HEADER = "Content-Security-Policy"


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


@pytest.mark.django_db
def test_json_may_load_nothing_and_pages_what_they_need(client: Client) -> None:
    answer = client.post(reverse("calls:ingest"), b"{}", content_type="application/json")
    page = client.get(reverse("login"))

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers[HEADER] == (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Content-Type"].startswith("text/html")
    directives = dict(one.strip().split(" ", 1) for one in page.headers[HEADER].split(";"))
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["frame-ancestors"] == directives["default-src"] == "'none'"
