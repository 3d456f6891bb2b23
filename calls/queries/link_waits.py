"""What is said of a sent row that Metrika's logs have not proved: until when it is looked for, why.

Its result is final in the first night after it was with Metrika for `FINAL_AFTER`; where the logs
cannot be read, it is tried until `SEARCHED_FOR` is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import TextChoices
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.models.proof import FINAL_AFTER, SEARCHED_FOR
from calls.models.reports import known_zone


class Hindrance(TextChoices):
    """Why logs were not read, in a few words: the codes of `LogRequest.error`."""

    NOT_POSSIBLE = "not_possible", gettext_lazy("Метрика не может подготовить логи этих дней")
    REJECTED = "rejected", gettext_lazy("Метрика не приняла запрос логов")
    FAILED_THERE = "failed_there", gettext_lazy("Метрика не смогла подготовить логи")
    GONE = "gone", gettext_lazy("Метрика удалила логи раньше, чем мы их прочитали")
    SLOW_THERE = "slow_there", gettext_lazy("Метрика готовит логи дольше суток")
    NOT_UNDERSTOOD = "not_understood", gettext_lazy("логи не сопоставились с отправленным")
    ZONE_UNKNOWN = "zone_unknown", gettext_lazy("не ясно, в каком часовом поясе логи")
    BUDGET = "budget", gettext_lazy("закончились запросы, отведённые на чтение логов")
    DAY_SPENT = "day_spent", gettext_lazy("дневной лимит запросов к Метрике исчерпан")
    BUSY = "busy", gettext_lazy("к Метрике идёт слишком много запросов")
    SLOW = "slow", gettext_lazy("Метрика отвечает медленно")
    NO_ANSWER = "no_answer", gettext_lazy("Метрика не отвечает")
    UNEXPECTED_ANSWER = "unexpected_answer", gettext_lazy("Метрика ответила непонятно")
    NO_ACCESS = "no_access", gettext_lazy("у аккаунта нет доступа к счетчику")
    NO_COUNTER = "no_counter", gettext_lazy("такого счетчика в Метрике нет")
    RECONNECT = "reconnect", gettext_lazy("аккаунт Яндекса надо переподключить")
    UNREADABLE = "unreadable", gettext_lazy("аккаунт Яндекса надо переподключить")
    DISCONNECTED = "disconnected", gettext_lazy("аккаунт Яндекса отключён")


@dataclass(frozen=True)
class Wait:
    """A row that the logs have not proved; ``since`` is when Metrika got it."""

    is_static: bool
    is_taken_over: bool
    is_on: bool
    since: datetime
    zone: str
    #: Why the latest request for logs of its days does not go on or failed; '' for no reason.
    error: str

    def is_searched(self, now: datetime) -> bool:
        """Whether the logs are still to be read for it."""
        may_be = self.is_on and not self.is_static and not self.is_taken_over
        return may_be and self.since > now - SEARCHED_FOR

    def is_looked_at_again(self, proved_at: datetime, now: datetime) -> bool:
        """Whether a row that was proved then without a visit may be found linked yet."""
        return proved_at < self.since + FINAL_AFTER and self.is_searched(now)

    def is_told(self, now: datetime) -> bool:
        """Whether it is worth a line beside every row: not where no proof was tried."""
        is_tried = self.is_searched(now) or self.is_taken_over or self.error in Hindrance.values
        return self.is_on and not self.is_static and is_tried

    def text(self, now: datetime) -> str:
        """Return the sentence, without a full stop."""
        if self.is_static:
            return _("статический: к визиту Метрика его не привязывает")
        if self.is_taken_over:
            return _(
                "по логам Метрики не проверяется: файл восстановлен по её списку, и его строк у "
                "нас нет"
            )
        if not self.is_on:
            return _("по логам Метрики не проверялся: проверка выключена в настройках счетчика")
        cause = str(Hindrance(self.error).label) if self.error in Hindrance.values else ""
        return self._searched(cause, now) if self.is_searched(now) else _never_read(cause)

    def _searched(self, cause: str, now: datetime) -> str:
        is_late = now > self._first_answer
        words = {"day": self.until(now), "cause": cause}
        if is_late and cause:
            return _("в логах Метрики ещё не видно: %(cause)s. Ищем до %(day)s") % words
        return _("в логах Метрики ещё не видно, ищем до %(day)s") % words

    def until(self, now: datetime) -> str:
        """Return the day until which it is looked for, as far as can be told now."""
        last = self.since + SEARCHED_FOR if now > self._first_answer else self._first_answer
        return date_format(timezone.localtime(last, known_zone(self.zone)), "j E")

    @property
    def _first_answer(self) -> datetime:
        """The end of the day in whose night the logs have the last word, if they can be read."""
        final = timezone.localtime(self.since + FINAL_AFTER, known_zone(self.zone))
        return (final + timedelta(days=1)).replace(hour=23, minute=59, second=59)


def _never_read(cause: str) -> str:
    if cause:
        return _("по логам Метрики проверить не удалось: %(cause)s") % {"cause": cause}
    return _("по логам Метрики не проверялся: логи читаем не дольше 7 дней после отправки")
