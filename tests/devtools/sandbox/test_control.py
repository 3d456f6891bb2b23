from __future__ import annotations

import logging
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from devtools.sandbox import RunningSandbox, start_sandbox
from devtools.sandbox.messages import Request
from devtools.sandbox.options import parse_options
from tests.devtools.sandbox.actor import COUNTER, TIMEOUT, Actor, control, offline

CSV = "ClientId,DateTime,CallTrackerURL\n17,1767607384,https://ct.example/1\n"


def test_ledger_counts_doubles_and_repeated_tracker_urls(actor: Actor) -> None:
    actor.upload(CSV)
    actor.upload(CSV)
    actor.upload(CSV.replace("17,", "18,"))

    assert control(actor.sandbox, "ledger")["ledger"] == [
        {
            "counter": COUNTER,
            "channel": "calls",
            "uploadings": 3,
            "rows": 3,
            "distinct_rows": 2,
            "doubles": 1,
            "with_tracker": 3,
            "repeated_tracker_urls": 1,
        }
    ]


def test_rows_are_paged_oldest_first(actor: Actor) -> None:
    for number in range(3):
        actor.upload(CSV.replace("17,", f"{number},"))

    page = control(actor.sandbox, f"rows?counter={COUNTER}&channel=calls&limit=1&offset=1")
    none = control(actor.sandbox, "rows?counter=1")

    assert page["total"] == 3
    assert [row["ClientId"] for row in page["rows"]] == ["1"]
    assert none == {"total": 0, "rows": []}


def test_held_rows_have_their_origin_and_what_identifies_their_call(actor: Actor) -> None:
    actor.upload(CSV)
    by_click = "Yclid,ClientId,DateTime\n71,,1767607384\n72,73,1767607385\n"
    actor.upload(by_click, comment="ck2")
    first = control(actor.sandbox, "held?limit=1")

    rest = control(actor.sandbox, f"held?after={first['held'][0][0]}")

    assert first["held"] == [[1, COUNTER, "calls", "", "https://ct.example/1", "17", 1767607384]]
    assert rest["held"] == [
        [2, COUNTER, "calls", "ck2", "", "71", 1767607384],
        [3, COUNTER, "calls", "ck2", "", "73", 1767607385],
    ]
    assert first["newest"] == rest["newest"] == 3
    assert control(actor.sandbox, "held?after=3")["held"] == []


def test_journal_counts_requests_and_has_no_token(
    actor: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = actor.link()
    actor.get("/management/v1/counters")

    report = requests.get(actor.sandbox.url + "/_sandbox/requests?last=1", timeout=TIMEOUT)

    assert report.json()["last"][0]["login"] == "okna-stolica"
    assert {"method": "GET", "path": "/management/v1/counters", "status": 200, "count": 1} in (
        report.json()["counts"]
    )
    ours = [entry.getMessage() for entry in caplog.records if "sandbox" in entry.name]
    assert ours
    for secret in (answer["access_token"], answer["refresh_token"]):
        assert secret not in report.text
        assert not any(secret in text for text in ours)
    assert not any(re.search(r"[?&]code=", text) for text in ours)


def test_cleared_journal_still_counts_running_requests(actor: Actor) -> None:
    actor.get("/management/v1/counters")
    journal = actor.sandbox.world.journal

    with journal.watch(asked_by("okna-stolica")), journal.watch(asked_by("okna-stolica")):
        requests.delete(actor.sandbox.url + "/_sandbox/requests", timeout=TIMEOUT)
        forgotten = control(actor.sandbox, "requests")
        with journal.watch(asked_by("okna-stolica")):
            pass
    with journal.watch(asked_by("okna-stolica")):
        pass

    assert (forgotten["total"], forgotten["max_parallel"], forgotten["last"]) == (0, {}, [])
    seen = control(actor.sandbox, "requests")
    assert (seen["total"], seen["max_parallel"]) == (4, {"okna-stolica": 3})
    assert seen["max_per_second"] <= 2


def asked_by(login: str) -> Request:
    """A request as the journal sees it."""
    return Request("GET", "/x", {}, {}, "127.0.0.1", lambda size: b"", login=login)


def test_counter_is_renamed_deleted_and_withdrawn(actor: Actor) -> None:
    path = f"people/okna-stolica/counters/{COUNTER}"
    one = f"/management/v1/counter/{COUNTER}"

    control(actor.sandbox, path, name="Новое имя", site="new.example")
    renamed = actor.get(one)["counter"]
    control(actor.sandbox, path, status="Deleted")
    deleted = actor.upload(CSV)
    control(actor.sandbox, path, permission="none")

    assert (renamed["name"], renamed["site"]) == ("Новое имя", "new.example")
    assert deleted.status_code == 404
    assert actor.call("GET", one).status_code == 403


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("people/nobody/expire-tokens", {"x": 1}, 404),
        ("people/okna-stolica/counters/1", {"name": "x"}, 404),
        (f"people/okna-stolica/counters/{COUNTER}", {"permission": "king"}, 400),
        (f"people/okna-stolica/counters/{COUNTER}", {"id": 5}, 400),
        ("clock", {"advance_seconds": "soon"}, 400),
        ("quotas", {"per_week": 5}, 400),
        ("goals", {"counter": COUNTER}, 400),
        ("scenario", {"name": "utopia"}, 404),
    ],
)
def test_invalid_control_request_is_refused(
    sandbox: RunningSandbox, path: str, body: dict[str, object], status: int
) -> None:
    answer = requests.post(f"{sandbox.url}/_sandbox/{path}", json=body, timeout=TIMEOUT)

    assert answer.status_code == status
    assert len(control(sandbox, "people")["people"]) == 5


def test_revoked_person_has_to_consent_again(actor: Actor) -> None:
    revoked = control(actor.sandbox, "people/okna-stolica/revoke-tokens", now=True)

    assert revoked == {"revoked": 1}
    assert actor.call("GET", "/info").status_code == 401
    assert actor.see_consent(force_confirm="no").status_code == 200


def test_reset_restores_the_scenario(actor: Actor) -> None:
    number = actor.upload(CSV).json()["uploading"]["id"]
    control(actor.sandbox, "clock", advance_seconds=100)

    requests.post(actor.sandbox.url + "/_sandbox/reset", timeout=TIMEOUT)

    assert control(actor.sandbox, "rows")["total"] == 0
    assert control(actor.sandbox, "clock")["offset_seconds"] == 0
    actor.link()
    assert actor.upload(CSV).json()["uploading"]["id"] > number


@pytest.mark.parametrize(
    ("name", "status"), [("quota", 429), ("outage", 502), ("denied", 403), ("empty", 200)]
)
def test_scenario_switches_its_faults_on(actor: Actor, name: str, status: int) -> None:
    control(actor.sandbox, "scenario", name=name)
    actor.link()

    assert actor.call("GET", "/management/v1/counters").status_code == status
    assert control(actor.sandbox, "health")["scenario"] == name


def test_pages_escape_uploaded_values(actor: Actor) -> None:
    actor.upload('ClientId,DateTime,Tag\n17,1767607384,"<script>1</script>"\n', comment="ck1")

    index = requests.get(actor.sandbox.url + "/", timeout=TIMEOUT).text
    page = requests.get(f"{actor.sandbox.url}/dashboard?id={COUNTER}", timeout=TIMEOUT).text

    assert f"/dashboard?id={COUNTER}" in index
    assert "Что получила Метрика: Окна Столица" in page
    assert "<td>ck1</td>" in page
    assert "&lt;script&gt;1&lt;/script&gt;" in page
    assert "<script>" not in page


def test_process_stops_within_a_second_of_sigterm_and_keeps_its_state(tmp_path: Path) -> None:
    state = tmp_path / "sandbox.sqlite3"
    command = [sys.executable, "-m", "devtools.sandbox", "--port", "0", "--state", str(state)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        ready = process.stderr.readline()
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=60)

    assert "this is not Yandex" in ready
    assert code == 0
    assert time.monotonic() - started < 1
    assert state.stat().st_size > 0


def test_killed_process_has_stored_what_it_confirmed(tmp_path: Path) -> None:
    state = tmp_path / "sandbox.sqlite3"
    command = [sys.executable, "-m", "devtools.sandbox", "--port", "0", "--state", str(state)]
    kept = start_sandbox(state=str(state))
    actor = Actor(kept)
    actor.link()
    kept.close()

    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = re.search(r"http://[0-9.:]+", process.stderr.readline())
        assert found is not None
        files = {"file": CSV.encode()}
        headers = {"Authorization": f"OAuth {actor.token}"}
        url = found[0] + offline("upload_calls")
        answer = requests.post(url, files=files, headers=headers, timeout=TIMEOUT)
        process.kill()

    again = start_sandbox(state=str(state))
    rows = control(again, "rows")["rows"]
    again.close()
    actor.browser.close()
    assert [row["uploading_id"] for row in rows] == [answer.json()["uploading"]["id"]]


def test_environment_supplies_options_missing_on_the_command_line() -> None:
    environment = {
        "SANDBOX_PORT": "9001",
        "SANDBOX_RIPEN_SECONDS": "0.5",
        "SANDBOX_REDIRECT_URI": "http://a/cb http://b/cb",
    }

    options = parse_options(["--client-id", "mine", "--port", "9002"], environment)

    assert (options.port, options.client_id, options.ripen_seconds) == (9002, "mine", 0.5)
    assert options.redirect_uris == ("http://a/cb", "http://b/cb")


def test_taken_port_is_reported_in_a_sentence(sandbox: RunningSandbox) -> None:
    port = sandbox.url.rpartition(":")[2]
    command = [sys.executable, "-m", "devtools.sandbox", "--port", port]

    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)

    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_options_reach_the_sandbox() -> None:
    running = start_sandbox(
        client_id="mine", client_secret="secret", redirect_uris=("http://127.0.0.1:9/cb",)
    )
    actor = Actor(running)
    actor.link()

    listed = actor.get(offline("calls_uploadings"))
    running.close()
    actor.browser.close()

    assert listed == {"uploadings": []}
