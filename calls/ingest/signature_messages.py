"""The sentence of a refused signature: which header is wrong, what came, what is wanted."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _

from calls.ingest.signatures import MAX_ID_LENGTH, TOLERANCE_SECONDS, SignatureRefused

MAX_QUOTED = 64
FRACTION = re.compile(r"-?\d+[.,]\d+", re.ASCII)
MILLISECONDS_DIGITS = 13


def sentence_of(refusal: SignatureRefused, *, source_id: str, now: float) -> str:
    """Return the sentence; ``source_id`` is the public id as given, ``now`` our Unix time."""
    given = str(refusal.given)
    if refusal.code == "missing_headers":
        sentence = (
            _("Нет заголовков: %(names)s.") if "," in given else _("Нет заголовка %(names)s.")
        )
        return sentence % {"names": given}
    if refusal.code == "bad_webhook_id":
        return _("webhook-id — от 1 до %(limit)d печатных знаков.") % {"limit": MAX_ID_LENGTH}
    if refusal.code == "bad_timestamp":
        return _bad_timestamp(given, now)
    if refusal.code == "stale_timestamp":
        return _stale_timestamp(int(given), now)
    if refusal.code == "unknown_source":
        return _unknown_source(source_id)
    return _bad_signature(given, source_id)


def _bad_timestamp(given: str, now: float) -> str:
    return _(
        "webhook-timestamp «%(given)s» — %(kind)s. Нужны целые секунды Unix, десять цифр:"
        " сейчас %(now)d."
    ) % {"given": given[:MAX_QUOTED], "kind": _kind_of_time(given), "now": now}


def _kind_of_time(given: str) -> str:
    if FRACTION.fullmatch(given):
        return _("число с дробной частью")
    if given.isascii() and given.isdigit():
        is_milliseconds = len(given) == MILLISECONDS_DIGITS
        return _("миллисекунды") if is_milliseconds else _("не секунды: цифр слишком много")
    return _("не целое число")


def _stale_timestamp(skew: int, now: float) -> str:
    behind = _("webhook-timestamp отстаёт от нашего времени на %(seconds)d с")
    ahead = _("webhook-timestamp опережает наше время на %(seconds)d с")
    return _("%(skew)s, а можно на %(limit)d. Сверьте часы отправителя: у нас сейчас %(now)d.") % {
        "skew": (behind if skew > 0 else ahead) % {"seconds": abs(skew)},
        "limit": TOLERANCE_SECONDS,
        "now": now,
    }


def _unknown_source(source_id: str) -> str:
    if not source_id:
        return _("Нет заголовка X-CallKeeper-Source: укажите в нём идентификатор источника, src_….")
    return _(
        "Источника «%(id)s» нет, он выключен или у него нет секрета: проверьте X-CallKeeper-Source."
    ) % {"id": source_id[:MAX_QUOTED]}


def _bad_signature(form: str, source_id: str) -> str:
    whose = _("источника «%(id)s»") % {"id": source_id[:MAX_QUOTED]}
    sentences = {
        "no_version": _("webhook-signature должен начинаться с «v1,»: v1,base64 от HMAC-SHA256."),
        "hex": _(
            "В webhook-signature после «v1,» — шестнадцатеричная запись, а нужен base64: 44 знака."
        ),
        "not_base64": _("В webhook-signature после «v1,» нужен base64 от HMAC-SHA256: 44 знака."),
    }
    return sentences.get(form) or _(
        "Подпись не подходит ни к одному секрету %(whose)s. Подписывается"
        " webhook-id.webhook-timestamp.тело, тело — байт в байт."
    ) % {"whose": whose if source_id else _("действующих источников")}
