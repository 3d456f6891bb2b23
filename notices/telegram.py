"""Links a person's Telegram chat by a one-time code, which they send to the bot.

Only the digest of a code is stored; a code ends with its use, with a newer one, or in time. Updates
are read while a code is open: nothing else that people write to the bot matters.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.preferences import preference_of
from cabinets.sealing import Secret
from notices.media import telegram
from notices.models import TelegramLink

CODE_LIFETIME = timedelta(minutes=15)
START = "/start "


def new_code(user: User, *, now: datetime) -> Secret:
    """Return a code by which the person's chat is linked; an earlier one ends."""
    code = Secret(secrets.token_urlsafe(24))
    fields = {"code_digest": _digest(code), "code_until": now + CODE_LIFETIME}
    TelegramLink.objects.update_or_create(user=user, defaults=fields)
    return code


def start_url(code: str) -> str:
    """Return the address that opens the bot and sends it the code."""
    return f"https://t.me/{settings.TELEGRAM_BOT_NAME}?start={code}"


def unlink(user: User) -> bool:
    """Forget the person's chat, and a code that waits; False when there was nothing."""
    return bool(TelegramLink.objects.filter(user=user).delete()[0])


def read_updates(*, now: datetime) -> int:
    """Link the chats of which the codes have come; return how many."""
    waiting = TelegramLink.objects.filter(code_until__gt=now).exclude(code_digest="")
    if not settings.TELEGRAM_BOT_TOKEN or not waiting.exists():
        return 0
    try:
        updates = telegram.updates()
    except telegram.TelegramUnavailable:
        return 0
    linked = sum(_link(one.get("message"), now) for one in updates)
    numbers = [one["update_id"] for one in updates if isinstance(one.get("update_id"), int)]
    if numbers:
        _confirm(max(numbers))
    return linked


def _confirm(last: int) -> None:
    """Forget what was read; if that fails it is read again, and its codes are used up."""
    try:
        telegram.confirm_updates(last)
    except telegram.TelegramUnavailable:
        return


def _link(message: Any, now: datetime) -> bool:
    """Link the private chat of a message with a code; the code is used by the same statement."""
    if not isinstance(message, dict):
        return False
    text, chat = message.get("text"), message.get("chat")
    if not isinstance(text, str) or not text.startswith(START) or not isinstance(chat, dict):
        return False
    chat_id = chat.get("id")
    if chat.get("type") != "private" or not isinstance(chat_id, int):
        return False
    digest = _digest(text.removeprefix(START).strip())
    link = (
        TelegramLink.objects.select_related("user__preference").filter(code_digest=digest).first()
    )
    if link is None or not _use(link, chat_id, now):
        return False
    with translation.override(preference_of(link.user).language):
        telegram.post_text(chat_id, _("Готово: уведомления CallKeeper будут приходить сюда."))
    return True


def _use(link: TelegramLink, chat_id: int, now: datetime) -> bool:
    fresh = TelegramLink.objects.filter(
        pk=link.pk, code_digest=link.code_digest, code_until__gt=now
    )
    linked = {"chat_id": chat_id, "linked_at": now, "code_digest": "", "code_until": None}
    return bool(fresh.update(**linked))


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
