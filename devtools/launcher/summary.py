"""What `./run` says once everything is up."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from devtools.launcher.run_config import DEFAULT_DATA, Trial


def summary(trial: Trial, ready: Mapping[str, Any]) -> str:
    """Return the text: where to go, how to sign in, what to try, how to stop."""
    return "\n".join(
        ["", *_addresses(trial, ready), "", *_what_to_try(trial, ready), "", *_end(trial), ""]
    )


def _addresses(trial: Trial, ready: Mapping[str, Any]) -> list[str]:
    return [
        f"  CallKeeper and Yandex Metrika are at   {trial.url}/lk/integrations",
        f"  Sign in (вход)                         {ready['username']} / {ready['password']}",
        f"  For support staff, same sign-in        {trial.url}/admin/",
        f"  API for calls                          {trial.url}/api/docs",
        f"  Sandbox instead of Yandex              {trial.sandbox_url or 'not started'}",
    ]


def _what_to_try(trial: Trial, ready: Mapping[str, Any]) -> list[str]:
    steps = ["«Подключить»: link a Yandex account", "«Добавить счетчики»: choose counters"]
    if trial.sandbox_url:
        steps[0] += " (the sandbox asks whom, in place of Yandex)"
    steps += ["click a counter's name: set what is sent", "«История»: see what became of each call"]
    steps.append(f"send calls of your own, from another terminal:\n       {_import(trial, ready)}")
    return ["  Try:", *(f"    {number}. {step}" for number, step in enumerate(steps, 1))]


def _import(trial: Trial, ready: Mapping[str, Any]) -> str:
    elsewhere = "" if trial.data == DEFAULT_DATA else f"DATA_DIR={shlex.quote(str(trial.data))} "
    return f"{elsewhere}./run manage import_calls calls.json --source {ready['source']['id']}"


def _end(trial: Trial) -> list[str]:
    return [
        f"  Logs: {trial.data / 'logs'}   Everything for programs: {trial.ready_file}",
        "  Stop with Ctrl-C; the data are kept (остановить: Ctrl-C, данные сохранятся).",
    ]
