"""Sentences for the actions of the audit trail, and the groups in which the page offers them.

`tests/dashboard/test_audit_words.py` holds that every action in the code has a sentence.
"""

from __future__ import annotations

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cabinets.models import AuditEvent

Words = dict[str, str | Promise]

_COUNTERS: Words = {
    "counter.added": _("Счетчик добавлен"),
    "counter.removed": _("Счетчик удалён из кабинета"),
    "counter.revived": _("Удалённый счетчик добавлен снова"),
    "counter.switched": _("Отправка включена или выключена"),
    "counter.switched:on": _("Отправка включена"),
    "counter.switched:off": _("Отправка выключена"),
    "counter.settings_saved": _("Настройки сохранены"),
    "counter.settings_copied": _("Настройки скопированы из другого счетчика"),
    "counter.template_applied": _("Применён шаблон настроек"),
    "counter.settings_restored": _("Возвращены прежние настройки"),
    "counter.accepts_earlier": _("Звонки до подключения счетчика тоже отправляются"),
    "counter.account_changed": _("Счетчик доступен через другой аккаунт"),
    "counter.seen_in_metrika": _("В Метрике изменились данные счетчика"),
    "counter.stopped": _("Отправка остановлена: Метрика не принимает выгрузки"),
    "counter.continued": _("Отправка продолжена"),
    "counter.stop_checked": _("Причина остановки проверена: она не устранена"),
    "cabinet.examined": _("Подключение проверено"),
    "counter.goal_created": _("В Метрике создана цель"),
    "counter.goal_creation_unclear": _("Метрика не ответила, создана ли цель"),
    "settings_template.saved": _("Шаблон настроек сохранён"),
    "settings_template.deleted": _("Шаблон настроек удалён"),
    "unknown_files.kept": _("Звонки из неизвестных файлов Метрики считаются отправленными"),
    "unknown_files.released": _("Звонки, которых касались неизвестные файлы, отправляются"),
}
_ACCOUNTS: Words = {
    "account.link": _("Аккаунт Яндекса подключён"),
    "account.relink": _("Аккаунт Яндекса подключён заново"),
    "account.disconnect": _("Аккаунт Яндекса отключён"),
    "account.refreshed": _("Доступ к аккаунту Яндекса продлён"),
    "account.refresh_failed": _("Доступ к аккаунту Яндекса пока не продлён"),
    "account.reauth_required": _("Аккаунт Яндекса нужно подключить заново"),
    "account.restored": _("Доступ к аккаунту Яндекса восстановлен"),
}
_SOURCES: Words = {
    "source.created": _("Источник добавлен"),
    "source.changed": _("Источник изменён"),
    "source.switched": _("Источник включён или выключен"),
    "source.switched:on": _("Источник включён"),
    "source.switched:off": _("Источник выключен"),
    "source.secret_rotated": _("Создан новый секрет источника"),
    "source.secret_retired": _("Секрет источника отозван"),
    "source.address_added": _("Создан новый адрес для вебхуков"),
    "source.address_retired": _("Адрес для вебхуков отозван"),
    "source.mapping_saved": _("Сопоставление полей сохранено"),
    "source.pull_created": _("Источник забирает звонки из CallKeeper"),
    "source.pull_key_changed": _("Ключ CallKeeper заменён"),
    "source.pull_switched": _("Получение звонков из CallKeeper включено или приостановлено"),
    "report.ordered": _("Отчёт Метрики запрошен сразу"),
    "source.pull_ordered": _("Звонки из CallKeeper запрошены сразу"),
    "source.records_replayed": _("Отклонённые записи прочитаны заново"),
    "source.trial_calls": _("Созданы пробные звонки"),
    "import.uploaded": _("Файл со звонками загружен"),
    "import.checked": _("Файл проверяется с другими столбцами"),
    "import.started": _("Звонки из файла принимаются"),
    "import.cancelled": _("Загрузка файла отменена"),
}
_CALLS: Words = {
    "delivery.released": _("Отложенный звонок отправляется сразу"),
    "delivery.called_off": _("Отправка звонка отменена"),
    "delivery.send_ordered": _("Звонок отправляется вопреки настройкам"),
    "delivery.held_back_sent": _("Придержанный звонок отправляется"),
    "delivery.sent_again": _("Звонок отправляется ещё раз"),
    "delivery.sent_unlinked": _("Звонок отправляется без связи с визитом"),
    "proof.ordered": _("Заказана проверка привязки по логам Метрики"),
    "proof.rows_seen": _("Просмотрены строки Метрики, которых мы не отправляли"),
    "backfill.started": _("Заказана отправка прошлых звонков"),
    "backfill.stopped": _("Отправка прошлых звонков остановлена"),
    "backfill.finished": _("Отправка прошлых звонков закончена"),
    "bulk.ordered": _("Заказано действие со многими звонками"),
    "bulk.ended": _("Действие со многими звонками закончено"),
    "history.downloaded": _("История звонков скачана"),
    "ledger.downloaded": _("Звонки кабинета скачаны"),
    "upload.retry": _("Выгрузка отправляется снова"),
    "upload.gather_again": _("Звонки выгрузки собираются в новую"),
    "upload.call_off": _("Выгрузка отменена"),
    "upload.look_up": _("Выгрузка ищется в Метрике"),
    "upload.poll": _("У Метрики спрошен результат выгрузки"),
    "upload.downloaded": _("Файл выгрузки скачан"),
    "upload.found_taken": _("Выгрузка нашлась в Метрике"),
    "upload.taken_over": _("Выгрузка, которая была в Метрике, учтена"),
}
_PEOPLE: Words = {
    "invitation.created": _("Создано приглашение"),
    "invitation.accepted": _("Приглашение принято"),
    "invitation.revoked": _("Приглашение отозвано"),
    "membership.added": _("Человек добавлен в кабинет"),
    "membership.changed": _("Роль изменена"),
    "membership.deleted": _("Человек удалён из кабинета"),
    "membership.deleted:own": _("Человек вышел из кабинета"),
}
_NOTICES: Words = {
    "notice_webhook.saved": _("Адрес для уведомлений сохранён"),
    "notice_webhook.secret_rotated": _("Секрет адреса для уведомлений сменён"),
    "notice_webhook.removed": _("Адрес для уведомлений удалён"),
    "alert_pause.added": _("Проверки «не как обычно» приостановлены на время"),
    "alert_pause.ended": _("Пауза проверок «не как обычно» закончена раньше"),
}
_SUPPORT: Words = {
    "admin.added": _("Поддержка добавила запись"),
    "admin.changed": _("Поддержка изменила запись"),
}
#: Key of a group → its name and its sentences.
GROUPS: dict[str, tuple[str | Promise, Words]] = {
    "counters": (_("Счетчики"), _COUNTERS),
    "accounts": (_("Аккаунты Яндекса"), _ACCOUNTS),
    "sources": (_("Источники"), _SOURCES),
    "calls": (_("Звонки и выгрузки"), _CALLS),
    "people": (_("Люди"), _PEOPLE),
    "notices": (_("Уведомления"), _NOTICES),
    "support": (_("Поддержка"), _SUPPORT),
}
WORDS: Words = {action: text for _name, words in GROUPS.values() for action, text in words.items()}
#: Of events that belong to no cabinet: no page of a cabinet shows them.
OF_NO_CABINET = ("user.", "authenticator.", "group.", "installation.", "restore.")
#: Where a switch has its new value.
_SWITCHED = {"counter.switched": "enabled", "source.switched": "is_active"}


def sentence_of(event: AuditEvent) -> str:
    """Return what was done; the code itself of an action that is not known."""
    return str(WORDS.get(event.action + _variant(event)) or WORDS.get(event.action, event.action))


def in_group(group: str) -> Q:
    """Return the condition for the events of a group."""
    actions = [action for action in GROUPS[group][1] if ":" not in action]
    return Q(action__in=actions)


def _variant(event: AuditEvent) -> str:
    if event.action in _SWITCHED:
        return ":on" if event.after.get(_SWITCHED[event.action]) else ":off"
    if event.action == "membership.deleted" and event.before.get("user_id") == event.actor_id:
        return ":own"
    return ""
