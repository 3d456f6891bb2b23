"""Settings of `./run` and `./test`: the product's own, with the commands that help to try it.

The product's settings do not know this package, so an image without it starts all the same.
"""

from __future__ import annotations

from callkeeper_metrika.settings import *  # noqa: F403
from callkeeper_metrika.settings import INSTALLED_APPS as PRODUCT_APPS

INSTALLED_APPS = [*PRODUCT_APPS, "devtools"]
