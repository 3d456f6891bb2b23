"""What a call's page says about the call itself."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from cabinets.templatetags.look import talk_time
from calls.models import Call
from calls.phones import masked_phone, readable_phone, with_masked_phones


@dataclass(frozen=True)
class Fact:
    """A label and its value."""

    label: str
    value: str


def facts_of(call: Call, *, sees_phones: bool) -> list[Fact]:
    """Return the facts in reading order; a person without the right sees a masked phone."""
    phone = readable_phone(call.phone) if sees_phones else masked_phone(call.phone)
    # Sites put the phone of whom they know into the address of a page, or send it as UserID.
    safe = str if sees_phones else with_masked_phones
    return [
        Fact(_("Тип"), call.get_kind_display()),
        Fact(_("Телефон"), phone),
        Fact(_("Разговор"), talk_time(call.duration_seconds)),
        Fact(_("Ожидание"), talk_time(call.hold_seconds)),
        Fact(_("Статус"), _status(call)),
        Fact(_("Признаки"), _marks(call)),
        Fact(_("Сайт"), call.site),
        Fact(_("Кампания"), call.campaign_name or call.campaign_id),
        Fact(_("Теги"), ", ".join(call.tags)),
        Fact("ClientID", call.client_id),
        Fact("yclid", call.yclid),
        Fact("UserID", safe(call.user_id)),
        Fact(_("Страница"), safe(call.page_url)),
        Fact(_("Попытка заказа"), str(call.attempt or "")),
    ]


def _status(call: Call) -> str:
    codes = "/".join(
        str(code) for code in (call.status_first, call.status_second) if code is not None
    )
    return ", ".join(filter(None, [call.get_status_display(), codes]))


def _marks(call: Call) -> str:
    marks = [
        (not call.is_finished, _("не завершён")),
        (call.is_test, _("проверочный")),
        (call.is_technical, _("техническая отмена")),
        (call.is_unique, _("уникальный")),
        (call.is_target, _("целевой")),
    ]
    return ", ".join(words for is_so, words in marks if is_so)
