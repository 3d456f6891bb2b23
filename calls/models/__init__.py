"""Calls, the ledger of deliveries, uploads and their tries.

`Call` and `Delivery` are partitioned by month in the database (see the first migration). Django
believes in their `id`; the database's own keys carry the partition column as well. Foreign keys
from and to partitioned tables are not declared in the database: dropping a month stays one
statement, and a claim of 100,000 rows checks no references.
"""

from __future__ import annotations

from calls.models.call import Call, CallKey, IngestReceipt
from calls.models.delivery import Delivery, Resend
from calls.models.reconciliation import Difference, Reconciliation
from calls.models.upload import ListUse, StreamUse, Upload, UploadAttempt, UploadFile

__all__ = [
    "Call",
    "CallKey",
    "Delivery",
    "Difference",
    "IngestReceipt",
    "ListUse",
    "Reconciliation",
    "Resend",
    "StreamUse",
    "Upload",
    "UploadAttempt",
    "UploadFile",
]
