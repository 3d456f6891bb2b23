"""The WSGI entry point of the web server."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from callkeeper_metrika.garbage import freeze_modules
from callkeeper_metrika.odd_requests import with_readable_content_type

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callkeeper_metrika.settings")

application = with_readable_content_type(get_wsgi_application())
# The worker is complete but for the modules of its views, which the first requests import.
freeze_modules()
