"""Makes a v3 record of a sender's item, by a mapping. Pure."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from calls.mapping.field_mapping import Mapping
from calls.mapping.our_fields import BY_NAME, DIRECTION, TIME_OF_DAY, plain_name
from calls.mapping.paths import Item, value_at
from calls.mapping.preset import UNFINISHED, Preset
from calls.mapping.presets import PRESETS
from calls.mapping.values import (
    in_utc,
    is_outgoing,
    is_spoilt,
    joined_time,
    without_extension,
    written_status,
    written_time,
)

#: Where a value stays that came under a name of the parser and that the mapping does not use.
KEPT_ASIDE = "source."
TIMES = ("callTime", "timeStart")
#: Values that tell the call and its visitor: their digits must be whole.
WHOLE_NUMBERS = ("clientNumber", "clientPhone", "yaClid", "ya_clientid", "yclid", "universalId")
MAX_QUOTED = 64
_PSEUDO = (TIME_OF_DAY, DIRECTION)


class UnusableItem(Exception):
    """The item cannot become a record; ``code`` and ``message`` say why, ``field`` where."""

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.field = field
        self.message = message


class SpoiltValue(UnusableItem):
    """A spreadsheet has rounded a phone or an identifier."""


class OutgoingCall(UnusableItem):
    """The company called the client; Metrika's calls are those of clients."""


def apply(mapping: Mapping, item: Item) -> Item:
    """Return the v3 record: the mapped values, then the rest of the item under its own names.

    What came under a name that the parser reads, and that the mapping does not use, is kept under
    `source.<name>`; a native preset leaves everything to the parser. Raises UnusableItem.
    """
    preset = PRESETS.get(mapping.preset)
    came = item | preset.computed(item) if preset and preset.computed else item
    values = {name: value_at(came, path) for name, path in mapping.fields.items()}
    mapped = {name: value for name, value in values.items() if value is not None}
    if is_outgoing(mapped.get(DIRECTION, "")):
        sentence = _("Исходящий звонок: принимаются только звонки клиентов.")
        raise OutgoingCall("outgoing_call", mapping.fields[DIRECTION], sentence)
    _convert(mapped, mapping, preset)
    constants = preset.constants if preset else {}
    rest = _rest(item, mapping, is_native=preset is not None and preset.is_native)
    record = rest | constants | mapped
    if preset and _is_unfinished(came, preset):
        record |= UNFINISHED
    return as_v3(record)


def as_v3(record: Item) -> Item:
    """Return a record with v3 names with its times written as ISO 8601. Raises SpoiltValue.

    One whose times are written so already is returned itself: a file has many.
    """
    _refuse_spoilt(record)
    times = {name: written_time(record[name]) for name in TIMES if name in record}
    changed = {name: time for name, time in times.items() if time is not record[name]}
    return record | changed if changed else record


def _convert(mapped: Item, mapping: Mapping, preset: Preset | None) -> None:
    """Write the mapped values as the parser reads them."""
    if "callTime" in mapped:
        time = joined_time(mapped["callTime"], mapped.get(TIME_OF_DAY))
        is_utc = preset is not None and _ends_in(mapping.fields["callTime"], preset.utc_paths)
        mapped["callTime"] = in_utc(written_time(time)) if is_utc else time
    if "status" in mapped:
        name = plain_name(mapping.fields["status"].rpartition(".")[2])
        mapped["status"] = written_status(mapped["status"], name)
    if "managerNumber" in mapped:
        mapped["managerNumber"] = without_extension(mapped["managerNumber"])
    for name in _PSEUDO:
        mapped.pop(name, None)


def _rest(item: Item, mapping: Mapping, *, is_native: bool) -> Item:
    """Return what the mapping does not use, so that the parser cannot take it for our fields."""
    used = set(mapping.fields.values())
    rest = {name: value for name, value in item.items() if name not in used}
    if is_native:
        return rest
    return {f"{KEPT_ASIDE}{name}" if name in _READ else name: rest[name] for name in rest}


def _is_unfinished(item: Item, preset: Preset) -> bool:
    path, values = preset.unfinished
    return bool(path) and str(value_at(item, path)).strip().casefold() in values


def _ends_in(path: str, names: frozenset[str]) -> bool:
    return any(path == name or path.endswith(f".{name}") for name in names)


def _refuse_spoilt(record: Item) -> None:
    spoilt = [name for name in WHOLE_NUMBERS if is_spoilt(record.get(name))]
    if not spoilt:
        return
    quoted = ", ".join(f"{_label(name)} «{_quoted(record[name])}»" for name in spoilt)
    sentence = _(
        "Таблица испортила число, его цифры потеряны: %(values)s. Задайте столбцу текстовый "
        "формат и выгрузите данные заново."
    )
    raise SpoiltValue("spoilt_number", spoilt[0], sentence % {"values": quoted})


def _label(name: str) -> str:
    aliases = {other: one for one in BY_NAME.values() for other in one.read_instead}
    field = BY_NAME.get(name) or aliases.get(name)
    return str(field.label) if field else name


def _quoted(value: Any) -> str:
    return str(value)[:MAX_QUOTED]


#: Names that the parser reads in place of fields that can be mapped.
_READ = frozenset(BY_NAME) | {other for one in BY_NAME.values() for other in one.read_instead}
