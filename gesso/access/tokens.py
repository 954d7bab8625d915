"""Tokens: how keys and login cookies are made, recognised and stored (as SHA-256, never as they are)."""

import hashlib
import hmac
import re
import secrets

PREFIX = "gesso_"
SHOWN = len(PREFIX) + 4
"""How much of a key stays readable in lists, so that its owner can tell two apart."""

# 32 random bytes are 43 characters of base64url.
KEY = re.compile(r"gesso_[A-Za-z0-9_-]{43}")
COOKIE = re.compile(r"[A-Za-z0-9_-]{43}")


def new_key() -> str:
    """A fresh key of 256 random bits, with a prefix that scanners for leaked secrets can find."""
    return PREFIX + secrets.token_urlsafe(32)


def new_cookie() -> str:
    return secrets.token_urlsafe(32)


def looks_like_key(token: str) -> bool:
    """Whether it has the form of a key; what has not is refused without asking the database."""
    return KEY.fullmatch(token) is not None


def looks_like_cookie(token: str) -> bool:
    return COOKIE.fullmatch(token) is not None


def digest(token: str) -> str:
    """What is stored. A plain hash is enough: there are 256 bits to guess, not a password."""
    return hashlib.sha256(token.encode()).hexdigest()


def same(stored: str, computed: str) -> bool:
    """Compare two digests in constant time."""
    return hmac.compare_digest(stored.encode(), computed.encode())
