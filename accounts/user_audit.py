"""Records changes of people, groups, rights, memberships, passwords and second factors.

By signals, so that no page and no command can forget it; `QuerySet.update` sends none and must not
be used for these models. Events of people and groups have no cabinet: a person may be in several.
A password is never recorded, only that it was set or removed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import is_password_usable
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save

from accounts import acting
from cabinets import audit
from cabinets.models import Membership

#: Whether code outside requests and commands is recorded; off in tests, for their own rows.
RECORD_BY_DEFAULT = True
DEFAULT = acting.Acting("process")

FIELDS: dict[type[Model], tuple[str, ...]] = {
    User: (
        "username",
        "email",
        "first_name",
        "last_name",
        "is_active",
        "is_staff",
        "is_superuser",
    ),
    Group: ("name",),
    Membership: ("cabinet_id", "user_id", "role"),
    Authenticator: ("user_id", "type"),
}
#: Columns that change whenever a person signs in.
QUIET = {"last_login", "last_used_at", "data"}
RIGHTS: dict[Any, str] = {
    User.groups.through: "groups",
    User.user_permissions.through: "permissions",
    Group.permissions.through: "permissions",
}
BEFORE = "_audited_before"


def remember_before(
    sender: type[Model], instance: Any, update_fields: Iterable[str] | None = None, **_rest: Any
) -> None:
    """Keep the stored values until the row is saved."""
    if _is_quiet(update_fields):
        return
    stored = sender._default_manager.filter(pk=instance.pk).first() if instance.pk else None
    setattr(instance, BEFORE, stored)


def record_save(
    sender: type[Model],
    instance: Any,
    created: bool,
    update_fields: Iterable[str] | None = None,
    **_rest: Any,
) -> None:
    """Record a new row, or the fields that differ."""
    if _is_quiet(update_fields):
        return
    stored = vars(instance).pop(BEFORE, None)
    before, after = ({} if row is None else _values(row) for row in (stored, instance))
    changed = [name for name in after if name not in before or before[name] != after[name]]
    if changed:
        _record(
            instance,
            "added" if created else "changed",
            before={name: before[name] for name in changed if name in before},
            after={name: after[name] for name in changed},
        )
    if isinstance(instance, User):
        _record_password(stored, instance)


def _record_password(stored: User | None, user: User) -> None:
    """Record a password that was set or removed; a stronger hash of the same one is no change."""
    had, has = (
        bool(one and one.password and is_password_usable(one.password)) for one in (stored, user)
    )
    is_rehash = had and has and user._password is None  # type: ignore[attr-defined]
    if not has and had:
        _record(user, "password_removed")
    elif has and (stored is None or stored.password != user.password) and not is_rehash:
        _record(user, "password_set")


def record_delete(sender: type[Model], instance: Any, **_rest: Any) -> None:
    """Record what was deleted."""
    _record(instance, "deleted", before=_values(instance))


def record_rights(
    sender: Any, instance: Any, action: str, reverse: bool, model: Any, pk_set: Any, **_rest: Any
) -> None:
    """Record the groups and permissions that a person or a group got or lost."""
    if action not in ("post_add", "post_remove", "pre_clear"):
        return
    others = list(_related(sender, instance, model, pk_set))
    pairs = [(other, [instance]) for other in others] if reverse else [(instance, others)]
    for subject, rights in pairs:
        if rights:
            values = {RIGHTS[sender]: sorted(_name(one) for one in rights)}
            key = "after" if action == "post_add" else "before"
            _record(subject, "rights_changed", **{key: values})


def _related(sender: Any, instance: Any, model: Any, pk_set: set[int] | None) -> Any:
    """Return the rows on the other side: those named, or all when everything is cleared."""
    if pk_set is not None:
        return model._default_manager.filter(pk__in=pk_set)
    own = next(f for f in sender._meta.fields if f.related_model is type(instance))
    other = next(f for f in sender._meta.fields if f.related_model is model)
    links = sender._default_manager.filter(**{own.name: instance})
    return model._default_manager.filter(pk__in=links.values(other.attname))


def _name(right: Any) -> str:
    if isinstance(right, Group):
        return right.name
    return f"{right.content_type.app_label}.{right.codename}"


def _values(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in FIELDS[type(row)]}


def _is_quiet(update_fields: Iterable[str] | None) -> bool:
    return update_fields is not None and set(update_fields) <= QUIET


def _record(
    subject: Any,
    what: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    context = acting.current() or (DEFAULT if RECORD_BY_DEFAULT else None)
    if context is None:
        return
    actor = context.user()
    audit.log_change(
        cabinet=subject.cabinet if isinstance(subject, Membership) else None,
        actor=actor if actor and actor.is_authenticated and actor.pk else None,
        action=f"{subject._meta.model_name}.{what}",
        subject=subject,
        before=before,
        after={**(after or {}), "how": context.how},
    )


def connect() -> None:
    """Connect the receivers, to these models only: others would lose Django's fast deletes."""
    for model in FIELDS:
        pre_save.connect(remember_before, sender=model)
        post_save.connect(record_save, sender=model)
        post_delete.connect(record_delete, sender=model)
    for through in RIGHTS:
        m2m_changed.connect(record_rights, sender=through)
