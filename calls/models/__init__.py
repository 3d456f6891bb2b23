"""Calls, the ledger of deliveries, uploads and their attempts.

`Call` and `Delivery` are partitioned by month in the database (see the first migration). For Django
`id` is their primary key; the keys in the database contain the partition column as well. Foreign
keys from and to partitioned tables are not declared in the database: dropping a month stays one
statement, and attaching 100,000 rows to an upload checks no references.
"""

from __future__ import annotations

from calls.models.backfill import Backfill, BackfillCounter, BackfillState
from calls.models.bulk import BulkAction, BulkKind, BulkState
from calls.models.call import Call, CallKey, IngestReceipt
from calls.models.chart_note import ChartNote, NoteState
from calls.models.delivery import Delivery, Resend, SendOrder, UnlinkedApproval
from calls.models.file_import import FileError, FileImport, FilePiece, ImportState
from calls.models.freshness import DeliveryDelay, Freshness, MovedDelay
from calls.models.intake import (
    Intake,
    ReceivedRequest,
    RejectedRecord,
    SourceMapping,
    Way,
)
from calls.models.ledger import ExportState, LedgerExport, LedgerExportPiece, SavedFilter
from calls.models.proof import (
    LinkProof,
    LogHit,
    LogRequest,
    LogSentRow,
    LogState,
    UnknownLogRow,
)
from calls.models.pull import PullSource
from calls.models.querysets import DeliveryQuerySet, UploadQuerySet
from calls.models.reconciliation import Difference, Reconciliation
from calls.models.redecision import Redecision
from calls.models.reports import MetrikaReport, MetrikaReportDay
from calls.models.restored import RestoreRun, SentBefore
from calls.models.summary import (
    CallSummary,
    DeliveryDay,
    DeliverySummary,
    SummaryHour,
    SummaryMark,
    SummaryZone,
)
from calls.models.unknown_file import UnknownFile
from calls.models.upload import (
    ListUse,
    StreamUse,
    Upload,
    UploadAttempt,
    UploadFile,
    UploadPiece,
)
from calls.models.watch import EmptyField, WatchedHour

__all__ = [
    "Backfill",
    "BackfillCounter",
    "BackfillState",
    "BulkAction",
    "BulkKind",
    "BulkState",
    "Call",
    "CallKey",
    "CallSummary",
    "ChartNote",
    "Delivery",
    "DeliveryDay",
    "DeliveryDelay",
    "DeliveryQuerySet",
    "DeliverySummary",
    "Difference",
    "EmptyField",
    "ExportState",
    "FileError",
    "FileImport",
    "FilePiece",
    "Freshness",
    "ImportState",
    "IngestReceipt",
    "Intake",
    "LedgerExport",
    "LedgerExportPiece",
    "LinkProof",
    "ListUse",
    "LogHit",
    "LogRequest",
    "LogSentRow",
    "LogState",
    "MetrikaReport",
    "MetrikaReportDay",
    "MovedDelay",
    "NoteState",
    "PullSource",
    "ReceivedRequest",
    "Reconciliation",
    "Redecision",
    "RejectedRecord",
    "Resend",
    "RestoreRun",
    "SavedFilter",
    "SendOrder",
    "SentBefore",
    "SourceMapping",
    "StreamUse",
    "SummaryHour",
    "SummaryMark",
    "SummaryZone",
    "UnknownFile",
    "UnknownLogRow",
    "UnlinkedApproval",
    "Upload",
    "UploadAttempt",
    "UploadFile",
    "UploadPiece",
    "UploadQuerySet",
    "WatchedHour",
    "Way",
]
