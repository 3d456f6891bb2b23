"""Files for Metrika, their frozen bytes and their attempts."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from cabinets.models import Cabinet
from calls.models.querysets import UploadQuerySet
from calls.states import PROCESSED_UPLOADS, Attention, Channel, IdKind, UploadState
from counters.models import Counter


class Upload(models.Model):
    """One CSV file for one counter and channel. Its rows and bytes never change.

    Metrika's answer is recorded by one update of this row; the states of its calls derive from it.
    """

    cabinet = models.ForeignKey(
        Cabinet, models.PROTECT, related_name="uploads", verbose_name=_("Кабинет")
    )
    # Without an index of its own: upload_by_counter begins with it.
    counter = models.ForeignKey(
        Counter,
        models.PROTECT,
        related_name="uploads",
        db_index=False,
        verbose_name=_("Счетчик"),
    )
    #: The refused upload that this one is a part of; see `calls.delivery.bisection`.
    parent = models.ForeignKey(
        "self",
        models.CASCADE,
        related_name="parts",
        null=True,
        db_index=False,
        verbose_name=_("Часть выгрузки"),
    )
    channel = models.PositiveSmallIntegerField(_("Канал"), choices=Channel)
    id_kind = models.PositiveSmallIntegerField(_("Идентификатор"), choices=IdKind)
    is_static = models.BooleanField(_("Статические"), default=False)
    #: Identifiers of the goals that its rows may name, one a line: see `Counter.targets`.
    target = models.CharField(_("Цель"), max_length=255, blank=True)
    state = models.CharField(
        _("Состояние"), max_length=20, choices=UploadState, default=UploadState.READY
    )
    attention = models.CharField(_("Причина"), max_length=20, choices=Attention, blank=True)
    marker = models.CharField(_("Метка"), max_length=40, unique=True)
    rows = models.PositiveIntegerField(_("Строк"))
    sha256 = models.CharField(_("SHA-256 файла"), max_length=64)
    created_at = models.DateTimeField(_("Собрана"))
    oldest_call_at = models.DateTimeField(_("Самый ранний звонок"))
    newest_call_at = models.DateTimeField(_("Самый поздний звонок"))
    not_before = models.DateTimeField(_("Не раньше"))
    attempts = models.PositiveIntegerField(_("Попыток"), default=0)
    #: While sending: when it becomes unclear unless its worker has recorded the result.
    lease_until = models.DateTimeField(null=True, editable=False)
    sent_at = models.DateTimeField(_("Отправлена"), null=True)
    lookups = models.PositiveSmallIntegerField(_("Поисков"), default=0)
    looked_up_at = models.DateTimeField(_("Последний поиск"), null=True)
    uploading_id = models.BigIntegerField(_("Номер в Метрике"), null=True)
    metrika_status = models.CharField(_("Статус Метрики"), max_length=40, blank=True)
    source_quantity = models.PositiveIntegerField(_("Строк получено"), null=True)
    line_quantity = models.PositiveIntegerField(_("Строк принято"), null=True)
    static_quantity = models.PositiveIntegerField(_("Статических"), null=True)
    dynamic_quantity = models.PositiveIntegerField(_("Динамических"), null=True)
    linked_quantity = models.PositiveIntegerField(_("Привязано"), null=True)
    user_not_found_quantity = models.PositiveIntegerField(_("Визит не найден"), null=True)
    duplicate_ids = ArrayField(models.BigIntegerField(), verbose_name=_("Двойники"), default=list)
    accepted_at = models.DateTimeField(_("Принята Метрикой"), null=True)
    polls = models.PositiveSmallIntegerField(_("Опросов"), default=0)
    next_poll_at = models.DateTimeField(_("Следующий опрос"), null=True)
    settled_at = models.DateTimeField(_("Итог получен"), null=True)
    #: When it was made from Metrika's list and the manifest, in a database that had lost it. Its
    #: file and its attempts are not stored.
    taken_over_at = models.DateTimeField(_("Восстановлена по списку Метрики"), null=True)

    objects = UploadQuerySet.as_manager()

    class Meta:
        verbose_name = _("выгрузка")
        verbose_name_plural = _("выгрузки")
        indexes = [
            # queue.due
            models.Index(
                fields=["not_before"],
                condition=models.Q(state__in=["ready", "later"]),
                name="upload_due",
            ),
            # recovery.release_stuck, lookup.due
            models.Index(
                fields=["state", "lease_until"],
                condition=models.Q(state__in=["sending", "unclear"]),
                name="upload_uncertain",
            ),
            # polling.due
            models.Index(
                fields=["next_poll_at"], condition=models.Q(state="sent"), name="upload_to_poll"
            ),
            # bisection: what was refused as a whole, and its parts
            models.Index(
                fields=["not_before"],
                condition=models.Q(state="splitting"),
                name="upload_to_split",
            ),
            models.Index(
                fields=["parent"],
                condition=models.Q(parent__isnull=False),
                name="upload_parts",
            ),
            # stats: what a counter sent, by day
            models.Index(fields=["counter", "-created_at"], name="upload_by_counter"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state__in=["sent", "processed", "linkage_failure"])
                | models.Q(uploading_id__isnull=False),
                name="upload_sent_has_uploading_id",
            ),
            models.CheckConstraint(condition=models.Q(rows__gt=0), name="upload_not_empty"),
            models.CheckConstraint(
                condition=~models.Q(state="needs_attention") | ~models.Q(attention=""),
                name="upload_attention_has_reason",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="sending") | models.Q(lease_until__isnull=False),
                name="upload_sending_has_lease",
            ),
        ]

    def __str__(self) -> str:
        return self.marker

    @property
    def linked_rows(self) -> int | None:
        """Rows that Metrika linked to visits; None when it did not tell or the calls are static.

        Until a file is processed its counts are not final. A linkage failure says by itself that
        no row was linked; of a processed file two zeros are counts that were not made. Of more rows
        than were sent it is not known which ones are linked.
        """
        if self.state not in PROCESSED_UPLOADS or self.is_static:
            return None
        if self.linked_quantity and self.attention == Attention.QUANTITY:
            return None
        if self.linked_quantity:
            return min(self.linked_quantity, self.rows)
        is_told = self.linked_quantity is not None and bool(self.user_not_found_quantity)
        return 0 if is_told or self.state == UploadState.LINKAGE_FAILURE else None


class StreamUse(models.Model):
    """When a file of a stream was last built; streams used today share their login's day."""

    counter = models.ForeignKey(
        Counter, models.CASCADE, related_name="+", verbose_name=_("Счетчик")
    )
    channel = models.PositiveSmallIntegerField(_("Канал"), choices=Channel)
    id_kind = models.PositiveSmallIntegerField(_("Идентификатор"), choices=IdKind)
    is_static = models.BooleanField(_("Статические"))
    built_at = models.DateTimeField(_("Последняя выгрузка"))

    class Meta:
        verbose_name = _("поток выгрузок")
        verbose_name_plural = _("потоки выгрузок")
        constraints = [
            models.UniqueConstraint(
                fields=["counter", "channel", "id_kind", "is_static"], name="stream_use_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.counter_id} · {self.channel} · {self.id_kind} · {self.is_static}"


class ListUse(models.Model):
    """When a counter's list of uploadings of one channel was last requested and read."""

    counter = models.ForeignKey(
        Counter, models.CASCADE, related_name="+", verbose_name=_("Счетчик")
    )
    channel = models.PositiveSmallIntegerField(_("Канал"), choices=Channel)
    #: When it was last polled; null when the next poll needs no spacing.
    asked_at = models.DateTimeField(_("Последний вопрос"), null=True)
    #: When the newest reading began that reached the end of the list and was examined.
    read_whole_at = models.DateTimeField(_("Прочитан целиком"), null=True)
    #: Until then no other process reads it before a first send: one does, or has just failed to.
    looking_until = models.DateTimeField(_("Сверка перед отправкой до"), null=True)
    #: Class of the error of the last reading before a first send; '' when it succeeded.
    look_error = models.CharField(
        _("Ошибка сверки"), max_length=64, blank=True, default="", db_default=""
    )

    class Meta:
        verbose_name = _("опрос списка")
        verbose_name_plural = _("опросы списков")
        constraints = [
            models.UniqueConstraint(fields=["counter", "channel"], name="list_use_once"),
        ]

    def __str__(self) -> str:
        return f"{self.counter_id} · {self.channel}"


class UploadFile(models.Model):
    """The frozen bytes of an upload; `calls.delivery.file_store` writes and reads them.

    They are in `UploadPiece`, so that a file of any size passes through little memory. Those of
    files that were stored before pieces are in ``body``.
    """

    upload = models.OneToOneField(
        Upload,
        models.CASCADE,
        primary_key=True,
        related_name="file",
        verbose_name=_("Выгрузка"),
    )
    #: Null in files that were stored before pieces.
    size = models.PositiveBigIntegerField(_("Размер, байт"), null=True)
    body = models.BinaryField(null=True)

    class Meta:
        verbose_name = _("файл выгрузки")
        verbose_name_plural = _("файлы выгрузок")

    def __str__(self) -> str:
        return str(self.upload_id)


class UploadPiece(models.Model):
    """Some rows of a file; the first piece has the header, too. In order they are its bytes."""

    file = models.ForeignKey(
        UploadFile,
        models.CASCADE,
        related_name="pieces",
        db_index=False,
        verbose_name=_("Файл"),
    )
    #: Number of its first row, counted from 1.
    first_row = models.PositiveIntegerField(_("Первая строка"))
    body = models.BinaryField()

    class Meta:
        verbose_name = _("часть файла выгрузки")
        verbose_name_plural = _("части файлов выгрузок")
        constraints = [
            models.UniqueConstraint(fields=["file", "first_row"], name="upload_piece_once"),
        ]

    def __str__(self) -> str:
        return f"{self.file_id} #{self.first_row}"


class UploadAttempt(models.Model):
    """One attempt to send an upload, or one lookup of it; never changed once it has ended."""

    class Kind(models.TextChoices):
        SEND = "send", _("Отправка")
        LOOKUP = "lookup", _("Поиск")

    # Without an index of its own: attempt_once begins with it.
    upload = models.ForeignKey(
        Upload,
        models.CASCADE,
        related_name="tries",
        db_index=False,
        verbose_name=_("Выгрузка"),
    )
    number = models.PositiveIntegerField(_("Попытка"))
    kind = models.CharField(_("Действие"), max_length=8, choices=Kind, default=Kind.SEND)
    started_at = models.DateTimeField(_("Начало"))
    ended_at = models.DateTimeField(_("Конец"), null=True)
    http_status = models.PositiveSmallIntegerField(_("Код HTTP"), null=True)
    error_class = models.CharField(_("Ошибка"), max_length=64, blank=True)
    error_type = models.CharField(_("Ошибка Метрики"), max_length=64, blank=True)
    excerpt = models.CharField(_("Ответ"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("попытка")
        verbose_name_plural = _("попытки")
        # admin: attempts of some days, newest first
        indexes = [models.Index(fields=["started_at"], name="attempt_by_age")]
        constraints = [
            models.UniqueConstraint(fields=["upload", "kind", "number"], name="attempt_once"),
        ]

    def __str__(self) -> str:
        return f"{self.upload_id} #{self.number}"
