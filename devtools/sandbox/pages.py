"""HTML of the sandbox. Every value from a request goes through ``escape``."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from html import escape

PAGE = """<!doctype html>
<html lang="ru"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><link rel="stylesheet" href="/_sandbox/static/sandbox.css"></head>
<body><p class="banner" role="note">Песочница: это не Яндекс. Настоящие пароли и аккаунты
здесь не нужны.</p><main class="{kind}">{content}</main></body></html>
"""

SCOPES = {
    "login:info": ("Логин, имя и фамилия, пол", "Яндекс ID"),
    "login:email": ("Адрес электронной почты", "Яндекс ID"),
    "login:avatar": ("Портрет пользователя", "Яндекс ID"),
    "metrika:read": (
        "Получение статистики, чтение параметров своих и доверенных счетчиков",
        "Яндекс Метрика",
    ),
    "metrika:write": (
        "Создание счетчиков, изменение параметров своих и доверенных счетчиков",
        "Яндекс Метрика",
    ),
    "metrika:offline_data": (
        "Загрузка офлайн-данных: данных CRM, офлайн-конверсий, звонков",
        "Яндекс Метрика",
    ),
}


def page(title: str, content: str, kind: str = "card") -> str:
    return PAGE.format(title=escape(title), content=content, kind=kind)


def bad_request(reason: str) -> str:
    content = (
        f"<h1>400</h1><p>{escape(reason)}</p><p class='note'>Приложение не получит ответа.</p>"
    )
    return page("Ошибка авторизации", content)


def consent(
    *,
    query: str,
    app: str,
    host: str,
    scopes: Iterable[str],
    optional_scopes: Iterable[str],
    people: Iterable[sqlite3.Row],
    chosen: str,
    device_name: str,
) -> str:
    """The consent page: choice of account, scopes, «Разрешить» and «Отказать»."""
    device = f"<p class='note'>Устройство: {escape(device_name)}</p>" if device_name else ""
    fixed = [_scope(scope) for scope in scopes]
    ticked = [_scope(scope, is_optional=True) for scope in optional_scopes if scope not in scopes]
    content = f"""
<p class="logo" aria-hidden="true"><b>Я</b>ндекс ID <i>песочница</i></p>
<h1>{escape(app)} запрашивает доступ к вашим данным</h1>
<p class="note">После ответа вы вернетесь на сайт {escape(host)}</p>
<form method="post" action="/authorize?{escape(query)}">
<fieldset><legend>Выберите аккаунт</legend>{_accounts(people, chosen)}</fieldset>
<h2>Приложение получит доступ:</h2><ul class="scopes">{"".join(fixed + ticked)}</ul>{device}
<div class="buttons">
<button class="allow" name="decision" value="allow">Разрешить</button>
<button class="deny" name="decision" value="deny" formnovalidate>Отказать</button>
</div></form>"""
    return page(f"Доступ для {app}", content)


def _accounts(people: Iterable[sqlite3.Row], chosen: str) -> str:
    return "".join(_account(person, is_chosen=person["login"] == chosen) for person in people)


def _account(person: sqlite3.Row, *, is_chosen: bool) -> str:
    login = escape(person["login"])
    name = escape(f"{person['first_name']} {person['last_name']}")
    checked = " checked" if is_chosen else ""
    return (
        "<label class='account'>"
        f"<input type='radio' name='login' value='{login}' required{checked}>"
        f"<span class='who'><b>{name}</b><span>{login}@yandex.ru</span>"
        f"<small>{escape(person['about'])}</small></span></label>"
    )


def _scope(scope: str, *, is_optional: bool = False) -> str:
    words, service = SCOPES.get(scope, (scope, ""))
    text = f"{escape(words)} <small>{escape(service)}</small>"
    if not is_optional:
        return f"<li>{text}</li>"
    box = f"<input type='checkbox' name='optional' value='{escape(scope)}' checked>"
    return f"<li><label>{box} {text}</label></li>"


def table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    head = "".join(f"<th scope='col'>{escape(heading)}</th>" for heading in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        "<div class='scroll' tabindex='0'><table>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
