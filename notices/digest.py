"""The digest: what was sent in a day or a week, and what needs attention. Queued in the morning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts import emails
from accounts.preferences import zone_of
from cabinets.models import Cabinet, Membership
from calls.models import Upload
from calls.queries.linked import SUMS, LinkedTotals
from calls.queries.stats import counted_channel
from calls.states import Channel
from counters.models import Counter
from notices.choices import choice_of, reachable_by
from notices.claims import Text
from notices.compose import footer
from notices.kinds import Kind
from notices.models import Notice, NoticeChoice, NoticeMessage

#: The hour from which on a digest is sent, in the reader's time zone.
HOUR = 9
MONDAY = 0
#: Counters that a digest lists, those with the most calls; the others are counted.
MOST_COUNTERS = 20
Digest = NoticeChoice.Digest


@dataclass(frozen=True)
class Sent:
    """What was sent to a counter in the period of a digest."""

    name: str
    totals: LinkedTotals


def queue_due(*, now: datetime) -> int:
    """Queue the digests that are due; return how many. A day's digest is queued once."""
    members = Membership.objects.filter(
        notice_choice__digest__in=(Digest.DAILY, Digest.WEEKLY), user__is_active=True
    ).select_related("cabinet", "notice_choice", "user__preference", "user__telegram_link")
    members = members.prefetch_related(emails.RELATED)
    due = [message for one in members.iterator(1000) if (message := _digest_for(one, now))]
    NoticeMessage.objects.bulk_create(due, ignore_conflicts=True)
    return NoticeMessage.objects.filter(uid__in=[one.uid for one in due]).count()


def _digest_for(member: Membership, now: datetime) -> NoticeMessage | None:
    """Return the member's digest of yesterday if it is time for one and it can reach them."""
    local = now.astimezone(zone_of(member.user) or member.cabinet.zone)
    is_due = local.hour >= HOUR and (
        choice_of(member).digest == Digest.DAILY or local.weekday() == MONDAY
    )
    media = reachable_by(member.user)
    if not is_due or not media:
        return None
    return NoticeMessage(
        cabinet_id=member.cabinet_id,
        user_id=member.user_id,
        medium=media[0],
        digest_day=local.date() - timedelta(days=1),
        created_at=now,
        not_before=now,
    )


def text_of_digest(message: NoticeMessage) -> Text | None:
    """Return the digest; None when the person has switched it off meanwhile. In their zone."""
    member = Membership.objects.filter(cabinet=message.cabinet, user=message.user)
    choice = NoticeChoice.objects.filter(membership__in=member).exclude(digest=Digest.OFF).first()
    if choice is None or message.digest_day is None:
        return None
    days = 1 if choice.digest == Digest.DAILY else 7
    first = message.digest_day - timedelta(days=days - 1)
    period = _period_words(first, message.digest_day)
    sent = _sent(message.cabinet, first, message.digest_day)
    parts = [_("Кабинет «%(name)s», %(period)s") % {"name": message.cabinet.name, "period": period}]
    parts += [*_sent_parts(sent), *_attention(message.cabinet), footer()]
    subject = _("Сводка: %(name)s, %(period)s")
    words = {"name": message.cabinet.name, "period": period}
    return Text(" ".join((subject % words).split())[:250], "\n\n".join(parts) + "\n")


def _period_words(first: date, last: date) -> str:
    if first == last:
        return date_format(last, "j E Y")
    words = {"first": date_format(first, "j E"), "last": date_format(last, "j E Y")}
    return _("%(first)s — %(last)s") % words


def _sent(cabinet: Cabinet, first: date, last: date) -> list[Sent]:
    """Return what was sent on these days by counter, the most first. A call counts once."""
    counters = {one.pk: one for one in cabinet.counters.present()}
    begin, end = _midnight(first), _midnight(last + timedelta(days=1))
    uploads = (
        Upload.objects.with_metrika()
        .filter(_of_counted_channels(counters.values()), sent_at__gte=begin, sent_at__lt=end)
        .filter(resend__isnull=True)
        .order_by()
    )
    rows = uploads.values_list("counter_id").annotate(**SUMS)
    found = [Sent(counters[pk].name, LinkedTotals(*counts)) for pk, *counts in rows]
    return sorted(found, key=lambda one: (-one.totals.sent, one.name))


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _of_counted_channels(counters: Iterable[Counter]) -> Q:
    by_channel: dict[Channel, list[int]] = {channel: [] for channel in Channel}
    for counter in counters:
        by_channel[counted_channel(counter)].append(counter.pk)
    whole = Q(pk__in=[])
    for channel, ids in by_channel.items():
        whole |= Q(channel=channel, counter__in=ids)
    return whole


def _sent_parts(sent: list[Sent]) -> Iterator[str]:
    whole = sum(one.totals.sent for one in sent)
    if not whole:
        yield _("За это время в Метрику ничего не отправлено.")
        return
    yield _("Отправлено звонков: %(count)d.") % {"count": whole}
    text = _("• «%(name)s»: отправлено %(sent)d, привязано к визитам %(linked)d из %(told)d.")
    untold = _("• «%(name)s»: отправлено %(sent)d, о привязке Метрика пока не сообщила.")
    for one in sent[:MOST_COUNTERS]:
        totals = one.totals
        words = {"name": one.name, "sent": totals.sent, "linked": totals.linked}
        yield (text if totals.told else untold) % (words | {"told": totals.told})
    if len(sent) > MOST_COUNTERS:
        yield _("Других счетчиков: %(count)d.") % {"count": len(sent) - MOST_COUNTERS}


def _attention(cabinet: Cabinet) -> Iterator[str]:
    kinds = list(Notice.objects.standing().filter(cabinet=cabinet).values_list("kind", flat=True))
    if not kinds:
        yield _("Ничего не требует внимания.")
        return
    yield _("Требует внимания: %(count)d.") % {"count": len(kinds)}
    for kind in sorted(set(kinds)):
        yield f"• {Kind(kind).label}: {kinds.count(kind)}"
