"""Options of a sandbox: command line, environment (``SANDBOX_*``) or keyword arguments."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Recognisable, in the 32 hex digits that Yandex uses for both values.
DEFAULT_CLIENT_ID = "5a5dbb0c5a5dbb0c5a5dbb0c5a5dbb0c"
DEFAULT_CLIENT_SECRET = "5ec2e75ec2e75ec2e75ec2e75ec2e75e"  # opens a stand-in only
DEFAULT_REDIRECTS = (
    "http://127.0.0.1:8000/lk/integrations/yandex/callback",
    "http://localhost:8000/lk/integrations/yandex/callback",
)


@dataclass(frozen=True)
class Options:
    """``port`` 0 takes a free one; ``state`` None keeps the world in memory.

    ``ripen_seconds`` is how long an uploading takes from UPLOADED to its last status,
    ``goal_seconds`` how long after the first upload the first automatic call goal appears, and the
    next ones after that. ``goal_limit`` is how many goals a counter may have. The other limits
    are the vendor's: https://yandex.com/dev/metrika/en/intro/quotas
    """

    host: str = "127.0.0.1"
    port: int = 0
    state: str | None = None
    client_id: str = DEFAULT_CLIENT_ID
    client_secret: str = DEFAULT_CLIENT_SECRET
    client_name: str = "CallKeeper"
    redirect_uris: tuple[str, ...] = DEFAULT_REDIRECTS
    ripen_seconds: float = 5.0
    scenario: str = "happy"
    per_second: int = 30
    logs_per_second: int = 10
    parallel: int = 3
    per_day: int = 5000
    goal_limit: int = 200
    goal_seconds: float = 3600.0


def parse_options(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Options:
    """Read the command line; every flag falls back to its ``SANDBOX_*`` variable."""
    chosen = vars(_parser(environment).parse_args(arguments))
    given = chosen.pop("redirect_uri") or environment.get("SANDBOX_REDIRECT_URI", "").split()
    return Options(redirect_uris=tuple(given) or DEFAULT_REDIRECTS, **chosen)


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devtools.sandbox", description=__doc__)

    def flag(name: str, default: str | int | float | None, kind: type = str) -> None:
        variable = "SANDBOX_" + name.upper().replace("-", "_")
        parser.add_argument(f"--{name}", type=kind, default=environment.get(variable, default))

    flag("host", "127.0.0.1")
    flag("port", 8010, int)
    flag("state", None)
    flag("client-id", DEFAULT_CLIENT_ID)
    flag("client-secret", DEFAULT_CLIENT_SECRET)
    flag("client-name", "CallKeeper")
    flag("ripen-seconds", 5.0, float)
    flag("scenario", "happy")
    flag("per-second", 30, int)
    flag("logs-per-second", 10, int)
    flag("parallel", 3, int)
    flag("per-day", 5000, int)
    flag("goal-limit", 200, int)
    flag("goal-seconds", 3600.0, float)
    parser.add_argument("--redirect-uri", action="append", help="may be given several times")
    return parser
