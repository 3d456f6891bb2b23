"""Countries whose phone numbers are read without a country code."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

DEFAULT_REGION = "RU"
#: ISO 3166-1 codes of the countries where CallKeeper's customers trade, by their names.
REGIONS = [
    ("RU", _("Россия")),
    ("BY", _("Беларусь")),
    ("KZ", _("Казахстан")),
    ("AZ", _("Азербайджан")),
    ("AM", _("Армения")),
    ("GE", _("Грузия")),
    ("KG", _("Киргизия")),
    ("CN", _("Китай")),
    ("MD", _("Молдавия")),
    ("AE", _("ОАЭ")),
    ("RS", _("Сербия")),
    ("TJ", _("Таджикистан")),
    ("TM", _("Туркмения")),
    ("TR", _("Турция")),
    ("UZ", _("Узбекистан")),
]
