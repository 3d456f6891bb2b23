from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from integrations.yandex.patient_pools import (
    SEND_TIMEOUT_SECONDS,
    PatientConnection,
    PatientSecureConnection,
)
from integrations.yandex.transport import YandexAdapter
from tests.integrations.yandex.line import line, stays_silent
from tests.integrations.yandex.stage import CONFIG


def test_send_timeout_is_longer_than_the_connect_timeout() -> None:
    with line(stays_silent) as server:
        connection = PatientConnection("127.0.0.1", urlsplit(server.url).port, timeout=0.5)
        connection.connect()

        assert connection.sock.gettimeout() == SEND_TIMEOUT_SECONDS
        connection.close()


@pytest.mark.parametrize(
    ("scheme", "kind"), [("http", PatientConnection), ("https", PatientSecureConnection)]
)
def test_adapter_uses_these_connections(scheme: str, kind: type) -> None:
    pool = YandexAdapter(CONFIG).poolmanager.connection_from_host("yandex.test", scheme=scheme)

    assert pool.ConnectionCls is kind
