"""``python -m devtools.sandbox``: run until SIGTERM or Ctrl-C."""

from __future__ import annotations

import logging
import signal
import sys
import threading

from .options import parse_options
from .server import RunningSandbox

logger = logging.getLogger("devtools.sandbox")


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    options = parse_options(sys.argv[1:])
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        sandbox = RunningSandbox(options)
    except OSError as error:
        logger.error("cannot listen on %s:%s: %s", options.host, options.port, error.strerror)
        return 1
    logger.info("sandbox of Yandex at %s (this is not Yandex)", sandbox.url)
    stop.wait()
    sandbox.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
