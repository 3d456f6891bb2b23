"""The help pages: readable without signing in, in the reader's language or that of ``?lang=``."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from help.texts import LANGUAGES, page_of, pages_of, sections_of

View = Callable[..., HttpResponse]


def in_chosen_language(view: View) -> View:
    """Let ``?lang=en`` choose the language: a developer who follows `doc_url` has no account."""

    @wraps(view)
    def chosen(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        asked = request.GET.get("lang", "")
        if asked not in LANGUAGES:
            return view(request, *args, **kwargs)
        with translation.override(asked):
            return view(request, *args, **kwargs)

    return chosen


@csrf_exempt  # a POST is answered as a wrong method, not as a forged form
@login_not_required
@require_safe
@in_chosen_language
def index(request: HttpRequest) -> HttpResponse:
    """List every page, by section."""
    return render(request, "help/index.html", {"sections": sections_of(_language())})


@csrf_exempt  # as above
@login_not_required
@require_safe
@in_chosen_language
def page(request: HttpRequest, code: str) -> HttpResponse:
    """Show the page of a code or topic."""
    found = page_of(code, _language())
    if found is None:
        raise Http404
    others = pages_of(_language())
    related = [others[one] for one in found.see]
    return render(request, "help/page.html", {"page": found, "related": related})


def _language() -> str:
    asked = translation.get_language() or ""
    return asked if asked in LANGUAGES else LANGUAGES[0]
