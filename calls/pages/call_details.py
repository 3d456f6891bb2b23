"""The details of a call on its page: kind, phone, site, identifiers, …"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from cabinets.templatetags.ui import talk_time
from calls.ingest.parsing.call_kind import KNOWN_SERVICES
from calls.ingest.parsing.fields import ABSENT_TEXTS
from calls.masking import Mask, masked_address, masked_campaign, masked_text, masked_value
from calls.models import Call
from calls.phones import shown_phone, with_masked_phones
from calls.states import CallKind, HoldBack
from calls.ways.trial_call import in_readers_language

#: Longer texts of a record are cut where they are quoted.
MAX_QUOTED = 100


@dataclass(frozen=True)
class Detail:
    """A label and its value."""

    label: str
    value: str


def details_of(call: Call, *, sees_phones: bool, status_came: str = "") -> list[Detail]:
    """Return the details in the order of the page, with masked phones unless ``sees_phones``.

    ``status_came`` is the status as it came in the record.
    """
    # Sites put the phone of a known visitor into addresses, identifiers and names.
    shown = str if sees_phones else masked_text
    identifier, address, campaign = (
        (str, str, str) if sees_phones else (masked_value, masked_address, masked_campaign)
    )
    own = partial(in_readers_language, call)
    return [
        Detail(_("Тип"), shown(_kind(call))),
        Detail(_("Телефон"), _phone(call, sees_phones=sees_phones)),
        Detail(_("Разговор"), talk_time(call.duration_seconds)),
        Detail(_("Ожидание"), talk_time(call.hold_seconds)),
        Detail(_("Статус"), _status(call) or shown(_unknown_status(status_came))),
        Detail(_("Признаки"), _marks(call)),
        Detail(_("Сайт"), shown(call.site)),
        Detail(_("Кампания"), campaign(own(call.campaign_name or call.campaign_id))),
        Detail(_("Теги"), shown(", ".join(map(own, call.tags)))),
        Detail("ClientID", _identifier(call, "ClientId", call.client_id, identifier)),
        Detail("yclid", _identifier(call, "Yclid", call.yclid, identifier)),
        Detail("UserID", _identifier(call, "UserId", call.user_id, identifier)),
        Detail(_("Страница"), address(call.page_url)),
        Detail(_("Попытка заказа"), str(call.attempt or "")),
    ]


def conflict_text(call: Call, *, sees_phones: bool) -> str:
    """Return what is known of another call that came under the same id, "" when none did."""
    if call.conflict_at is None or not call.conflict:
        return ""
    start = timezone.localtime(datetime.fromisoformat(call.conflict["started_at"]))
    phone = shown_phone(call.conflict["phone"], call.conflict["phone_text"], is_whole=sees_phones)
    return _(
        "С этим же номером звонка пришёл другой звонок: начало %(start)s, телефон %(phone)s. Он не "
        "сохранён, здесь — первый. Попросите того, кто присылает звонки, давать каждому звонку "
        "свой номер и передавать его текстом: длинные целые числа по дороге округляются."
    ) % {
        "start": date_format(start, "j E Y, H:i:s"),
        "phone": phone or _("не указан"),
    }


def _identifier(call: Call, name: str, value: str, mask: Mask) -> str:
    """Return the identifier, or what came in its place and could not be read; both masked."""
    came = (call.unreadable_identifiers or {}).get(name, "")
    if value or not came:
        return mask(value)
    return _("не читается: «%(text)s»") % {"text": mask(with_masked_phones(came))}


def _phone(call: Call, *, sees_phones: bool) -> str:
    shown = shown_phone(call.phone, call.phone_text, is_whole=sees_phones)
    if not call.phone_text:
        return shown
    return _("«%(text)s»: это не номер телефона, в Метрику он не передаётся") % {"text": shown}


def _status(call: Call) -> str:
    """Return the status and its codes; of a call that is not finished there is only an interim."""
    if not call.is_finished:
        return _("звонок ещё идёт, статуса пока нет")
    status, codes = call.get_status_display(), (call.status_first, call.status_second)
    came = [code for code in codes if code is not None]
    if len(came) == 2:
        text = _("коды двух сторон звонка: %(first)s и %(second)s")
        return ", ".join(filter(None, [status, text % {"first": came[0], "second": came[1]}]))
    code = _("код %(code)s") % {"code": came[0]} if came else ""
    return ", ".join(filter(None, [status, code]))


def _unknown_status(came: str) -> str:
    """Return a status that is no known word, as it came, "" when none came."""
    if came.strip() in ABSENT_TEXTS:
        return ""
    return _("«%(status)s»: чем кончился звонок, из этого слова не понятно") % {
        "status": came[:MAX_QUOTED]
    }


def _kind(call: Call) -> str:
    """Return the kind; a service that is unknown is quoted: it may be no call tracking."""
    service = call.service_type
    if call.kind != CallKind.UNKNOWN or service.lower() in KNOWN_SERVICES:
        return str(call.get_kind_display())
    return _("Неизвестный сервис «%(service)s», вид не указан") % {"service": service}


def _marks(call: Call) -> str:
    held_back = str(HoldBack(call.hold_back).label).lower() if call.hold_back else ""
    marks = [
        (bool(held_back), held_back),
        (not call.is_finished, _("не завершён")),
        (call.is_test, _("проверочный")),
        (call.is_technical, _("техническая отмена")),
        (call.is_unique, _("уникальный")),
        (call.is_target, _("целевой")),
    ]
    return ", ".join(words for is_so, words in marks if is_so)
