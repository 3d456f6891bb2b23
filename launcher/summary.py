"""What `./run` says once everything is up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from launcher.trial import Trial


def summary(trial: Trial, ready: Mapping[str, Any]) -> str:
    """Return the text: where to go, how to sign in, what to try, how to stop."""
    return "\n".join(
        ["", *_addresses(trial, ready), "", *_what_to_try(trial), "", *_end(trial), ""]
    )


def _addresses(trial: Trial, ready: Mapping[str, Any]) -> list[str]:
    return [
        f"  CallKeeper and Yandex Metrika are at   {trial.url}/lk/integrations",
        f"  Sign in (вход)                         {ready['username']} / {ready['password']}",
        f"  For support staff, same sign-in        {trial.url}/admin/",
        f"  API for calls                          {trial.url}/api/docs",
        f"  Sandbox instead of Yandex              {trial.sandbox_url or 'not started'}",
    ]


def _what_to_try(trial: Trial) -> list[str]:
    steps = ["«Подключить»: link a Yandex account", "«Добавить счетчики»: choose counters"]
    if trial.sandbox_url:
        steps[0] += " (the sandbox asks whom, in place of Yandex)"
    steps += ["click a counter's name: set what is sent", "«История»: see what became of each call"]
    return ["  Try:", *(f"    {number}. {step}" for number, step in enumerate(steps, 1))]


def _end(trial: Trial) -> list[str]:
    return [
        f"  Logs: {trial.data / 'logs'}   Everything for programs: {trial.ready_file}",
        "  Stop with Ctrl-C; the data are kept (остановить: Ctrl-C, данные сохранятся).",
    ]
