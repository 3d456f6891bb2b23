"""Signals for other apps. Sent inside the transaction of the change."""

from __future__ import annotations

from django.dispatch import Signal

#: ``account``: this YandexAccount is usable (again), because it was linked, relinked or restored.
account_reconnected = Signal()
