"""Takes the file of a form while it comes in: a piece at a time into the database."""

from __future__ import annotations

from copy import copy
from typing import Any
from urllib.parse import urlencode

from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.request import UnreadablePostError
from django.middleware.csrf import CsrfViewMiddleware
from django.utils import timezone

from cabinets.access import CabinetRequest
from cabinets.models import CallSource
from calls.models import FileImport
from calls.ways.imports import files
from calls.ways.imports.files import FileTooLarge, PieceWriter
from calls.ways.imports.request_head import max_form_bytes

#: The field of the form, and the parameter of its address with the token against forgery: Django
#: would look for it in the body, and read and store that first.
FIELD, TOKEN = "file", "token"
MAX_NAME = 255


class NoFile(Exception):
    """The form has no file, or an empty one."""


class UploadCutOff(Exception):
    """The connection ended before the file had come."""


class PieceUploadHandler(FileUploadHandler):
    """Writes the one file of the form; nothing of it is kept in memory or in a file."""

    chunk_size = files.PIECE_BYTES

    def __init__(self, request: CabinetRequest, source: CallSource) -> None:
        super().__init__(request)
        self.source, self.actor = source, request.user
        self.writer: PieceWriter | None = None

    def new_file(self, field_name: str, file_name: str, *args: Any, **kwargs: Any) -> None:
        """Create the import. Raises TooManyImports."""
        super().new_file(field_name, file_name, *args, **kwargs)
        if field_name != FIELD or self.writer is not None:
            raise SkipFile
        name = file_name.replace("\0", "")[-MAX_NAME:]
        now = timezone.now()
        self.writer = files.begin(self.source, name=name, actor=self.actor, now=now)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Take some bytes. Raises FileTooLarge."""
        if self.writer is not None:
            self.writer.write(raw_data)

    def file_complete(self, file_size: int) -> None:
        """Leave nothing in `request.FILES`."""


def take_file(request: CabinetRequest, source: CallSource) -> FileImport:
    """Store the file of the form and let the workers have it.

    Raises NoFile, FileTooLarge, TooManyImports and UploadCutOff; then nothing is left of the file.
    """
    if int(request.META.get("CONTENT_LENGTH") or 0) > max_form_bytes():
        raise FileTooLarge  # the web server did not read it
    handler = PieceUploadHandler(request, source)
    request.upload_handlers = [handler]
    try:
        request.POST  # noqa: B018 - reads the form
        if handler.writer is None or not handler.writer.size:
            raise NoFile
        return files.finish(handler.writer, actor=request.user)
    except Exception as problem:
        if handler.writer is not None:
            files.discard(handler.writer.file_import)
        if isinstance(problem, UnreadablePostError):
            raise UploadCutOff from None
        raise


def forgery_refusal(request: HttpRequest) -> HttpResponse | None:
    """Return the answer to a form without its token, None for one that has it."""
    probe = copy(request)
    token = urlencode({"csrfmiddlewaretoken": request.GET.get(TOKEN, "")})
    probe.POST = QueryDict(token)
    checker = CsrfViewMiddleware(_guarded)
    return checker.process_view(probe, _guarded, (), {})


def _guarded(_request: HttpRequest) -> HttpResponse:
    """Stand for the view, which is exempt so that its body is not read."""
    return HttpResponse()
