"""Examples of the OpenAPI document; tests send them to the endpoint."""

from __future__ import annotations

from typing import Any

#: A published test vector for signatures. The secret is used nowhere else.
VECTOR_SECRET = "whsec_Q2FsbEtlZXBlciB0ZXN0IHZlY3RvciBrZXkgMDE="
VECTOR_ID = "msg_test_vector_1"
VECTOR_TIMESTAMP = "1795418430"
VECTOR_BODY = (
    '{"universalId":"23423423434434234","serviceType":"calltracking",'
    '"callTime":1795418400,"duration":152,"tags":["Целевой"]}'
)
VECTOR_SIGNATURE = "v1,x8arlJ1cN/vP6jnJXNA00pXUppUIQ0rJGNqnUhBRHOE="

ONE_CALL: dict[str, Any] = {
    "universalId": "23423423434434234",
    "serviceType": "calltracking",
    "callType": "Динамический коллтрекинг",
    "clientNumber": "79161234567",
    "callTime": 1795418400,
    "duration": 152,
    "statusFirst": 200,
    "statusSecond": 200,
    "status": "success",
    "unique": True,
    "target": True,
    "uniqueTarget": True,
    "site": "okna-stolica.example",
    "yaClid": "1718031415926535897",
    "callPage": "https://okna-stolica.example/balkon",
    "tags": ["Целевой"],
}
SEVERAL_CALLS: dict[str, Any] = {
    "calls": [
        ONE_CALL,
        {
            "universalId": "23423423434434235",
            "serviceType": "callback",
            "clientNumber": "8 (916) 765-43-21",
            "callTime": "2026-11-23T10:20:30+03:00",
            "statusFirst": 480,
            "statusSecond": 0,
            "cbCallId": 10000001,
            "cbAttempt": 2,
            "cbAttemptsQueue": [10000000],
        },
        {"universalId": "23423423434434236", "callTime": "вчера"},
    ]
}
ANSWER: dict[str, Any] = {
    "results": [
        {"index": 0, "universalId": "23423423434434234", "status": "created", "call_id": 1},
        {"index": 1, "universalId": "23423423434434235", "status": "created", "call_id": 2},
        {
            "index": 2,
            "universalId": "23423423434434236",
            "status": "rejected",
            "error": {
                "code": "bad_time",
                "message": "Время не прочитано: нужны секунды Unix или ISO 8601 со смещением.",
                "field": "callTime",
                "doc_url": "https://integrations.callkeeper.example/help/bad_time",
            },
        },
    ],
    "duplicate": False,
}
