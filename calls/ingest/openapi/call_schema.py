"""The schema of a call record in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

Schema = dict[str, Any]

#: The types that the parser accepts, the preferred one first.
TEXT = ("string", "integer")
NUMBER = ("integer", "string")
COUNT = ("integer", "number", "string")
FLAG = ("boolean", "integer", "string")


def call_schema() -> Schema:
    """Return the schema of one call record."""
    return {
        "type": "object",
        "description": _(
            "Звонок в именах полей API CallKeeper v3. Незнакомые поля сохраняются. Пустая строка, "
            "«-», null и пустой список значат «нет значения», а в номере звонка, времени, секундах "
            "и ClientID — ещё и 0. Числа можно присылать строкой, строки из цифр — целым числом, "
            "списки — строкой через запятую. Номера звонков, ClientID, yclid и UserID присылайте "
            "только строкой: целое число от 2⁵³ (9007199254740992) многие программы по дороге "
            "округляют, и звонок получает чужой номер или чужого посетителя."
        ),
        "required": ["callTime"],
        "properties": (
            _which_call() | _when() | _who() | _how_long() | _codes() | _marks() | _visitor()
            | _pages() | _origin() | _campaign() | _attempts()
        ),
        "additionalProperties": True,
    }  # fmt: skip


def _which_call() -> dict[str, Schema]:
    return {
        "universalId": _field(
            TEXT,
            _(
                "Номер звонка, до 128 знаков, строкой. Один номер — один звонок навсегда: запись с "
                "известным номером, но с другим началом (больше чем на 5 секунд) или другим "
                "телефоном отклоняется, identity_conflict. Без него номером служит ctCallId или "
                "cbCallId с именем сервиса, а без них — источник, время начала и телефон клиента "
                "(нет телефона — посетитель или линия): повтор тех же данных даст тот же звонок. "
                "Номер, который появился у звонка позже, второго звонка не создаст; исправленный "
                "часовой пояс (сдвиг начала на целые четверти часа) — тоже."
            ),
            "23423423434434234",
        ),
        "serviceType": _field(TEXT, _("calltracking, callback или import."), "calltracking"),
    }


def _when() -> dict[str, Schema]:
    return {
        "callTime": {
            "type": ["integer", "number", "string"],
            "description": _(
                "Начало звонка: секунды Unix или ISO 8601 со смещением. Время без смещения "
                "принимается, только если у источника указан часовой пояс. Повторяющийся час "
                "перевода часов читается как первый, пропущенный — со смещением до перевода. "
                "Не позже чем через 5 минут от текущего времени. Миллисекунды не принимаются."
            ),
            "examples": ["2026-11-23T10:20:30+03:00"],
        }
    }


def _who() -> dict[str, Schema]:
    return {
        "clientNumber": _field(
            TEXT,
            _(
                "Телефон клиента. Номер с кодом страны, с плюсом или без него; 8 и десять цифр — "
                "российский; номер без кода читается как номер страны, указанной у источника. "
                "Добавочный отбрасывается, из адреса SIP берётся номер. То, что не номер, "
                "сохраняется и показывается как есть, но в Метрику не передаётся."
            ),
            "79161234567",
        )
    }


def _how_long() -> dict[str, Schema]:
    return {
        "duration": _field(
            COUNT,
            _(
                "Разговор, секунды, не больше суток (86400), или время вида 00:01:05; дробная "
                "часть отбрасывается. Звонок не может заканчиваться в будущем."
            ),
            152,
        ),
        "holdDuration": _field(
            COUNT,
            _(
                "Ожидание, секунды; также waitTime. Если нет, берётся duration_sec − "
                "duration2_sec, когда есть оба."
            ),
            12,
        ),
    }


def _codes() -> dict[str, Schema]:
    return {
        "statusFirst": _field(
            NUMBER,
            _(
                "Первый код. 1/0, 2/0 и 707/0 — звонок не завершён: он сохраняется и ждёт итога. "
                "790/0 — проверочный, не отправляется никогда."
            ),
            200,
        ),
        "statusSecond": _field(NUMBER, _("Второй код."), 200),
        "status": _field(
            TEXT,
            _(
                "success или fail. Если нет, успешный — это коды 200/200, а без кодов читаются и "
                "слова: «Успешный», «Отвечен», «Пропущен», answered, missed, no answer, busy."
            ),
            "success",
        ),
    }


def _marks() -> dict[str, Schema]:
    return {
        "unique": _field(FLAG, _("Уникальный; можно 1, «1», «true»."), True),
        "target": _field(FLAG, _("Целевой."), True),
        "uniqueTarget": _field(FLAG, _("Уникально-целевой."), True),
        "tags": _list(
            TEXT,
            _(
                "Теги звонка: список строк или объектов с name (title, label, value), объект "
                "«номер — имя», любой из них текстом JSON, строка через запятую, точку с запятой "
                "или с новой строки."
            ),
            ["Целевой"],
        ),
    }


def _visitor() -> dict[str, Schema]:
    return {
        "yaClid": _identifier(
            _(
                "ClientID Метрики, цифры; передавайте текстом. Кавычки, пробелы, имя cookie "
                "(_ym_uid=…), «.0» и повтор того же номера не мешают. Два разных номера, "
                "экспонента (1,7E+18) и дробное число не читаются: такой звонок ждёт исправленной "
                "записи или решения человека. Незаполненный шаблон ({yaClid}), undefined, null, 0 "
                "и «-» значат «нет значения»."
            ),
            "1718031415926535897",
        ),
        "yclid": _identifier(
            _(
                "Номер клика Директа, читается как ClientID. Если нет, берётся из адреса "
                "entryPointQuery, callPage или entryPoint: из параметров, из части после #, также "
                "с &amp; вместо &."
            ),
            "4611686018427387904",
        ),
        "userId": _identifier(
            _("UserID, который сайт передаёт в Метрику: одна строка до 255 знаков."), "client-42"
        ),
    }


def _pages() -> dict[str, Schema]:
    return {
        "callPage": _field(
            TEXT, _("Страница звонка; также cpg."), "https://okna-stolica.example/balkon"
        ),
        "entryPointQuery": _field(
            TEXT,
            _("Страница входа с параметрами; без них — entryPoint."),
            "https://okna-stolica.example/?yclid=4611686018427387904",
        ),
    }


def _origin() -> dict[str, Schema]:
    return {
        "site": _field(
            TEXT,
            _(
                "Адрес сайта. Если это не адрес, берётся первый адрес из visitSite, siteVisit, "
                "host, callPage, entryPoint, entryPointQuery. Из нескольких через запятую — первый."
            ),
            "okna-stolica.example",
        ),
        "callType": _field(
            TEXT,
            _(
                "«Динамический коллтрекинг» или «Статический коллтрекинг»; также call_type и вид "
                "кампании (ctCampaignType). Вместо него можно isStatic; если они противоречат друг "
                "другу, вид не указан. Статический — только тот звонок, о котором это сказано. Без "
                "подсказки звонок динамический, если пришёл идентификатор посетителя, иначе вид не "
                "указан: что с ним делать, решает настройка счетчика «Звонки без идентификатора»."
            ),
            "Динамический коллтрекинг",
        ),
        "isStatic": _field(FLAG, _("Звонок на статический номер."), False),
    }


def _campaign() -> dict[str, Schema]:
    return {
        "ctCampaignId": _field(TEXT, _("Номер кампании; также campaignId."), "1000"),
        "ctCampaignName": _field(TEXT, _("Кампания; также campaignName."), "Распродажа"),
    }


def _attempts() -> dict[str, Schema]:
    return {
        "ctCallId": _field(
            TEXT, _("Номер звонка в коллтрекинге; номер звонка, если нет universalId."), "559"
        ),
        "cbCallId": _field(
            NUMBER,
            _("Номер попытки обратного звонка; номер звонка, если нет universalId и ctCallId."),
            10000001,
        ),
        "cbAttempt": _field(COUNT, _("Какая это попытка заказа."), 2),
        "cbAttemptsQueue": _list(
            NUMBER,
            _("Номера прежних попыток того же заказа: список, объект с номерами мест или строка."),
            [10000000],
        ),
    }


def _field(kinds: Sequence[str], description: str, example: Any) -> Schema:
    """Return the schema of one value; null and an empty list mean "absent"."""
    return {
        "type": [*kinds, "null", "array"],
        "maxItems": 0,
        "description": description,
        "examples": [example],
    }


def _identifier(description: str, example: str) -> Schema:
    """Return the schema of a visitor's identifier; the items of a list must agree."""
    return {
        "type": [*TEXT, "null", "array"],
        "items": {"type": [*TEXT, "null"]},
        "description": description,
        "examples": [example],
    }


def _list(kinds: Sequence[str], description: str, example: list[Any]) -> Schema:
    """Return the schema of a list; PHP writes one with gaps as an object."""
    any_object: Schema = {"properties": {}, "required": [], "additionalProperties": True}
    return {
        "type": ["array", "object", *TEXT, "null"],
        "items": {"type": [*kinds, "object", "array", "null"]} | any_object,
        **any_object,
        "description": description,
        "examples": [example],
    }
