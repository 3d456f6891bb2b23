"""What is said of an upload that Metrika refused as a whole and that was split."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calls.models import Upload
from calls.queries.split_rows import (
    CANCELLED,
    OPEN,
    REFUSED,
    RETURNED,
    STUCK,
    TAKEN,
    places_of_rows,
)
from calls.states import Attention, UploadState

_PLACES: dict[str, str | Promise] = {
    REFUSED: gettext_lazy("исключено: %(rows)d"),
    TAKEN: gettext_lazy("приняты другими выгрузками: %(rows)d"),
    OPEN: gettext_lazy("ещё не приняты, их выгрузки в работе: %(rows)d"),
    RETURNED: gettext_lazy("вернулись в общую очередь: %(rows)d"),
    STUCK: gettext_lazy("в выгрузках, которые требуют внимания: %(rows)d"),
    CANCELLED: gettext_lazy("в отменённых выгрузках: %(rows)d"),
}


def split_sentence(upload: Upload) -> str:
    """Return where the rows of a split upload are; '' of any other. One query of a split one."""
    is_split = upload.attention in (Attention.SPLIT, Attention.TOO_LARGE)
    if not is_split or upload.state != UploadState.CANCELLED:
        return ""
    return f"{_beginning(upload)} {_end(upload)}"


def _beginning(upload: Upload) -> str:
    if upload.attention == Attention.TOO_LARGE:
        return _("Файл оказался слишком велик для Метрики.")
    return _("Метрика отклонила файл целиком.")


def _end(upload: Upload) -> str:
    places = places_of_rows(upload.pk)
    if places == {TAKEN: upload.rows}:
        return _("Ни одна строка не исключена: все звонки отправлены другими выгрузками.")
    if set(places) == {TAKEN, REFUSED}:
        text = _("Исключено строк: %(rows)d. Остальные звонки отправлены другими выгрузками.")
        return text % {"rows": places[REFUSED]}
    named = [str(text) % {"rows": places[key]} for key, text in _PLACES.items() if key in places]
    return _("Его строки: %(places)s.") % {"places": "; ".join(named)}
