"""Linking a Yandex account: the consent page's address, tokens, revocation, the profile.

requests-oauthlib makes the requests of the flow. Its pitfalls, each handled below: it sets no
timeout, follows redirects, ignores HTTP statuses, raises a warning when fewer scopes are granted,
refuses plain http, and at DEBUG logs every secret it touches.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Callable
from typing import Any

import requests
from oauthlib.oauth2 import OAuth2Error
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from .answer import Answer
from .config import YandexConfig
from .errors import AuthorisationRefused, UnexpectedAnswer, error_from, unexpected
from .reading import Misshapen, read_profile, read_token
from .records import Profile, Token
from .transport import Transport, YandexToken, answer_of, mount_adapter

# Yandex answers so to a token that cannot be revoked by us, or no longer lives.
NOT_REVOCABLE = frozenset({"unsupported_token_type", "invalid_grant"})


def _is_no_secret(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


# Filters and not levels: a level is reset when logging is configured again.
for _name in ("oauthlib", "requests_oauthlib", "requests_oauthlib.oauth2_session"):
    logging.getLogger(_name).addFilter(_is_no_secret)


def challenge_for(verifier: str) -> str:
    """Return the S256 challenge of a PKCE verifier (RFC 7636, 4.2).

    Our own, because the library ties the verifier to the session object that made it, and the
    callback is another request.
    """
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class OAuthClient:
    """Speaks to oauth.yandex.ru and login.yandex.ru for one application.

    Every method that asks Yandex raises ``Unreachable``, ``QuotaExceeded``, ``UnexpectedAnswer``
    or ``AuthorisationRefused`` with Yandex's name of the reason in ``error``.
    """

    def __init__(self, config: YandexConfig) -> None:
        self._config = config
        self._transport = Transport(config)
        self._auth = HTTPBasicAuth(config.client_id, config.client_secret)
        # For the library, which insists on https; ``YandexAdapter`` restores the real scheme.
        self._https_url = "https://" + config.oauth_url.partition("://")[2]

    def authorize_url(
        self,
        *,
        state: str,
        code_challenge: str,
        device_id: str,
        device_name: str,
        login_hint: str | None = None,
    ) -> str:
        """Return the address of the consent page, which always asks and lets choose the account.

        https://yandex.ru/dev/id/doc/en/codes/code-url
        ``device_id`` (6 to 50 printable ASCII characters) makes the token one that can be
        revoked; ``login_hint`` names the account expected.
        """
        if not state or not code_challenge:
            raise ValueError("An authorisation needs its state and its challenge")
        hint = {"login_hint": login_hint} if login_hint else {}
        if self._config.optional_scopes:
            hint["optional_scope"] = " ".join(self._config.optional_scopes)
        session = OAuth2Session(
            self._config.client_id,
            redirect_uri=self._config.redirect_uri,
            scope=list(self._config.scopes),
        )
        url, _ = session.authorization_url(
            f"{self._https_url}/authorize",
            state=state,
            code_challenge=code_challenge,
            code_challenge_method="S256",
            force_confirm="yes",
            device_id=device_id,
            device_name=device_name,
            **hint,
        )
        return self._config.oauth_url + str(url).removeprefix(self._https_url)

    def exchange_code(
        self, *, code: str, code_verifier: str, device_id: str, device_name: str
    ) -> Token:
        """Exchange the code of a callback for a token. Never repeat it: a code is spent at once.

        https://yandex.ru/dev/id/doc/en/codes/code-url
        ``{"access_token": "y0_…", "expires_in": 31536000, "refresh_token": "1:…",
        "token_type": "bearer"}``, and ``"scope"`` only when less was granted than asked.
        """

        def ask(session: OAuth2Session, url: str, **common: Any) -> None:
            session.fetch_token(
                url,
                code=code,
                code_verifier=code_verifier,
                device_id=device_id,
                device_name=device_name,
                **common,
            )

        return self._token("Exchange of a code", ask)

    def refresh(self, *, refresh_token: str) -> Token:
        """Renew a token before it expires; the refresh token is replaced as well.

        https://yandex.ru/dev/id/doc/en/tokens/refresh-client
        """

        def ask(session: OAuth2Session, url: str, **common: Any) -> None:
            session.refresh_token(url, refresh_token=refresh_token, **common)

        return self._token("Refresh of a token", ask)

    def revoke(self, *, access_token: str) -> bool:
        """Revoke a token at Yandex; False when Yandex would not, as for one without a device.

        https://yandex.ru/dev/id/doc/en/tokens/token-invalidate
        """
        action = "Revocation of a token"
        url = f"{self._config.oauth_url}/revoke_token"
        form = {"access_token": access_token}
        answer = self._transport.post_form(url, auth=self._auth, form=form)
        try:
            body = _authorisation_body(answer, action)
        except AuthorisationRefused as refusal:
            if refusal.error in NOT_REVOCABLE:
                return False
            raise
        return body.get("status") == "ok"

    def profile(self, *, access_token: str) -> Profile:
        """Fetch whose token it is. Raises ``TokenRejected`` when Yandex does not know it.

        https://yandex.com/dev/id/doc/en/user-information
        """
        action = "Reading of a profile"
        answer = self._transport.get(
            f"{self._config.login_url}/info",
            auth=YandexToken(access_token),
            params={"format": "json"},
        )
        body = answer.json_object()
        if answer.status != 200 or (body and "error" in body):
            raise error_from(answer, action=action)
        if body is None:
            raise unexpected(answer, action=action, why="not a JSON object")
        try:
            return read_profile(body)
        except Misshapen as fault:
            raise unexpected(answer, action=action, why=str(fault)) from None

    def close(self) -> None:
        self._transport.close()

    def _token(self, action: str, ask: Callable[..., None]) -> Token:
        """Let the library ask for a token, and read its answer ourselves.

        The session has no scope: with one, the library raises a ``Warning`` where Yandex granted
        less, and the choice what to do then is the caller's.
        """
        received: list[Token] = []

        def inspect(response: requests.Response) -> requests.Response:
            received.append(_read_token_answer(response, action))
            return response

        with OAuth2Session(
            self._config.client_id, redirect_uri=self._config.redirect_uri
        ) as session:
            mount_adapter(session, self._config)
            session.register_compliance_hook("access_token_response", inspect)
            session.register_compliance_hook("refresh_token_response", inspect)
            timeout = (self._config.connect_timeout, self._config.read_timeout)
            try:
                ask(session, f"{self._https_url}/token", auth=self._auth, timeout=timeout)
            except (OAuth2Error, ValueError):
                # Its text may quote what was sent or received.
                raise UnexpectedAnswer(f"{action}: not understood by the library") from None
        return received[0]


def _read_token_answer(response: requests.Response, action: str) -> Token:
    answer = answer_of(response)
    body = _authorisation_body(answer, action)
    try:
        return read_token(body)
    except Misshapen as fault:
        raise _without_excerpt(answer, action, str(fault)) from None


def _authorisation_body(answer: Answer, action: str) -> dict[str, Any]:
    body = answer.json_object()
    if answer.status != 200 or (body and "error" in body):
        raise error_from(answer, action=action, authorising=True)
    if body is None:
        raise _without_excerpt(answer, action, "not a JSON object")
    return body


def _without_excerpt(answer: Answer, action: str, why: str) -> UnexpectedAnswer:
    """A success of a token endpoint holds tokens, possibly in a form that no mask knows."""
    bare = Answer(answer.status, b"", answer.headers)
    return unexpected(bare, action=action, why=why)
