"""A process in place of Metrika: it reads what it is sent and answers at once, storing nothing."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from devtools.launcher.parent_death import die_with_parent
from devtools.launcher.run_config import HOST, ROOT

READ_BYTES = 1024 * 1024
_numbers = itertools.count(1)


class Handler(BaseHTTPRequestHandler):
    """Answers a file as Metrika does that took it, and a list of files with an empty one."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        left = int(self.headers["Content-Length"])
        lines = 0
        while left:
            piece = self.rfile.read(min(READ_BYTES, left))
            left -= len(piece)
            lines += piece.count(b"\n")
        # The lines of the form around the file, and its header, are no rows.
        rows = max(lines - FORM_LINES, 0)
        number = next(_numbers)
        answer = {"id": number, "source_quantity": rows, "line_quantity": rows}
        self._answer({"uploading": answer | {"status": "UPLOADED", "comment": ""}})

    def do_GET(self) -> None:
        self._answer({"uploadings": [], "goals": [], "counters": [], "rows": 0})

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def _answer(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


#: Boundary, two headers, an empty line, the header of the CSV, the line end of its last row's
#: successor and the closing boundary.
FORM_LINES = 7


class Sink:
    """The process; it writes its port as its first line."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> None:
        """Return once it listens."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.sink"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        assert self.process.stdout is not None
        self.url = f"http://{HOST}:{int(self.process.stdout.readline())}"

    def stop(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.terminate()
            # Waits for its end, and closes the pipe.
            self.process.communicate()


def main() -> None:
    """Serve until terminated."""
    server = ThreadingHTTPServer((HOST, 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
