"""Shared by the tests of the client: a configuration, recognisable secrets, recorded answers."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import responses

from integrations.yandex.config import YandexConfig
from integrations.yandex.metrika import MetrikaClient
from tests.paths import PAYLOADS

# Put together at run time, so that nothing in the repository looks like a token.
ACCESS_TOKEN = "y0_" + "SentinelAccess" * 4
REFRESH_TOKEN = ":".join(("1", "SentinelRefreshA", "SentinelRefreshB", "SentinelRefreshC"))
CLIENT_SECRET = "sentinelsecret" * 2
CODE = "sentinelcode1234"
VERIFIER = "SentinelVerifier" * 3

SECRETS = re.compile(
    r"y[0-3]_[A-Za-z0-9_-]{20,}|1:[\w-]+:[\w-]+:[\w-]+"
    r"|(?i:sentinel)|Basic [A-Za-z0-9+/=]{8,}"
)

CONFIG = YandexConfig(
    oauth_url="https://oauth.yandex.test",
    login_url="https://login.yandex.test",
    metrika_url="https://api-metrika.yandex.test",
    client_id="0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    client_secret=CLIENT_SECRET,
    redirect_uri="https://cabinet.example/lk/integrations/yandex/callback",
    scopes=("login:info", "metrika:read", "metrika:offline_data"),
)
COUNTER = 91234567
COUNTER_URL = f"{CONFIG.metrika_url}/management/v1/counter/{COUNTER}"
CONVERSIONS_URL = f"{COUNTER_URL}/offline_conversions"
UPLOAD_URL = f"{CONVERSIONS_URL}/upload_calls"


def payload(name: str) -> str:
    """Return a recorded answer; token placeholders are filled with the sentinels."""
    text = (PAYLOADS / name).read_text(encoding="utf-8")
    return text.replace("ACCESS", ACCESS_TOKEN).replace("REFRESH", REFRESH_TOKEN)


def make_client(**changes: Any) -> MetrikaClient:
    return MetrikaClient(replace(CONFIG, **changes), ACCESS_TOKEN)


def vendor_error(error_type: str, *, code: int) -> dict[str, Any]:
    """The form of https://yandex.com/dev/metrika/en/intro/errors."""
    return {
        "errors": [{"error_type": error_type, "message": "In their words", "location": ""}],
        "code": code,
        "message": "In their words",
    }


def options_sent() -> Any:
    """The options (timeout, verify …) of the first request."""
    request: Any = responses.calls[0].request
    return request.req_kwargs
