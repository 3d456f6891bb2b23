"""The people of a cabinet: change a role, remove, leave, hand the cabinet over.

Every change locks the cabinet's row first and reads the roles after that, so that changes of
two people at once cannot leave a cabinet without an owner. `accounts.user_audit` records them.
"""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef

from cabinets.models import Cabinet, Membership


class NotAllowed(Exception):
    """The actor's role, as it is now, does not allow the change."""


class PersonGone(Exception):
    """The person is not in the cabinet any more."""


class LastOwner(Exception):
    """The cabinet would be left without an owner."""


def members_of(cabinet: Cabinet) -> list[Membership]:
    """Return the cabinet's members with their users: owners, then managers, then viewers."""
    order = list(Membership.Role.values)
    members = cabinet.memberships.select_related("user").order_by("pk")
    return sorted(members, key=lambda one: order.index(one.role))


def name_of(user: User, *, sees_all: bool) -> str:
    """Return the person's name, else the e-mail, else the login.

    Who does not see all (`Membership.can_manage`) gets the login instead of the e-mail, and one
    that is an e-mail masked. Every page that names colleagues takes it from here.
    """
    name = user.get_full_name()
    if sees_all:
        return name or user.email or user.get_username()
    return name or masked_email(user.get_username())


def masked_email(text: str) -> str:
    """Return `a***@okna.example`; a text that is no address stays."""
    box, at, domain = text.partition("@")
    return f"{box[:1]}***@{domain}" if at else text


@transaction.atomic
def change_role(*, cabinet: Cabinet, actor: User, member_pk: int, role: str) -> Membership:
    """Give the person another role below ownership; the same role again changes nothing.

    Raises PersonGone, and NotAllowed also for the own role.
    """
    own, target = _locked(cabinet, actor, member_pk)
    if own == target or role not in own.given_roles or not may_change(own, target):
        raise NotAllowed
    if target.role != role:
        target.role = role
        target.save(update_fields=["role"])
    return target


@transaction.atomic
def remove(*, cabinet: Cabinet, actor: User, member_pk: int) -> Membership:
    """Take the person out of the cabinet. Raises PersonGone and NotAllowed."""
    own, target = _locked(cabinet, actor, member_pk)
    if own == target or not may_change(own, target):
        raise NotAllowed
    _delete(target)
    return target


@transaction.atomic
def leave(*, cabinet: Cabinet, actor: User) -> None:
    """Take the actor out of the cabinet. Raises PersonGone, and LastOwner for its only owner."""
    members = _lock_members(cabinet)
    own = next((one for one in members if one.user_id == actor.pk), None)
    if own is None:
        raise PersonGone
    if not any(one.role == Membership.Role.OWNER for one in members if one != own):
        raise LastOwner
    _delete(own)


@transaction.atomic
def hand_over(*, cabinet: Cabinet, actor: User, member_pk: int) -> Membership:
    """Make the person the owner and the actor, who is one, a manager.

    Raises PersonGone and NotAllowed.
    """
    own, target = _locked(cabinet, actor, member_pk)
    if own == target or own.role != Membership.Role.OWNER:
        raise NotAllowed
    for one, role in ((target, Membership.Role.OWNER), (own, Membership.Role.MANAGER)):
        if one.role != role:
            one.role = role
            one.save(update_fields=["role"])
    return target


def may_change(own: Membership, target: Membership) -> bool:
    """Return whether the one may change the other's role or remove them; an owner may anybody."""
    return own.role == Membership.Role.OWNER or target.role in own.given_roles


@transaction.atomic
def left_without_owner(memberships: Collection[int]) -> list[Cabinet]:
    """Return the cabinets, locked, all of whose owners are among these memberships."""
    owners = Membership.objects.filter(role=Membership.Role.OWNER)
    touched = Cabinet.objects.filter(memberships__in=owners.filter(pk__in=memberships))
    locked = [one.pk for one in touched.select_for_update(of=("self",)).order_by("pk")]
    others = owners.filter(cabinet=OuterRef("pk")).exclude(pk__in=memberships)
    return list(Cabinet.objects.filter(~Exists(others), pk__in=locked).order_by("pk"))


def _locked(cabinet: Cabinet, actor: User, member_pk: int) -> tuple[Membership, Membership]:
    """Lock the cabinet; return the memberships of the actor and of the person."""
    members = _lock_members(cabinet)
    own = next((one for one in members if one.user_id == actor.pk), None)
    target = next((one for one in members if one.pk == member_pk), None)
    if own is None:
        raise NotAllowed
    if target is None:
        raise PersonGone
    return own, target


def _lock_members(cabinet: Cabinet) -> list[Membership]:
    Cabinet.objects.select_for_update().get(pk=cabinet.pk)
    return members_of(cabinet)


def _delete(membership: Membership) -> None:
    """Delete the row; the object keeps its key for messages and comparisons."""
    pk = membership.pk
    membership.delete()
    membership.pk = pk
