"""The text that `./run` prints once everything runs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from devtools.launcher.run_config import DEFAULT_DATA, RunConfig


def summary(config: RunConfig, ready: Mapping[str, Any]) -> str:
    """Return the text: addresses, sign-in, steps to try, how to stop."""
    return "\n".join(
        ["", *_addresses(config, ready), "", *_what_to_try(config, ready), "", *_end(config), ""]
    )


def _addresses(config: RunConfig, ready: Mapping[str, Any]) -> list[str]:
    return [
        f"  CallKeeper and Yandex Metrika are at   {config.url}/lk/integrations",
        f"  Sign in (вход)                         {ready['username']} / {ready['password']}",
        f"  For support staff, same sign-in        {config.url}/admin/",
        f"  API for calls                          {config.url}/api/docs",
        f"  Sandbox instead of Yandex              {config.sandbox_url or 'not started'}",
    ]


def _what_to_try(config: RunConfig, ready: Mapping[str, Any]) -> list[str]:
    steps = ["«Подключить»: link a Yandex account", "«Добавить счетчики»: choose counters"]
    if config.sandbox_url:
        steps[0] += " (the sandbox asks whom, in place of Yandex)"
    steps += ["click a counter's name: set what is sent", "«История»: see what became of each call"]
    steps.append(f"send calls of your own, from another terminal:\n       {_import(config, ready)}")
    return ["  Try:", *(f"    {number}. {step}" for number, step in enumerate(steps, 1))]


def _import(config: RunConfig, ready: Mapping[str, Any]) -> str:
    elsewhere = "" if config.data == DEFAULT_DATA else f"DATA_DIR={shlex.quote(str(config.data))} "
    return f"{elsewhere}./run manage import_calls calls.json --source {ready['source']['id']}"


def _end(config: RunConfig) -> list[str]:
    return [
        f"  Logs: {config.data / 'logs'}   Everything for programs: {config.ready_file}",
        "  Stop with Ctrl-C; the data are kept (остановить: Ctrl-C, данные сохранятся).",
    ]
