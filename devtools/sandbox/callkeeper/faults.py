"""Faults of the calls API, switched on like all others by `POST /_sandbox/faults`."""

from __future__ import annotations

import time
from typing import Any

from devtools.sandbox.messages import CutConnection, Request, Response, html_response, json_response


def answer(request: Request) -> Response | None:
    """Apply the faults that caught the request; None when it is answered as usual."""
    for fault in request.faults:
        response = _effect(fault.name, fault.params)
        if response is not None:
            return response
    return None


def _effect(name: str, params: dict[str, Any]) -> Response | None:
    match name:
        case "callkeeper_latency":
            time.sleep(float(params.get("ms", 1000)) / 1000)
            return None
        case "callkeeper_reset":
            raise CutConnection
        case "callkeeper_html":
            status = int(params.get("status", 502))
            return html_response(params.get("body", "<html><h1>Error</h1></html>"), status=status)
        case "callkeeper_429":
            headers = {"Retry-After": str(params["retry_after"])} if "retry_after" in params else {}
            return Response(429, b"", headers)
        case "callkeeper_redirect":
            return Response(302, b"", {"Location": str(params.get("to", "/elsewhere"))})
        case "callkeeper_error":
            return json_response({"inbound": {"error": params.get("text", "?")}, "payload": []})
        case _:
            return None
