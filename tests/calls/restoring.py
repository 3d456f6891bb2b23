"""A database that goes back in time, inside one process: rows are lost, Metrika keeps its files."""

from __future__ import annotations

from django.utils import timezone

from calls.delivery.listings import Listing, examine
from calls.models import Call, CallKey, Delivery, UnknownFile, Upload
from calls.states import Channel, DeliveryState
from counters.models import Counter


def lose_upload(upload: Upload) -> None:
    """Return to the moment before the upload was built: its calls wait."""
    Delivery.objects.filter(upload=upload).update(
        state=DeliveryState.WAITING, upload=None, row_number=None, call_revision=None
    )
    Upload.objects.filter(pk=upload.pk).delete()


def lose_call(call: Call) -> None:
    """Return to the moment before the call came; its sender has to repeat it."""
    Delivery.objects.filter(call_id=call.pk).delete()
    Call.objects.filter(pk=call.pk).delete()
    CallKey.objects.filter(pk=call.pk).delete()


def find_unknown_files(counter: Counter, channel: Channel = Channel.CALLS) -> list[UnknownFile]:
    """Read Metrika's list to its end; return what of it the database does not know."""
    listed = list(Listing(counter, channel, lambda: None))
    return list(examine(counter, channel, listed, timezone.now()).unknown)
