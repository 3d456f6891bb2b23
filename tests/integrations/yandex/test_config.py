from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.integrations.yandex.stage import CLIENT_SECRET, CONFIG


def test_the_secret_is_not_in_the_repr() -> None:
    assert CLIENT_SECRET not in repr(CONFIG)


@pytest.mark.parametrize(
    "url",
    [
        "https://api-metrika.yandex.net",
        "http://127.0.0.1:8010",
        "http://[::1]:8010",
        "http://localhost:8010",
        "http://sandbox:8010",
        "http://10.1.2.3",
        "http://yandex.test",
    ],
)
def test_https_and_private_hosts_are_accepted(url: str) -> None:
    assert replace(CONFIG, metrika_url=url).metrika_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://api-metrika.yandex.net",
        "http://8.8.8.8",
        "http://127.0.0.1@evil.example",
        "ftp://localhost",
        "https://",
        "api-metrika.yandex.net",
        "",
    ],
)
@pytest.mark.parametrize("name", ["oauth_url", "login_url", "metrika_url"])
def test_plain_http_to_a_public_host_is_refused(name: str, url: str) -> None:
    changes: dict[str, Any] = {name: url}

    with pytest.raises(ValueError, match="Not an https address"):
        replace(CONFIG, **changes)
