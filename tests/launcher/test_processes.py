from __future__ import annotations

import shlex
import sys
from configparser import ConfigParser
from pathlib import Path

from launcher.processes import configuration
from launcher.trial import Trial


def test_folder_with_a_space_and_a_percent_sign_survives_the_supervisors_file() -> None:
    data = Path("/home/Иван Петров/100% own")
    parser = ConfigParser()

    parser.read_string(configuration(Trial(data, 8000, 8001, {})))

    sandbox = shlex.split(parser["program:sandbox"]["command"])
    assert sandbox[:4] == [sys.executable, "-m", "launcher.tether", sys.executable]
    assert f"--state={data}/sandbox.sqlite3" in sandbox
    assert parser["program:web"]["stdout_logfile"] == f"{data}/logs/web.log"


def test_supervisors_file_holds_no_secret() -> None:
    given = {
        "SECRET_KEY": "k3y",
        "YANDEX_CLIENT_SECRET": "s3cret",
        "DATABASE_URL": "postgres://p4ss",
    }

    written = configuration(Trial(Path("/data"), 8000, 8001, given))

    assert [value for value in given.values() if value in written] == []
