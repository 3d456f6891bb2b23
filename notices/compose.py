"""The text of a message about notices, in the language and the time zone of its reader."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from cabinets.quotes import quoted
from notices.claims import Postponed, Text
from notices.kinds import BECOMES, Kind
from notices.models import SETTLES_AFTER, Notice, NoticeLine, NoticeMessage
from notices.words import name_of, words_of

#: More notices of one kind share a line.
MAX_LISTED = 3


def changes_of(message: NoticeMessage) -> tuple[list[Notice], list[Notice]] | Postponed | None:
    """Return what began and what ended; None when nothing is left of it.

    What began and ended within one message is not told. What began and is gone, but may come back,
    waits until that is settled.
    """
    lines = list(message.lines.select_related("notice").order_by("notice__kind", "notice_id"))
    opened = {one.notice_id: one.notice for one in lines if one.event == NoticeLine.Event.OPENED}
    closed = {one.notice_id: one.notice for one in lines if one.event == NoticeLine.Event.CLOSED}
    begun = [one for pk, one in opened.items() if pk not in closed and one.closed_at is None]
    ended = [one for pk, one in closed.items() if pk not in opened]
    unsettled = [one.gone_since for one in begun if one.gone_since]
    if unsettled and len(unsettled) == len(begun) and not ended:
        return Postponed(max(unsettled) + SETTLES_AFTER)
    return (begun, ended) if begun or ended else None


def recovered(ended: list[Notice]) -> list[Notice]:
    """Return the notices that ended well: not those whose worse successor stands.

    Webhooks are told of all: their receivers keep account of what is open.
    """
    changing = [one for one in ended if one.kind in BECOMES]
    if not changing:
        return ended
    worse = Notice.objects.open().filter(
        cabinet=changing[0].cabinet_id,
        kind__in={BECOMES[Kind(one.kind)] for one in changing},
        subject__in={one.subject for one in changing},
    )
    found = set(worse.values_list("kind", "subject"))
    return [one for one in ended if (BECOMES.get(Kind(one.kind)), one.subject) not in found]


def text_about(message: NoticeMessage, begun: list[Notice], ended: list[Notice]) -> Text:
    """Return the subject and the text for a person."""
    parts = [_("Кабинет «%(name)s»") % {"name": message.cabinet.name}]
    if begun:
        parts += [_("Требует внимания:"), *_begun(begun)]
    if ended:
        parts += [_("Решено:"), *_ended(ended)]
    return Text(_subject(message, begun, ended), "\n\n".join([*parts, footer()]) + "\n")


def footer() -> str:
    """Return the lines with which a message to a person ends."""
    return "\n".join(
        (
            _("Все уведомления: %(url)s") % {"url": absolute(reverse("notices:list"))},
            _("Выбрать, что и куда присылать: %(url)s")
            % {"url": absolute(reverse("notices:choices"))},
        )
    )


def absolute(path: str) -> str:
    """Return the address of a page of the cabinet."""
    return f"{settings.PUBLIC_URL}{path}"


def _subject(message: NoticeMessage, begun: list[Notice], ended: list[Notice]) -> str:
    if len(begun) == 1 and not ended:
        words = {"what": Kind(begun[0].kind).label, "name": name_of(begun[0])}
        text = _("%(what)s: %(name)s") % words
    elif len(ended) == 1 and not begun:
        words = {"what": Kind(ended[0].kind).label, "name": name_of(ended[0])}
        text = _("Решено — %(what)s: %(name)s") % words
    else:
        text = _("%(cabinet)s: новых уведомлений %(begun)d, решено %(ended)d") % {
            "cabinet": message.cabinet.name,
            "begun": len(begun),
            "ended": len(ended),
        }
    # A line break in a name must not begin another header of an e-mail.
    return " ".join(text.split())[:250]


def _begun(notices: list[Notice]) -> Iterator[str]:
    for kind, group in groupby(notices, key=lambda one: one.kind):
        of_kind = list(group)
        if len(of_kind) > MAX_LISTED:
            yield f"• {_counted(kind, of_kind)}\n  {absolute(reverse('notices:list'))}"
            continue
        for one in of_kind:
            words = words_of(one)
            yield f"• {words.text}\n  {words.label}: {absolute(words.url)}"


def _ended(notices: list[Notice]) -> Iterator[str]:
    for kind, group in groupby(notices, key=lambda one: one.kind):
        of_kind = list(group)
        if len(of_kind) > MAX_LISTED:
            yield f"• {_counted(kind, of_kind)}"
            continue
        for one in of_kind:
            began = date_format(timezone.localtime(one.opened_at), "j E, H:i")
            text = _("• %(what)s: %(name)s. Началось %(began)s.")
            words = {"what": Kind(one.kind).label, "name": name_of(one), "began": began}
            yield text % words


def _counted(kind: str, notices: list[Notice]) -> str:
    names = ", ".join(quoted(name) for name in sorted(map(name_of, notices))[:MAX_LISTED])
    text = _("%(what)s: %(names)s и другие, всего %(count)d.")
    return text % {"what": Kind(kind).label, "names": names, "count": len(notices)}
