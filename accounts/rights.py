"""Who may manage whom: staff give and take no more rights than they hold themselves."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q, QuerySet


def permissions_of(user: User) -> QuerySet[Permission]:
    """Return the permissions given to the user, directly and by groups, also while inactive."""
    if user.is_superuser:
        return Permission.objects.all()
    own = Permission.objects.filter(Q(user=user) | Q(group__user=user))
    return Permission.objects.filter(pk__in=own.values("pk"))


def groups_within(user: User) -> QuerySet[Group]:
    """Return the groups that hold no permission that the user lacks."""
    if user.is_superuser:
        return Group.objects.all()
    lacking = Permission.objects.exclude(pk__in=permissions_of(user).values("pk"))
    return Group.objects.exclude(permissions__in=lacking)


def may_manage(actor: User, person: User) -> bool:
    """Return whether the actor may change, delete or reset the person: not one with more rights."""
    if actor.is_superuser:
        return True
    if person.is_superuser:
        return False
    more = permissions_of(person).exclude(pk__in=permissions_of(actor).values("pk"))
    return not more.exists()


def may_manage_group(actor: User, group: Group) -> bool:
    """Return whether the actor may change the group: its rights and all its members."""
    if actor.is_superuser:
        return True
    if not groups_within(actor).filter(pk=group.pk).exists():
        return False
    lacking = Permission.objects.exclude(pk__in=permissions_of(actor).values("pk"))
    superior = (
        Q(is_superuser=True) | Q(user_permissions__in=lacking) | Q(groups__permissions__in=lacking)
    )
    return not group.user_set.filter(superior).exists()
