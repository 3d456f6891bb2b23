"""Connections that give the sending of a file more time than the making of a connection.

urllib3 sends a body under the connect timeout, a few seconds, so a server that pauses while it
takes a file in would look like a broken line, and the upload would have to be cleared up. Once
connected, these wait for the other side as long as it is fair to wait for an answer.
"""

from __future__ import annotations

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

SEND_TIMEOUT_SECONDS = 60


class PatientConnection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(SEND_TIMEOUT_SECONDS)


class PatientSecureConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(SEND_TIMEOUT_SECONDS)


class PatientPool(HTTPConnectionPool):
    ConnectionCls = PatientConnection


class PatientSecurePool(HTTPSConnectionPool):
    ConnectionCls = PatientSecureConnection


PATIENT_POOLS = {"http": PatientPool, "https": PatientSecurePool}
