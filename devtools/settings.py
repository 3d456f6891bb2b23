"""Settings of `./run` and `./test`: the product's settings and this package as an app.

The app adds the commands `build_schema`, `seed_demo` and `soak`. The product's own settings do not
name it, so the production image runs without it.
"""

from __future__ import annotations

from callkeeper_metrika.settings import *  # noqa: F403
from callkeeper_metrika.settings import INSTALLED_APPS as PRODUCT_APPS

INSTALLED_APPS = [*PRODUCT_APPS, "devtools"]
