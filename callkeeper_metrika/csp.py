"""The Content-Security-Policy: what pages may load, and where their forms may lead."""

from __future__ import annotations

from urllib.parse import urlsplit

# Without a session at Yandex the consent page redirects to passport.yandex.ru, and on to hosts of
# the country: browsers apply `form-action` to every redirect after a form is submitted.
YANDEX_PEOPLE = ("https://*.yandex.ru", "https://*.yandex.com")
YANDEX_DOMAINS = (".yandex.ru", ".yandex.com")


def content_policy(oauth_url: str) -> dict[str, dict[str, list[str]]]:
    """Return the setting of django-csp."""
    return {
        "DIRECTIVES": {
            "default-src": ["'none'"],
            "script-src": ["'self'"],
            "style-src": ["'self'"],
            "img-src": ["'self'", "data:"],
            "font-src": ["'self'"],
            "connect-src": ["'self'"],
            "form-action": ["'self'", *_consent_pages(oauth_url)],
            "base-uri": ["'none'"],
            "frame-ancestors": ["'none'"],
        }
    }


def _consent_pages(oauth_url: str) -> tuple[str, ...]:
    """Return the sources that the form «Подключить» is redirected to; the sandbox is one origin."""
    parts = urlsplit(oauth_url)
    if parts.scheme == "https" and (parts.hostname or "").endswith(YANDEX_DOMAINS):
        return YANDEX_PEOPLE
    return (f"{parts.scheme}://{parts.netloc}",)
