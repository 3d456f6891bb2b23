"""The fields of a call, as the interface describes them: what is read out of a record."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

Schema = dict[str, Any]


def call_schema() -> Schema:
    """Return the schema of one call record."""
    return {
        "type": "object",
        "description": _(
            "Звонок в именах полей API CallKeeper v3. Незнакомые поля сохраняются. Пустая строка, "
            "0 и пустой список значат «нет значения»; числа можно присылать строкой."
        ),
        "required": ["callTime"],
        "properties": _who_and_when() | _outcome() | _visitor() | _origin() | _callback(),
        "additionalProperties": True,
    }


def _who_and_when() -> dict[str, Schema]:
    return {
        "universalId": _field(
            ["string", "integer"],
            _(
                "Номер звонка, до 128 знаков. Один номер — один звонок навсегда. Без него номер "
                "выводится из источника, времени, телефона, линии и длительности: повтор тех же "
                "данных даст тот же звонок."
            ),
            "23423423434434234",
        ),
        "serviceType": _field(
            "string",
            _("calltracking, callback или import."),
            "calltracking",
        ),
        "callTime": _field(
            ["integer", "string"],
            _(
                "Начало звонка: секунды Unix или ISO 8601 со смещением. Время без смещения "
                "принимается, только если у источника указан часовой пояс. Повторяющийся час "
                "перевода часов читается как первый, пропущенный — со смещением до перевода. "
                "Не позже чем через 5 минут от текущего времени."
            ),
            "2026-11-23T10:20:30+03:00",
        ),
        "clientNumber": _field(
            "string",
            _(
                "Телефон клиента. Остаются только цифры; 8 и десять цифр превращаются в 7 и "
                "десять цифр; хранится с плюсом."
            ),
            "79161234567",
        ),
        "duration": _field("integer", _("Разговор, секунды."), 152),
        "holdDuration": _field(
            "integer",
            _(
                "Ожидание, секунды; также waitTime. Если нет, берётся duration_sec − "
                "duration2_sec, когда есть оба."
            ),
            12,
        ),
    }


def _outcome() -> dict[str, Schema]:
    return {
        "statusFirst": _field(
            "integer",
            _(
                "Первый код. 1/0, 2/0 и 707/0 — звонок не завершён: он сохраняется и ждёт итога. "
                "790/0 — проверочный, не отправляется никогда."
            ),
            200,
        ),
        "statusSecond": _field("integer", _("Второй код."), 200),
        "status": _field(
            "string", _("success или fail. Если нет, успешный — это коды 200/200."), "success"
        ),
        "unique": _field("boolean", _("Уникальный; можно 1, «1», «true»."), True),
        "target": _field("boolean", _("Целевой."), True),
        "uniqueTarget": _field("boolean", _("Уникально-целевой."), True),
        "tags": {
            "type": "array",
            "items": {"type": "string"},
            "description": _("Теги звонка."),
            "examples": [["Целевой"]],
        },
    }


def _visitor() -> dict[str, Schema]:
    return {
        "yaClid": _field("string", _("ClientID Метрики, цифры."), "1718031415926535897"),
        "yclid": _field(
            "string",
            _("Номер клика Директа. Если нет, берётся из entryPointQuery или callPage."),
            "4611686018427387904",
        ),
        "userId": _field("string", _("UserID, который сайт передаёт в Метрику."), "client-42"),
        "callPage": _field("string", _("Страница звонка."), "https://okna-stolica.example/balkon"),
        "entryPointQuery": _field(
            "string",
            _("Страница входа с параметрами."),
            "https://okna-stolica.example/?yclid=4611686018427387904",
        ),
    }


def _origin() -> dict[str, Schema]:
    return {
        "site": _field(
            "string",
            _("Сайт; если нет — visitSite или siteVisit."),
            "okna-stolica.example",
        ),
        "callType": _field(
            "string",
            _(
                "«Динамический коллтрекинг» или «Статический коллтрекинг». Вместо него можно "
                "isStatic. Без подсказки звонок динамический, если посетитель известен."
            ),
            "Динамический коллтрекинг",
        ),
        "isStatic": _field("boolean", _("Звонок на статический номер."), False),
        "ctCampaignId": _field(
            ["string", "integer"], _("Номер кампании; также campaignId."), "1000"
        ),
        "ctCampaignName": _field("string", _("Кампания; также campaignName."), "Распродажа"),
    }


def _callback() -> dict[str, Schema]:
    return {
        "cbCallId": _field("integer", _("Номер попытки обратного звонка."), 10000001),
        "cbAttempt": _field("integer", _("Какая это попытка заказа."), 2),
        "cbAttemptsQueue": {
            "type": "array",
            "items": {"type": "integer"},
            "description": _("Номера прежних попыток того же заказа."),
            "examples": [[10000000]],
        },
    }


def _field(kind: str | list[str], description: str, example: Any) -> Schema:
    return {"type": kind, "description": description, "examples": [example]}
