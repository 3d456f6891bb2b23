"""Settings of the naive peer's web server: Django's defaults, on the same database."""

from __future__ import annotations

from devtools.settings import *  # noqa: F403
from devtools.settings import DATABASES as SERVERS

ROOT_URLCONF = "bench.naive.web"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
# A connection a request, as Django has it unless told otherwise.
DATABASES = {"default": SERVERS["default"] | {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False}}
