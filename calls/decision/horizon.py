"""How long after a call Metrika can link it to a visit."""

from __future__ import annotations

from datetime import timedelta

#: Metrika links a call to a visit of the last 21 days, counted to processing
#: (https://yandex.com/dev/metrika/en/management/conversion).
LINK_HORIZON = timedelta(days=21)
