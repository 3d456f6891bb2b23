"""Which notices a member of a cabinet is sent, and how: the choice made, or the defaults."""

from __future__ import annotations

from collections.abc import Collection

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist

from accounts.emails import confirmed_address
from cabinets.models import Membership
from notices.kinds import Group
from notices.models import Medium, NoticeChoice, TelegramLink

ALL_GROUPS: tuple[str, ...] = tuple(Group.values)
#: What has to be loaded with a membership.
RELATED = ("user__telegram_link", "notice_choice")


def choice_of(membership: Membership) -> NoticeChoice:
    """Return the choice of the member, an unsaved one with the defaults if there is none."""
    try:
        return membership.notice_choice
    except ObjectDoesNotExist:
        return NoticeChoice(membership=membership)


def telegram_of(user: User) -> TelegramLink | None:
    """Return the person's chat, or a code that waits for one; None without both."""
    try:
        return user.telegram_link
    except ObjectDoesNotExist:
        return None


def groups_of(membership: Membership, medium: Medium) -> Collection[str]:
    """Return the groups that the member is sent by this medium, if it can reach them at all.

    By default e-mails go to those who can act, and a chat gets everything: it was linked for that.
    """
    choice = choice_of(membership)
    if medium is Medium.TELEGRAM:
        return ALL_GROUPS if choice.telegram_groups is None else choice.telegram_groups
    if choice.email_groups is not None:
        return choice.email_groups
    return ALL_GROUPS if membership.can_manage else ()


def reachable_by(user: User) -> list[Medium]:
    """Return the media by which the person can be reached now."""
    chat = telegram_of(user)
    has_mail = bool(settings.EMAIL_HOST and confirmed_address(user))
    has_chat = bool(settings.TELEGRAM_BOT_TOKEN and chat and chat.chat_id)
    found = [Medium.EMAIL] if has_mail and user.is_active else []
    return [*found, *([Medium.TELEGRAM] if has_chat and user.is_active else [])]
