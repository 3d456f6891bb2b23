"""What other apps may listen to. Sent inside the transaction of the change it tells about."""

from __future__ import annotations

from django.dispatch import Signal

#: Sent with ``account``: the link of this YandexAccount was made or made anew; it is usable now.
account_reconnected = Signal()
