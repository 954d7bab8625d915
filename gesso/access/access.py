"""Who may in: keys and cookies are proved, and the proof remembered until anything changes."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from gesso.access import accounts, audited, keys, logins, passwords, persons, tokens
from gesso.access.accounts import Account
from gesso.access.grants import Grant, check_first_password
from gesso.access.identity import Identity, Via
from gesso.access.keys import Key, NewKey
from gesso.access.limits import Allowance, allowance
from gesso.access.logins import NewLogin
from gesso.access.passwords import NOT_RIGHT, Passwords
from gesso.access.proof import look_up
from gesso.access.scopes import FOR_OTHERS, Role, parse
from gesso.config.limits import RolesConfig
from gesso.database.database import Database
from gesso.errors import AccountsUnreadable, Forbidden, RequestError, StorageError, Unauthorized

logger = logging.getLogger(__name__)

T = TypeVar("T")

# What another process revokes is noticed this much later; what we revoke, at once.
RECHECK_S = 1.0
REMEMBERED = 4096

# How it was sent, and its digest: what a key opens in a header it may not open in an address.
_Token = tuple[Via, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proof:
    """What the store said of a token, and until when that may be believed."""

    identity: Identity
    ends: float | None
    checked: float


class Access:
    """The accounts, keys and logins of one gateway.

    Fails closed: a store that cannot be read is AccountsUnreadable (503), never "nobody" and never "anybody".
    `clock` gives seconds since 1970; `timer` only ever goes forward; `limits` are those of the roles.
    """

    def __init__(
        self,
        db: Database,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
        limits: RolesConfig | None = None,
        passwords: Passwords | None = None,
    ) -> None:
        self._db = db
        self._limits = limits or RolesConfig()
        self._passwords = passwords or Passwords()
        self._clock = clock
        self._timer = timer
        self._proofs: dict[_Token, _Proof] = {}
        self._asking: dict[_Token, asyncio.Task[_Proof]] = {}
        self._generation = 0
        self._changed = asyncio.Event()

    async def identify_key(self, token: str) -> Identity:
        """Whose key this is. Unauthorized when it is unknown, expired or revoked, or its account disabled."""
        if not tokens.looks_like_key(token):
            raise Unauthorized("This is not a key of gesso.")
        return await self._identify(token, Via.KEY)

    async def identify_url_key(self, token: str) -> Identity:
        """As `identify_key`, of a key in an address, made for that. Unauthorized never says why not."""
        try:
            if tokens.looks_like_key(token):
                return await self._identify(token, Via.URL)
        except Unauthorized as error:
            raise _closed() from error
        raise _closed()

    async def identify_session(self, cookie: str) -> Identity:
        """Whose login this cookie is; Unauthorized when it has ended, or the key it was opened with has."""
        if not tokens.looks_like_cookie(cookie):
            raise Unauthorized("This is not a login of gesso.")
        return await self._identify(cookie, Via.COOKIE)

    @property
    def generation(self) -> int:
        """Grows with each change; to be noted before asking, and given to `changed`."""
        return self._generation

    async def changed(self, since: int) -> None:
        """Returns when something was taken back here: whoever stays connected must prove itself anew."""
        if self._generation == since:
            await self._changed.wait()

    async def ensure_admin(self) -> NewKey | None:
        """On the very first start: the account "admin" and a key of it, told this once. Later: None."""
        return await self._db.tx(audited.first_admin, self._clock())

    async def accounts(self) -> list[Account]:
        return await self._db.read(accounts.every)

    async def account(self, name: str) -> Account:
        """The account of this name or id; NotFound if there is none."""
        return await self._db.read(accounts.find, name)

    async def create_account(
        self, name: str, role: Role = Role.USER, *, by: Identity | None = None, address: str | None = None
    ) -> Account:
        return await self._db.tx(audited.create_account, name, role, by, address, self._clock())

    async def person(self, service: Identity, name: str, *, address: str | None = None) -> Identity:
        """Who is behind a request of a service that may act for others: an account of the service's own.

        It may no more than what is its own, and is made when the service first names it. Forbidden when it is
        disabled.
        """
        service.require(FOR_OTHERS)
        account = await self._db.read(persons.find, service.name, name)
        if account is None:
            account = await self._db.tx(audited.create_person, service, name, address, self._clock())
        if account.disabled:
            raise Forbidden(f"The account {account.name!r} is disabled.")
        allowed = self.allowance(account)
        return replace(
            service,
            account_id=account.id,
            name=account.name,
            role=account.role,
            scopes=frozenset({"jobs:own"}),
            allowance=allowed,
            has_password=account.has_password,
        )

    async def set_disabled(
        self, name: str, disabled: bool, *, by: Identity | None = None, address: str | None = None
    ) -> Account:
        return await self._change(audited.set_disabled, name, disabled, by, address, self._clock())

    async def set_limits(
        self, name: str, change: Mapping[str, Any], *, by: Identity | None = None, address: str | None = None
    ) -> Account:
        """Change an account's own limits and weight: {"jobs_running": 2, "storage": None, "weight": 2.0}.

        None: back to the role's; "none": no limit. It counts from the next request on.
        """
        return await self._change(audited.set_limits, name, change, by, address, self._clock())

    def allowance(self, account: Account) -> Allowance:
        """What the account may have and do."""
        return allowance(self._limits, account.role, account.limits, account.weight)

    async def keys(self, account_id: str | None = None) -> list[Key]:
        """The keys of one account, or of all."""
        return await self._db.read(keys.every, account_id)

    async def create_key(
        self,
        account: str,
        name: str,
        *,
        scopes: Iterable[str] | None = None,
        expires: float | None = None,
        in_url: bool = False,
        by: Identity | None = None,
        address: str | None = None,
    ) -> NewKey:
        """A key for the account of this name or id. `by` gives no more than it has; None is the operator."""
        grant = Grant(scopes=None if scopes is None else parse(scopes), expires=expires, in_url=in_url)
        return await self._db.tx(audited.create_key, account, name, grant, by, address, self._clock())

    async def revoke_key(
        self,
        key_id: str,
        account_id: str | None = None,
        *,
        by: Identity | None = None,
        address: str | None = None,
    ) -> Key:
        """Revoke a key, only if it is this account's where one is named. It opens nothing from now on."""
        return await self._change(audited.revoke_key, key_id, account_id, by, address, self._clock())

    async def open_login(
        self, identity: Identity, lasts_s: float = logins.LASTS_S, *, address: str | None = None
    ) -> NewLogin:
        """A browser's login with the key that `identity` came with."""
        if identity.key_id is None:
            raise Unauthorized("A login needs a key.")
        return await self._db.tx(
            audited.open_login, identity, identity.key_id, address, self._clock(), lasts_s
        )

    async def sign_in(
        self, name: str, password: str, lasts_s: float = logins.LASTS_S, *, address: str | None = None
    ) -> NewLogin:
        """A browser's login with a password. Unauthorized says, and takes as long for, the same always."""
        try:
            found = await self._db.read(passwords.stored, name)
        except StorageError as error:
            raise AccountsUnreadable() from error
        checked = await self._passwords.check(found.hash, password)
        if not checked.right or found.account is None or found.hash is None or found.account.disabled:
            raise Unauthorized(NOT_RIGHT)
        renewed = checked.renewed
        return await self._db.tx(
            audited.sign_in, found.account.id, found.hash, renewed, address, self._clock(), lasts_s
        )

    async def any_passwords(self) -> bool:
        """Whether anybody here can sign in with one."""
        return await self._db.read(passwords.any_exists)

    async def change_password(
        self, by: Identity, old: str | None, new: str, *, keep: str | None = None, address: str | None = None
    ) -> Account:
        """One's own. Forbidden when `old` is not the present one; not asked for where there is none yet.

        The account's logins end, but for the one with the cookie `keep`; its keys go on.
        """
        if by.via is Via.URL:
            raise Forbidden(
                "A key in an address changes no password.", remedy="Sign in, or send it in a header."
            )
        passwords.acceptable(new)
        found = await self._db.read(passwords.stored_of, by.account_id)
        if found.hash is None:
            check_first_password(by)
        elif old is None:
            raise RequestError("The present password is needed as well.")
        elif not (await self._passwords.check(found.hash, old)).right:
            raise Forbidden(
                "The present password is not right.", remedy="Ask an administrator for a new one."
            )
        made = await self._passwords.hash(new)
        return await self._set_password(by.account_id, found.hash, made, keep, by, address)

    async def set_password(
        self,
        name: str,
        new: str | None,
        *,
        keep: str | None = None,
        by: Identity | None = None,
        address: str | None = None,
    ) -> Account:
        """Anybody's, without the present one; None removes it. Logins end as with `change_password`."""
        made = None if new is None else await self._passwords.hash(new)
        account = await self.account(name)
        found = await self._db.read(passwords.stored_of, account.id)
        return await self._set_password(account.id, found.hash, made, keep, by, address)

    async def _set_password(
        self,
        account_id: str,
        old: str | None,
        new: str | None,
        keep: str | None,
        by: Identity | None,
        address: str | None,
    ) -> Account:
        kept = None if keep is None else tokens.digest(keep)
        now = self._clock()
        return await self._change(audited.set_password, account_id, old, new, kept, by, address, now)

    async def close_login(
        self, cookie: str, *, by: Identity | None = None, address: str | None = None
    ) -> None:
        """End a login, `by` whose it is; one that is unknown or has ended is fine."""
        await self._change(audited.close_login, tokens.digest(cookie), by, address, self._clock())

    async def _change(self, fn: Callable[..., T], *args: object) -> T:
        """A transaction that may take something back: nothing remembered from before it counts afterwards."""
        try:
            return await self._db.tx(fn, *args)
        finally:
            self._generation += 1
            self._proofs.clear()
            self._asking.clear()
            self._changed.set()
            self._changed = asyncio.Event()

    async def _identify(self, token: str, via: Via) -> Identity:
        sent = (via, tokens.digest(token))
        proof = self._proofs.get(sent)
        if proof is None or self._timer() - proof.checked >= RECHECK_S:
            proof = await self._ask(sent)
        if proof.ends is not None and proof.ends <= self._clock():
            raise Unauthorized("This login has ended." if via is Via.COOKIE else "This key has expired.")
        return proof.identity

    async def _ask(self, sent: _Token) -> _Proof:
        """Ask the store; requests that come meanwhile with the same token share the answer."""
        task = self._asking.get(sent)
        if task is None:
            task = asyncio.create_task(self._prove(sent))
            self._asking[sent] = task
            task.add_done_callback(lambda done: self._asked(sent, done))
        # A caller that goes away must not take the answer from the others.
        return await asyncio.shield(task)

    def _asked(self, sent: _Token, done: asyncio.Task[_Proof]) -> None:
        if self._asking.get(sent) is done:
            del self._asking[sent]
        if not done.cancelled():
            done.exception()  # seen, even if every caller has gone away

    async def _prove(self, sent: _Token) -> _Proof:
        generation, checked = self._generation, self._timer()
        via, digest = sent
        try:
            found = await self._db.read(look_up, digest, via, self._limits)
        except StorageError as error:
            raise AccountsUnreadable() from error
        proof = _Proof(identity=found.identity, ends=found.ends, checked=checked)
        if generation == self._generation:
            self._remember(sent, proof)
        if found.key is not None:
            await self._note_use(found.key)
        return proof

    def _remember(self, sent: _Token, proof: _Proof) -> None:
        if len(self._proofs) >= REMEMBERED:
            now = self._timer()
            fresh = {token: p for token, p in self._proofs.items() if now - p.checked < RECHECK_S}
            self._proofs = fresh if len(fresh) < REMEMBERED else {}
        self._proofs[sent] = proof

    async def _note_use(self, key: Key) -> None:
        now = self._clock()
        if key.used is not None and now - key.used < keys.USED_EVERY_S:
            return
        try:
            await self._db.tx(keys.touch, key.id, now)
        except StorageError as error:
            logger.warning("the last use of key %s could not be noted: %s", key.id, error.message)


def _closed() -> Unauthorized:
    return Unauthorized(
        "This address opens nothing here.",
        remedy="A key works in an address only if it was made for that: `gesso keys create --in-url`.",
    )
