"""All settings, read from the environment in one place; `.env.example` lists every variable."""

from __future__ import annotations

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from callkeeper_metrika.allauth_settings import *  # noqa: F403
from callkeeper_metrika.celery_settings import *  # noqa: F403
from callkeeper_metrika.csp import content_policy
from callkeeper_metrika.env import (
    env_bool,
    env_database,
    env_int,
    env_keys,
    env_list,
    env_secret,
    env_text,
)
from callkeeper_metrika.logging_settings import logging_settings

BASE_DIR = Path(__file__).resolve().parent.parent

# --- Security ------------------------------------------------------------------------------

DEBUG = env_bool("DEBUG")
SECRET_KEY = env_secret("SECRET_KEY")
if not SECRET_KEY:
    raise ImproperlyConfigured("SECRET_KEY is not set: give a long random string.")
# The first key seals, all of them open; kept apart from SECRET_KEY so that each rotates alone.
SEALING_KEYS = env_keys("SEALING_KEYS")

PUBLIC_URL = env_text("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
IS_HTTPS = PUBLIC_URL.startswith("https://")
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
# `check --deploy` allows the sandbox and plain http, at addresses of this machine only.
SANDBOX_TRIAL = env_bool("SANDBOX_TRIAL")

SESSION_ENGINE = "accounts.sessions"  # server-side: binds OAuth attempts
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
# With Strict the OAuth callback would have no session.
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = env_bool("SECURE_SSL_REDIRECT", IS_HTTPS)
# Requested without TLS by whoever watches this machine.
SECURE_REDIRECT_EXEMPT = ["^(healthz|readyz|metrics)$"]
SECURE_HSTS_SECONDS = env_int("SECURE_HSTS_SECONDS", 31536000 if IS_HTTPS else 0)
# Both apply to every host under the domain, and a preload takes months to undo.
SECURE_HSTS_INCLUDE_SUBDOMAINS = env_bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", False)
SECURE_HSTS_PRELOAD = env_bool("SECURE_HSTS_PRELOAD", False)
if env_bool("BEHIND_TLS_PROXY", IS_HTTPS):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"

# --- Yandex --------------------------------------------------------------------------------

YANDEX_OAUTH_URL = env_text("YANDEX_OAUTH_URL", "https://oauth.yandex.ru").rstrip("/")
YANDEX_LOGIN_URL = env_text("YANDEX_LOGIN_URL", "https://login.yandex.ru").rstrip("/")
METRIKA_API_URL = env_text("METRIKA_API_URL", "https://api-metrika.yandex.net").rstrip("/")
METRIKA_WEB_URL = env_text("METRIKA_WEB_URL", "https://metrika.yandex.ru").rstrip("/")
YANDEX_CLIENT_ID = env_secret("YANDEX_CLIENT_ID")
YANDEX_CLIENT_SECRET = env_secret("YANDEX_CLIENT_SECRET")
# The granted set must stay the same for every link: Yandex keeps one set per application.
YANDEX_SCOPES = tuple(
    env_text("YANDEX_SCOPES", "login:info metrika:read metrika:offline_data").split()
)
# Rights that a person may untick on the consent page; the product works without them. Yandex
# refuses to link with a right that the application is not registered with, so the default is none.
YANDEX_OPTIONAL_SCOPES = tuple(env_text("YANDEX_OPTIONAL_SCOPES").split())
YANDEX_REDIRECT_URI = f"{PUBLIC_URL}/lk/integrations/yandex/callback"

# --- CallKeeper ----------------------------------------------------------------------------

CALLKEEPER_API_URL = env_text("CALLKEEPER_API_URL", "https://ckct.ru/api/")
# How often the calls of a source are pulled, and from how long before the end of the last pull.
PULL_MINUTES = env_int("PULL_MINUTES", 5, minimum=1)
PULL_OVERLAP_HOURS = env_int("PULL_OVERLAP_HOURS", 2, minimum=1)
# So much is read again once an hour: tags and statuses change after the end of a call.
PULL_RECENT_HOURS = env_int("PULL_RECENT_HOURS", 72, minimum=1)
# Sources that are asked at the same time, of all workers together.
PULLS_AT_A_TIME = env_int("PULLS_AT_A_TIME", 2, minimum=1)

# --- Delivery ------------------------------------------------------------------------------

UPLOAD_MIN_WAIT_SECONDS = env_int("UPLOAD_MIN_WAIT_SECONDS", 300)
POLL_SECONDS = env_int("POLL_SECONDS", 600, minimum=1)
# A failed callback attempt waits this long for the next attempt of the same callback order.
ATTEMPT_WAIT_SECONDS = env_int("ATTEMPT_WAIT_SECONDS", 6 * UPLOAD_MIN_WAIT_SECONDS)
# Must exceed the client's timeout + the longest time Metrika may still work + the lag of its list.
UNCLEAR_GRACE_SECONDS = env_int("UNCLEAR_GRACE_SECONDS", 900)
# Added to the timeouts of a request before its worker counts as lost: time to read the bytes and to
# record the answer. No request starts later than this after its claim.
LEASE_MARGIN_SECONDS = env_int("LEASE_MARGIN_SECONDS", 60, minimum=1)
UPLOAD_MAX_ROWS = env_int("UPLOAD_MAX_ROWS", 20000, minimum=1)
# Whole months before this one whose calls are kept; 0 keeps all (calls.runtime.retention).
KEEP_MONTHS = env_int("KEEP_MONTHS", 0)
# Limits of requests to one secret address: a request is a call, seldom a few.
WEBHOOKS_PER_MINUTE = env_int("WEBHOOKS_PER_MINUTE", 600, minimum=1)
WEBHOOK_MAX_BYTES = env_int("WEBHOOK_MAX_BYTES", 1024 * 1024, minimum=1024)
# Days that rejected records and requests to secret addresses are kept (calls.ways.retention).
REJECTED_DAYS = env_int("REJECTED_DAYS", 30, minimum=1)
RECEIVED_DAYS = env_int("RECEIVED_DAYS", 7, minimum=1)
# Files that people upload into a source: the largest, and days that they are kept.
IMPORT_MAX_BYTES = env_int("IMPORT_MAX_BYTES", 500 * 1024 * 1024, minimum=1024)
IMPORT_DAYS = env_int("IMPORT_DAYS", 7, minimum=1)
CONNECT_TIMEOUT_SECONDS = env_int("CONNECT_TIMEOUT_SECONDS", 5, minimum=1)
READ_TIMEOUT_SECONDS = env_int("READ_TIMEOUT_SECONDS", 60, minimum=1)
# Timeout of requests made while serving a page, and how many threads of a web process may wait for
# Yandex at a time: the others stay free for the API.
WEB_READ_TIMEOUT_SECONDS = env_int("WEB_READ_TIMEOUT_SECONDS", 8, minimum=1)
WEB_THREADS_FOR_YANDEX = env_int("WEB_THREADS_FOR_YANDEX", 2, minimum=1)
UPLOAD_READ_TIMEOUT_SECONDS = env_int("UPLOAD_READ_TIMEOUT_SECONDS", 120, minimum=1)
# Of the 5,000 a day that Yandex allows, a fifth is left for other clients of the customer's login.
METRIKA_DAILY_REQUESTS = env_int("METRIKA_DAILY_REQUESTS", 4000, minimum=1)
METRIKA_REQUESTS_PER_SECOND = env_int("METRIKA_REQUESTS_PER_SECOND", 25, minimum=1)
# Goals that Metrika usually allows a counter: with fewer, «Проверить и продолжить» tries again. By
# itself a counter goes on when a goal was deleted, whatever its limit is.
METRIKA_GOAL_LIMIT = env_int("METRIKA_GOAL_LIMIT", 200, minimum=1)

# --- API for calls -------------------------------------------------------------------------

INGEST_MAX_CALLS = 500
INGEST_MAX_BYTES = env_int("INGEST_MAX_BYTES", 5 * 1024 * 1024, minimum=1024)
INGEST_CALLS_PER_MINUTE = env_int("INGEST_CALLS_PER_MINUTE", 60000, minimum=1)
PREVIEWS_PER_MINUTE = env_int("PREVIEWS_PER_MINUTE", 60, minimum=1)
INGEST_BYTES_PER_MINUTE = env_int("INGEST_BYTES_PER_MINUTE", 120 * 1024 * 1024, minimum=1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = INGEST_MAX_BYTES + 1024
# «Выбрать все» of an agency posts a field per counter; Django's default limit is 1000.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000

# --- Applications --------------------------------------------------------------------------

INSTALLED_APPS = [
    "accounts",  # before django.contrib.auth, whose commands it replaces
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.forms",  # its templates, of which templates/ replaces one
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "csp",
    "cabinets",
    "integrations",
    "counters",
    "calls",
    "doctor",
    "notices",
    "dashboard",
]

MIDDLEWARE = [
    "calls.ingest.middleware.JsonErrorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "callkeeper_metrika.public_host.PublicHostMiddleware",
    "callkeeper_metrika.policy_header.PolicyHeaderMiddleware",
    "callkeeper_metrika.odd_requests.OddRequestMiddleware",
    "calls.ways.short_path.ShortPathMiddleware",
    "callkeeper_metrika.status_page.StatusMiddleware",
    "accounts.early_refusal.EarlyRefusalMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "cabinets.middleware.CabinetMiddleware",
    "accounts.preference_middleware.PreferenceMiddleware",
    "integrations.limits.middleware.ShortTimeoutMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.AccountsMiddleware",
]

ROOT_URLCONF = "callkeeper_metrika.urls"
WSGI_APPLICATION = "callkeeper_metrika.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "cabinets.context_processors.cabinet",
                "accounts.mail.mail_context",
                "accounts.preferences.preference_context",
                "integrations.installation.words.halt_context",
            ],
        },
    },
]

# Widgets by the engine above: a select with a hundred options is drawn by one template.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- Data ----------------------------------------------------------------------------------

DATABASES = {
    "default": env_database("DATABASE_URL")
    | {
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
    }
}
# Of the role that `grant_app_role` prepares for the services; only the owner of the tables has it.
APP_DATABASE_URL = env_secret("APP_DATABASE_URL")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env_secret("REDIS_URL")
if not REDIS_URL:
    raise ImproperlyConfigured("REDIS_URL is not set: give a redis:// URL, or start with ./run.")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        # A server that drops packets must not delay a page: nothing in the cache is essential.
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
    }
}

# --- Authentication and language -----------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "accounts.backends.PreferenceBackend",
    # Of sessions that began before the first one was there; it is asked for no password.
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
PASSWORD_HASHERS = ["accounts.hashing.PooledPBKDF2Hasher"]
# Of one web process; a guess beyond it is answered with 429, so that calls are still taken in.
PASSWORD_HASHES_AT_A_TIME = env_int("PASSWORD_HASHES_AT_A_TIME", 1, minimum=1)
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/lk/integrations"
LOGOUT_REDIRECT_URL = "/accounts/login/"
DEMO_LOGIN_HINT = env_text("DEMO_LOGIN_HINT")
PASSWORD_RESET_TIMEOUT = 24 * 60 * 60
#: Named wherever a page, a message or an e-mail mentions support.
SUPPORT_EMAIL = env_text("SUPPORT_EMAIL", "i@callkeeper.ru")

# --- E-mail --------------------------------------------------------------------------------

# Without a host no e-mail is sent, and pages name support instead.
EMAIL_HOST = env_text("EMAIL_HOST")
EMAIL_PORT = env_int("EMAIL_PORT", 587, minimum=1)
EMAIL_HOST_USER = env_secret("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env_secret("EMAIL_HOST_PASSWORD")
EMAIL_USE_SSL = env_bool("EMAIL_USE_SSL")
EMAIL_USE_TLS = env_bool("EMAIL_USE_TLS", not EMAIL_USE_SSL)
EMAIL_TIMEOUT = env_int("EMAIL_TIMEOUT", 10, minimum=1)
DEFAULT_FROM_EMAIL = env_text("DEFAULT_FROM_EMAIL", f"CallKeeper <{SUPPORT_EMAIL}>")

# --- Notices -------------------------------------------------------------------------------

# Without a token nobody can link a chat. The name is the bot's, without @.
TELEGRAM_BOT_TOKEN = env_secret("TELEGRAM_BOT_TOKEN")
TELEGRAM_BOT_NAME = env_text("TELEGRAM_BOT_NAME").removeprefix("@")
TELEGRAM_API_URL = env_text("TELEGRAM_API_URL", "https://api.telegram.org").rstrip("/")
# Lets a cabinet's webhook lead to addresses of this network, and to http. Never in production.
NOTICE_WEBHOOK_PRIVATE = env_bool("NOTICE_WEBHOOK_PRIVATE", DEBUG)

# Sentences are written in Russian and translated by locale/. A person chooses the language
# (accounts.preferences); Accept-Language is ignored: Russian customers have English browsers.
LANGUAGE_CODE = "ru"
LANGUAGES = [("ru", "Русский"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env_text("TIME_ZONE", "Europe/Moscow")
USE_TZ = True

# --- Static files --------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = Path(env_text("STATIC_ROOT", str(BASE_DIR / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static"]
if DEBUG or env_bool("PLAIN_STATIC"):
    _STATIC_STORAGE = "django.contrib.staticfiles.storage.StaticFilesStorage"
elif env_bool("COMPRESS_STATIC", True):
    _STATIC_STORAGE = "whitenoise.storage.CompressedManifestStaticFilesStorage"
else:
    _STATIC_STORAGE = "callkeeper_metrika.static_storage.GzipManifestStaticFilesStorage"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": _STATIC_STORAGE},
}

CONTENT_SECURITY_POLICY = content_policy(YANDEX_OAUTH_URL)

# --- Celery --------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL  # the rest is in callkeeper_metrika.celery_settings

# --- Operations ----------------------------------------------------------------------------

METRICS_TOKEN = env_secret("METRICS_TOKEN")
# Shared by all processes: see `integrations.installation`.
INSTALLATION_FILE = Path(env_text("INSTALLATION_FILE", f"{BASE_DIR}/var/installation.json"))

# --- Logs ----------------------------------------------------------------------------------

LOGGING = logging_settings(env_text("LOG_LEVEL", "INFO"))
