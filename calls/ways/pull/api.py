"""Builds the client of CallKeeper's API from the settings. No other module reads both."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

from calls.callkeeper.client import CallsApi
from calls.callkeeper.config import ApiConfig
from calls.ingest.parsing.json_values import read_json
from integrations.limits.web_slots import read_timeout

#: A run and its last request end before the time limit of a task.
MAX_READ_SECONDS = 30


def api_config() -> ApiConfig:
    """Return the configuration as the settings have it now; while a page is served, a short one."""
    seconds = min(read_timeout(), MAX_READ_SECONDS)
    return ApiConfig(
        url=settings.CALLKEEPER_API_URL,
        connect_timeout=settings.CONNECT_TIMEOUT_SECONDS,
        read_timeout=seconds,
        total_timeout=2 * seconds,
    )


def calls_api(key: str) -> CallsApi:
    """Return a client for one key; close it."""
    return CallsApi(api_config(), key, read_json=read_json)


def longest_request() -> timedelta:
    """Return how long one request of a worker may take: the last read begins in time."""
    config = api_config()
    return timedelta(seconds=config.total_timeout + config.read_timeout + config.connect_timeout)
