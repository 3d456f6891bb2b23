"""Masking of Yandex's answers: codes of OAuth are hidden, codes of errors are shown."""

from __future__ import annotations

import pytest

from integrations.yandex.masking import excerpt


@pytest.mark.parametrize(
    "body",
    [
        '{"errors": [{"error_type": "access_denied"}], "code": 403, "message": "Access denied"}',
        '{"code":400}',
        "code=429&message=quota",
    ],
)
def test_code_of_an_error_is_shown(body: str) -> None:
    assert excerpt(body.encode()) == body


@pytest.mark.parametrize("code", ["7654321", "1234", "12", "short", "403abc", "403-17", "a1b"])
@pytest.mark.parametrize("form", ['{{"code": "{}"}}', '{{"code": {}}}', "code={}&state=1"])
def test_code_of_oauth_is_hidden(form: str, code: str) -> None:
    masked = excerpt(form.format(code).encode())

    assert code not in masked
    assert "[hidden]" in masked


def test_other_secrets_of_three_digits_are_hidden() -> None:
    assert excerpt(b"client_secret=403&access_token=123") == (
        "client_secret=[hidden]&access_token=[hidden]"
    )
