"""Letting people and programs in: invitations, resets, leaving, keys, and what is noted of those who were not let in.

What proves who somebody is lies in `people`; that it was made, changed or taken away is a fact of the house.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from cuga.errors import BadInput, CugaError, InvalidTransition, NotAllowed, NotFound, NotSignedIn
from cuga.model import house_event as h
from cuga.model.context import SYSTEM, Principal
from cuga.model.value import Value
from cuga.orchestrator.changing.noticing import Noticing, mail_address
from cuga.people.credentials import INVITED, WELCOME, Credentials, Key
from cuga.people.oidc import Identity
from cuga.policy.access import ROLES, Verb, Whose, may, roles_of

_THEN = datetime.min.replace(tzinfo=UTC)  # `change` sets the time
KEY_DAYS = 90
MOST_KEY_DAYS = 366
BURST = 5  # failed logins of one name that are worth a fact
WITHIN = timedelta(minutes=15)


class Invited(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A link that lets somebody set a password, once. It is shown now and kept nowhere.

    `mailed_to` is where it was mailed, and empty when it was not; `not_mailed` then says why, if it was asked for.
    """

    user: str
    link: str
    expires_at: datetime
    mailed_to: str = ""
    not_mailed: str = ""


class NewKey(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A key and its text, which is shown now and kept nowhere."""

    key: Key
    text: str


class Person(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Somebody of the house. `seen_at`: when a browser of theirs that is signed in was last used."""

    user: str
    roles: tuple[str, ...]
    has_password: bool
    seen_at: datetime | None
    is_owner: bool


class Left(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Who left, who sees their things through, and what of theirs is open."""

    user: str
    hand_over_to: str
    roles: tuple[str, ...]
    approvals: int  # open requests that both of them could decide, before and now


class Doorkeeping(Noticing):
    """Who is let in, at the front door."""

    async def credentials(self) -> Credentials:
        """What proves who somebody is, opened when first asked for."""
        return (await self.open()).credentials()

    async def login_link(self, user: str = "", by: Principal | None = None) -> str:
        """A link that signs oneself in once, within half an hour."""
        who = by or await self.principal()
        if user and user != who.id:
            raise NotAllowed(f"a link for {user} is theirs to ask for", mend=f"Invite them: cuga users invite {user}")
        assembly = await self.open()
        if assembly.current.roles and not roles_of(who, assembly.current):
            raise NotAllowed(f"{who.id} has no role in this house")
        token = assembly.credentials().make_link(who.id, "welcome", WELCOME)
        return f"{assembly.served_at}/#/welcome/{token}"

    async def invite(
        self, user: str, roles: Sequence[str] = (), by: Principal | None = None, *, mail_to: str = ""
    ) -> Invited:
        """Add a person, or invite one again who is here already, with a link to set a password.

        With `mail_to` the link is mailed there, too; what kept it from that is said, and the link is there anyway.
        """
        assembly = await self.open()
        _named(user)
        if mail_to:
            mail_address(mail_to)
        if user not in assembly.current.roles:
            if not roles:
                raise BadInput(f"{user} needs a role", mend=f"Give one or more of {', '.join(ROLES)}.")
            await self.change(h.UserAdded(at=_THEN, user=user, roles=tuple(roles)), by)
        elif roles and set(roles) != set(assembly.current.roles[user]):
            raise InvalidTransition(f"{user} is here already, as {', '.join(assembly.current.roles[user])}")
        made = await self._link(user, "invitation", by)
        return await self._mailed(made, mail_to, by) if mail_to else made

    async def reset_password(self, user: str, by: Principal | None = None) -> Invited:
        """Take a person's password and sessions away, and make a link to set a new one."""
        if user not in (await self.open()).current.roles:
            raise BadInput(f"{user} is nobody of this house")
        return await self._link(user, "reset", by)

    async def _link(self, user: str, purpose: str, by: Principal | None) -> Invited:
        assembly = await self.open()
        await self.change(h.UserInvited(at=_THEN, user=user, purpose=purpose), by)
        if purpose == "reset":
            assembly.credentials().forget_password(user)
        token = assembly.credentials().make_link(user, purpose, INVITED)
        return Invited(
            user=user,
            link=f"{assembly.served_at}/#/{purpose}/{token}",
            expires_at=assembly.clock.now() + INVITED,
        )

    async def _mailed(self, made: Invited, to: str, by: Principal | None) -> Invited:
        assembly = await self.open()
        if not assembly.served_at:
            return msgspec.structs.replace(made, not_mailed="the house is not served now, so the link leads nowhere")
        who = by or await self.principal()
        path = made.link.removeprefix(assembly.served_at)
        try:
            await (await self.postman()).invite(to, path, by=who.id, until=made.expires_at)
        except CugaError as error:
            return msgspec.structs.replace(made, not_mailed=error.message)
        return msgspec.structs.replace(made, mailed_to=to)

    async def set_roles(self, user: str, roles: Sequence[str], by: Principal | None = None) -> None:
        """Give a person these roles and no others."""
        held = (await self.open()).current.roles.get(user)
        if held is None:
            raise NotFound(f"{user} is nobody of this house", mend="Invite them first.")
        for role in dict.fromkeys(roles):
            if role not in held:
                await self.change(h.RoleGranted(at=_THEN, user=user, role=role), by)
        for role in held:
            if role not in roles:
                await self.change(h.RoleRevoked(at=_THEN, user=user, role=role), by)

    async def people(self) -> list[Person]:
        """Everybody of the house, with what lets them in."""
        assembly = await self.open()
        kept = assembly.credentials()
        roles = assembly.current.roles or {assembly.state.owner or self.user: ROLES}
        return [
            Person(
                user=user,
                roles=held,
                has_password=bool(kept.password_hash(user)),
                seen_at=kept.last_seen(user),
                is_owner=user == assembly.state.owner,
            )
            for user, held in sorted(roles.items())
        ]

    async def user_leaves(self, user: str, hand_over_to: str = "", by: Principal | None = None) -> Left:
        """Let a person go. Whoever takes over sees their runs through and decides what they would have."""
        assembly = await self.open()
        held = assembly.current.roles.get(user, ())
        has = assembly.current.roles.get(hand_over_to, ())
        handed = tuple(role for role in held if role == "approver" and role not in has) if hand_over_to else ()
        await self.change(h.UserLeft(at=_THEN, user=user, hand_over_to=hand_over_to, roles=handed), by)
        assembly.credentials().forget(user)
        waiting = await assembly.journal.open_approvals(tenant=assembly.tenant, limit=1_000)
        able = [one for one in waiting if hand_over_to and hand_over_to not in one.requesters]
        return Left(user=user, hand_over_to=hand_over_to, roles=handed, approvals=len(able) if held else 0)

    async def make_key(
        self,
        scopes: Sequence[str],
        label: str = "",
        days: float = KEY_DAYS,
        user: str = "",
        by: Principal | None = None,
    ) -> NewKey:
        """Make a key for a program that acts for a person, oneself unless told otherwise, within scopes."""
        if not 0 < days <= MOST_KEY_DAYS:
            raise BadInput(f"a key lasts up to {MOST_KEY_DAYS} days", mend="Make a new one when it is over.")
        if len(label) > 100:
            raise BadInput("a label has at most 100 characters")
        assembly = await self.open()
        who = by or await self.principal()
        owner = user or who.id
        if owner != who.id:
            raise NotAllowed(f"a key of {owner} is theirs to make")
        key_id, wanted = assembly.clock.new_id(), tuple(dict.fromkeys(scopes))
        expires = assembly.clock.now() + timedelta(days=days)
        await self.change(
            h.KeyMade(at=_THEN, key_id=key_id, user=owner, label=label, scopes=wanted, expires_at=expires), who
        )
        text = assembly.credentials().make_key(key_id, owner, label, wanted, timedelta(days=days))
        return NewKey(key=assembly.credentials().key_named(key_id), text=text)

    async def keys(self, by: Principal | None = None) -> list[Key]:
        """One's own keys; for an admin all of them."""
        assembly = await self.open()
        who = by or await self.principal()
        sees_all = may(who, Verb.KEYS, assembly.current, Whose.OTHERS).allowed
        known = (key for key in assembly.credentials().all_keys() if key.key_id in assembly.state.keys)
        return [key for key in known if sees_all or key.user == who.id]

    async def revoke_key(self, key_id: str, by: Principal | None = None) -> None:
        """Let a key let nobody in any more."""
        assembly = await self.open()
        key = assembly.credentials().key_named(key_id)
        await self.change(h.KeyRevoked(at=_THEN, key_id=key_id, user=key.user), by)
        assembly.credentials().drop_key(key_id)

    async def user_of(self, identity: Identity) -> str:
        """Who of this house somebody is whom an OpenID provider knows; `NotSignedIn` for strangers.

        The first time they are known by their verified address, from then on by their account.
        """
        assembly = await self.open()
        known, roles = assembly.credentials(), assembly.current.roles
        user = known.account(identity.issuer, identity.subject)
        if user in roles:
            return user
        for name in identity.names:
            if name in roles:
                known.link_account(identity.issuer, identity.subject, name)
                return name
        who = " or ".join(identity.names) or identity.subject
        raise NotSignedIn(
            f"{who} is nobody of this house", mend="An admin can add them: cuga users add NAME --role ROLE"
        )

    async def login_failed(self, user: str) -> None:
        """Note that somebody was not let in; a burst of it becomes a fact of the house."""
        assembly = await self.open()
        if user not in assembly.current.roles:
            return  # whoever guesses names writes nothing into the journal
        failures = assembly.failed_logins
        now = assembly.clock.now()
        recent = [at for at in failures.get(user, ()) if now - at < WITHIN] + [now]
        failures[user] = recent
        if len(recent) == BURST:
            failures[user] = []
            await assembly.change(h.LoginsFailed(at=now, by=SYSTEM.id, user=user, times=BURST), SYSTEM)


def _named(user: str) -> None:
    if not user or len(user) > 100 or not user.isprintable() or user != user.strip() or user == SYSTEM.id:
        raise BadInput(f"{user!r} cannot be a person's name here", mend="Take up to 100 printable characters.")
