"""What other apps may listen to. Sent inside the transaction of the change it tells about."""

from __future__ import annotations

from django.dispatch import Signal

#: Sent with ``account``: this YandexAccount is usable (again): linked, linked anew, or restored.
account_reconnected = Signal()
