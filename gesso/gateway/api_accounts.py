"""`/gesso/api`: whoami, keys and users."""

import time
from typing import Annotated

from fastapi import APIRouter, Depends

from gesso.access.access import Access
from gesso.access.identity import Identity
from gesso.gateway.api_caller import Where, caller, holder
from gesso.gateway.api_models import CreateKey, CreateUser, Key, Keys, NewKey, User, Users, Whoami

Caller = Annotated[Identity, Depends(caller)]
Owner = Annotated[Identity, Depends(holder("keys:own"))]
Administrator = Annotated[Identity, Depends(holder("accounts:manage"))]


def account_routes(access: Access) -> APIRouter:
    router = APIRouter(tags=["accounts"])
    _add_keys(router, access)
    _add_users(router, access)

    @router.get("/whoami")
    async def whoami(identity: Caller) -> Whoami:
        """Whose key this is, and what it may do."""
        return Whoami.of(identity)

    return router


def _add_keys(router: APIRouter, access: Access) -> None:

    @router.get("/keys")
    async def list_keys(identity: Owner, account: str | None = None, all: bool = False) -> Keys:
        """Your keys, revoked ones too; of another `account`, or of `all`, with accounts:manage."""
        account_id: str | None = identity.account_id
        if all or not _is_self(identity, account):
            identity.require("accounts:manage")
            account_id = None if all else (await access.account(account or "")).id
        return Keys(keys=[Key.of(key) for key in await access.keys(account_id)])

    @router.post("/keys", status_code=201)
    async def create_key(identity: Owner, where: Where, asked: CreateKey) -> NewKey:
        """A new key, with no more scopes and for no longer than yours. Its token is told this once."""
        if not _is_self(identity, asked.account):
            # Before it is looked up: who may not make keys for others is not told who there is.
            identity.require("accounts:manage")
        expires = None if asked.expires_in_s is None else time.time() + asked.expires_in_s
        made = await access.create_key(
            identity.account_id if _is_self(identity, asked.account) else asked.account or "",
            asked.name,
            scopes=asked.scopes,
            expires=expires,
            in_url=asked.in_url,
            by=identity,
            address=where,
        )
        return NewKey(key=Key.of(made.key), token=made.token)

    @router.delete("/keys/{key_id}")
    async def revoke_key(identity: Owner, where: Where, key_id: str) -> Key:
        """Revoke a key: it opens nothing from now on. Again is fine."""
        own_only = None if identity.may("accounts:manage") else identity.account_id
        return Key.of(await access.revoke_key(key_id, own_only, by=identity, address=where))


def _add_users(router: APIRouter, access: Access) -> None:
    @router.get("/users")
    async def list_users(identity: Administrator) -> Users:
        """Every account."""
        return Users(users=[User.of(account) for account in await access.accounts()])

    @router.post("/users", status_code=201)
    async def create_user(identity: Administrator, where: Where, asked: CreateUser) -> User:
        """A new account. It has no key yet: make one with `POST /gesso/api/keys`."""
        made = await access.create_account(asked.name, asked.role, by=identity, address=where)
        return User.of(made)

    @router.post("/users/{name}/disable")
    async def disable_user(identity: Administrator, where: Where, name: str) -> User:
        """All keys and logins of the account open nothing while it is disabled. Again is fine."""
        return User.of(await access.set_disabled(name, True, by=identity, address=where))

    @router.post("/users/{name}/enable")
    async def enable_user(identity: Administrator, where: Where, name: str) -> User:
        return User.of(await access.set_disabled(name, False, by=identity, address=where))


def _is_self(identity: Identity, account: str | None) -> bool:
    return account is None or account.lower() == identity.name.lower() or account == identity.account_id
