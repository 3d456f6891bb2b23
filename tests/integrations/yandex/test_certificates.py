"""Every request to Yandex verifies the server's certificate (S-36)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from integrations.yandex.errors import YandexError
from integrations.yandex.metrika import MetrikaClient
from integrations.yandex.oauth import OAuthClient
from tests.integrations.yandex.stage import ACCESS_TOKEN, CONFIG

EXCHANGE = {"code": "1", "code_verifier": "v" * 43, "device_id": "device", "device_name": "us"}
REQUESTS: dict[str, Callable[[OAuthClient, MetrikaClient], object]] = {
    "exchange": lambda oauth, _metrika: oauth.exchange_code(**EXCHANGE),
    "refresh": lambda oauth, _metrika: oauth.refresh(refresh_token="1:a:b:c"),
    "revoke": lambda oauth, _metrika: oauth.revoke(access_token=ACCESS_TOKEN),
    "profile": lambda oauth, _metrika: oauth.profile(access_token=ACCESS_TOKEN),
    "counters": lambda _oauth, metrika: metrika.counters(),
    "goals": lambda _oauth, metrika: metrika.goals(91234567),
}


@pytest.mark.parametrize("bundle", [None, ""])
@pytest.mark.parametrize("name", REQUESTS)
def test_certificate_is_checked(
    monkeypatch: pytest.MonkeyPatch, name: str, bundle: str | None
) -> None:
    sent: list[Any] = []

    def note(_self: HTTPAdapter, request: Any, _stream: Any, _limits: Any, verify: Any, *_: Any):  # type: ignore[no-untyped-def]
        sent.append((request.url, verify))
        raise requests.ConnectTimeout("no request is expected")

    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
        if bundle is not None:
            monkeypatch.setenv(variable, bundle)
    monkeypatch.setattr(HTTPAdapter, "send", note)
    with (
        closing(OAuthClient(CONFIG)) as oauth,
        closing(MetrikaClient(CONFIG, ACCESS_TOKEN)) as metrika,
        pytest.raises(YandexError),
    ):
        REQUESTS[name](oauth, metrika)

    assert [url.partition("://")[0] for url, _verify in sent] == ["https"]
    assert [verify for _url, verify in sent] == [True]
