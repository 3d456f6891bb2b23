"""Settings that depend on the environment, each case in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ASK = """
import json, sys
from django.conf import settings
print(json.dumps([getattr(settings, name) for name in sys.argv[1:]]))
"""
COOKIE = ("SECURE", "HTTPONLY", "SAMESITE")


def settings_with(*names: str, **environment: str) -> list[object]:
    run = subprocess.run(
        [sys.executable, "-c", ASK, *names],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    values: list[object] = json.loads(run.stdout)
    return values


@pytest.mark.parametrize(
    ("public_url", "is_secure"), [("https://lk.example", True), ("http://127.0.0.1:8000", False)]
)
@pytest.mark.parametrize("cookie", ["SESSION", "CSRF"])
def test_cookies_are_secure_http_only_and_lax(
    public_url: str, is_secure: bool, cookie: str
) -> None:
    """S-23; with Strict the OAuth callback would have no session."""
    names = [f"{cookie}_COOKIE_{attribute}" for attribute in COOKIE]

    assert settings_with(*names, PUBLIC_URL=public_url) == [is_secure, True, "Lax"]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, [31536000, False, False]),
        ({"SECURE_HSTS_INCLUDE_SUBDOMAINS": "1"}, [31536000, True, False]),
        ({"SECURE_HSTS_PRELOAD": "1"}, [31536000, False, True]),
    ],
)
def test_hsts_covers_subdomains_and_preload_only_if_set(
    environment: dict[str, str], expected: list[object]
) -> None:
    names = ("SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_HSTS_PRELOAD")

    assert settings_with(*names, PUBLIC_URL="https://lk.example", **environment) == expected


def test_form_action_allows_the_sign_in_hosts_of_yandex() -> None:
    """The consent page of a person without a session redirects to passport.yandex.ru."""
    (policy,) = settings_with("CONTENT_SECURITY_POLICY", YANDEX_OAUTH_URL="https://oauth.yandex.ru")

    assert isinstance(policy, dict)
    allowed = policy["DIRECTIVES"]["form-action"]
    assert allowed == ["'self'", "https://*.yandex.ru", "https://*.yandex.com"]


@pytest.mark.parametrize(
    ("brotli", "copies"), [("0", {".css", ".css.gz"}), ("1", {".css", ".css.gz", ".css.br"})]
)
def test_collected_static_files_are_compressed(
    tmp_path: Path, brotli: str, copies: set[str]
) -> None:
    """With gzip always, also by `./run`; with Brotli in the image."""
    run = "from django.core.management import call_command; call_command('collectstatic', '-v0')"
    own = {"STATIC_ROOT": str(tmp_path), "COMPRESS_STATIC": brotli, "PLAIN_STATIC": "0"}
    code = f"import django; django.setup()\nfrom django.conf import settings\n{ONLY_OURS}\n{run}"

    subprocess.run([sys.executable, "-c", code], env=os.environ | own, timeout=60, check=True)

    names = [path.name.split(".", 2) for path in (tmp_path / "css").glob("base.*.css*")]
    assert {f".{end}" for _base, _hash, end in names} == copies


ONLY_OURS = """\
settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
settings.STATICFILES_DIRS = [("css", settings.BASE_DIR / "static" / "css")]
"""
