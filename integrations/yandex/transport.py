"""The transport of every request to Yandex: each passes through ``YandexAdapter``.

It ensures that each request has a timeout, goes to a configured host only and follows no redirect,
that the size of an answer is limited, and that no exception of ``requests`` is raised.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from .answer import Answer
from .config import YandexConfig
from .connection_faults import never_left, was_dropped
from .errors import TokenRejected, UnexpectedAnswer, Unreachable, unexpected
from .multipart import CsvForm, SizedPieces
from .patient_pools import PATIENT_POOLS

# A list of 10,000 uploadings is some 5 MB; anything else is a few kilobytes.
MAX_LIST_BYTES = 50 * 1024 * 1024
MAX_ANSWER_BYTES = 1024 * 1024
LISTS = ("/counters", "/goals", "uploadings", "/logrequests")
READ_BYTES = 64 * 1024

TOKEN = re.compile(r"[!-~]+")


class YandexToken(AuthBase):
    """Adds the token to a request's headers: https://yandex.com/dev/metrika/en/intro/authorization

    An object and not a plain header, because ``requests`` lets a ``.netrc`` replace the header.
    Raises ``TokenRejected`` for text that can be no token, before ``requests`` could quote it.
    """

    def __init__(self, access_token: str) -> None:
        self._access_token = access_token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if not TOKEN.fullmatch(self._access_token):
            raise TokenRejected("The stored token is empty or damaged")
        request.headers["Authorization"] = f"OAuth {self._access_token}"
        return request


class YandexAdapter(HTTPAdapter):
    """Sends requests to the configured hosts only, and reads each answer but streams to its end."""

    def __init__(
        self, config: YandexConfig, before_request: Callable[[], None] | None = None
    ) -> None:
        self._config = config
        self._before_request = before_request
        bases = [urlsplit(url) for url in config.base_urls]
        self._origins = {(base.scheme, base.netloc) for base in bases}
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = PATIENT_POOLS

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        self._direct(request)
        limits = timeout or (self._config.connect_timeout, self._config.read_timeout)

        def attempt() -> requests.Response:
            if self._before_request:
                self._before_request()
            response = super(YandexAdapter, self).send(request, True, limits, verify, cert, proxies)
            # The body of a stream is read by whoever asked for it; that of an error is short.
            is_stream = stream and response.status_code == requests.codes.ok
            return response if is_stream else _read_to_end(response, request)

        try:
            response = _twice_if_dropped(attempt) if request.method == "GET" else attempt()
        except requests.RequestException as error:
            raise _unreachable(request, error) from error
        if response.is_redirect:
            raise unexpected(answer_of(response), action=_action(request), why="a redirect")
        return response

    def _direct(self, request: requests.PreparedRequest) -> None:
        """Point the request at its real scheme; raise ``ValueError`` for a foreign host.

        oauthlib accepts https only, so the address of a sandbox on plain http is given to it as
        https (``oauth.OAuthClient``). Its own switch for that, an environment variable, would
        open plain http for the whole process.
        """
        url = urlsplit(request.url or "")
        if (url.scheme, url.netloc) in self._origins:
            return
        if url.scheme != "https" or ("http", url.netloc) not in self._origins:
            raise ValueError(f"Not a host of Yandex: {url.hostname}")
        request.url = url._replace(scheme="http").geturl()


def _twice_if_dropped(attempt: Callable[[], requests.Response]) -> requests.Response:
    """A kept connection may have been closed by the other side: reading once more is harmless."""
    try:
        return attempt()
    except requests.RequestException as error:
        if not was_dropped(error):
            raise
    return attempt()


def _read_to_end(
    response: requests.Response, request: requests.PreparedRequest
) -> requests.Response:
    limit = _max_bytes(urlsplit(request.url or "").path)
    content = bytearray()
    with contextlib.closing(response):
        for piece in response.iter_content(READ_BYTES):
            content += piece
            if len(content) > limit:
                raise UnexpectedAnswer(
                    f"{_action(request)}: the answer is over {limit} bytes",
                    http_status=response.status_code,
                )
    # The place where ``requests`` itself keeps a body that was read.
    response._content = bytes(content)
    return response


def _require_end(response: requests.Response) -> None:
    """A body that ends with its connection would look whole when it is cut."""
    if not {"Content-Length", "Transfer-Encoding"} & {name.title() for name in response.headers}:
        raise unexpected(answer_of_stream(response), action=_action(response.request), why="no end")


def answer_of_stream(response: requests.Response) -> Answer:
    """Return the answer without the body, which stays where it is."""
    return Answer(response.status_code, b"", response.headers)


def _pieces(response: requests.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_content(READ_BYTES)
    except requests.RequestException as error:
        raise _unreachable(response.request, error) from error


def answer_of(response: requests.Response) -> Answer:
    return Answer(response.status_code, response.content, response.headers)


def _max_bytes(path: str) -> int:
    return MAX_LIST_BYTES if path.endswith(LISTS) else MAX_ANSWER_BYTES


def _action(request: requests.PreparedRequest) -> str:
    return f"{request.method} {urlsplit(request.url or '').path}"


def _unreachable(
    request: requests.PreparedRequest, error: requests.RequestException
) -> Unreachable:
    body = request.body
    never = never_left(error, body_started=body.started if isinstance(body, CsvForm) else None)
    return Unreachable(
        f"{_action(request)}: {type(error).__name__}", may_have_arrived=False if never else None
    )


def mount_adapter(
    session: requests.Session,
    config: YandexConfig,
    before_request: Callable[[], None] | None = None,
) -> None:
    """Send every request of a session through a ``YandexAdapter``, with our User-Agent.

    Proxies of the environment are ignored when a base URL is plain http: a sandbox is local.
    """
    adapter = YandexAdapter(config, before_request)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers["User-Agent"] = config.user_agent
    session.headers["Accept"] = "application/json"
    session.trust_env = all(url.startswith("https:") for url in config.base_urls)


class Transport:
    """One session of ``requests``; each method sends one request and returns whatever came.

    Raises ``Unreachable`` and ``UnexpectedAnswer`` (too large); judging statuses is for callers.
    """

    def __init__(
        self, config: YandexConfig, *, before_request: Callable[[], None] | None = None
    ) -> None:
        self._config = config
        self._session = requests.Session()
        mount_adapter(self._session, config, before_request)

    def get(self, url: str, *, auth: AuthBase, params: Mapping[str, str | int]) -> Answer:
        return self._send("GET", url, auth=auth, params=params)

    @contextlib.contextmanager
    def stream(
        self, url: str, *, auth: AuthBase
    ) -> Iterator[tuple[Answer, Iterator[bytes] | None]]:
        """Yield the answer to a GET without its body, and the body in pieces as they come.

        Of any status but 200 the answer has its body, and there are no pieces. The pieces raise
        ``Unreachable`` when the connection breaks; each wait for one is limited by the timeout.
        """
        timeout = (self._config.connect_timeout, self._config.read_timeout)
        # What the server packs on the way is unpacked on the way.
        response = self._session.request("GET", url, timeout=timeout, auth=auth, stream=True)
        if response.status_code != requests.codes.ok:
            yield answer_of(response), None
            return
        with contextlib.closing(response):
            _require_end(response)
            yield answer_of_stream(response), _pieces(response)

    def post(self, url: str, *, auth: AuthBase, params: Mapping[str, str | int]) -> Answer:
        return self._send("POST", url, auth=auth, params=params)

    def post_form(self, url: str, *, auth: AuthBase, form: Mapping[str, str]) -> Answer:
        return self._send("POST", url, auth=auth, data=form)

    def post_json(self, url: str, *, auth: AuthBase, body: Mapping[str, Any]) -> Answer:
        return self._send("POST", url, auth=auth, json=body)

    def post_csv(
        self, url: str, *, auth: AuthBase, params: Mapping[str, str], content: bytes | SizedPieces
    ) -> Answer:
        form = CsvForm(content, seconds=self._config.upload_read_timeout)
        return self._send(
            "POST",
            url,
            auth=auth,
            params=params,
            data=form,
            headers={"Content-Type": form.content_type},
            read_timeout=self._config.upload_read_timeout,
        )

    def close(self) -> None:
        self._session.close()

    def _send(
        self, method: str, url: str, *, read_timeout: float | None = None, **parts: Any
    ) -> Answer:
        timeout = (self._config.connect_timeout, read_timeout or self._config.read_timeout)
        response = self._session.request(method, url, timeout=timeout, **parts)
        return answer_of(response)
