"""How many requests come from one account, and from one address of somebody without an account."""

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from gesso.access.identity import Identity
from gesso.errors import OverLimit
from gesso.gateway.guesses import network
from gesso.gateway.responses import raw_path_of

# ComfyUI's frontend asks for 470 files at its start, and comes back each 300 ms when its socket is lost.
BURST_S = 10.0
# Asked by machines that must have an answer.
HEALTH = frozenset({"/gesso/healthz", "/gesso/readyz"})
REMEMBERED = 10_000


class Buckets:
    """A token bucket for each name, in one number: the moment at which the bucket would be full.

    A bucket holds what its rate gives in BURST_S, and one token at least. `timer` only ever goes forward.
    """

    def __init__(self, timer: Callable[[], float], *, remembered: int = REMEMBERED) -> None:
        self._timer = timer
        self._remembered = remembered
        self._full_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, name: str, rate: float) -> float:
        """Take a token of those that come `rate` times a second: 0.0, or how many seconds to wait for one."""
        now = self._timer()
        full_at = self._full_at.get(name, now)
        if full_at < now:
            full_at = now
        one_s = 1.0 / rate
        wait_s = full_at - now - max(0.0, BURST_S - one_s)
        if wait_s > 0.0:
            return wait_s
        if len(self._full_at) >= self._remembered and name not in self._full_at:
            self._forget(now)
        self._full_at[name] = full_at + one_s
        return 0.0

    def _forget(self, now: float) -> None:
        """Make room: full buckets are as good as none; else the fuller half goes."""
        kept = {name: full_at for name, full_at in self._full_at.items() if full_at > now}
        if len(kept) > self._remembered // 2:
            emptiest = sorted(kept, key=kept.__getitem__)[-(self._remembered // 2) :]
            kept = {name: kept[name] for name in emptiest}
        self._full_at = kept


class Rates:
    """Raises OverLimit where an account asks more often than it may. Stands behind Identify.

    `strangers` is for Identify, which knows who has not proved to be anybody.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        timer: Callable[[], float],
        strangers_per_s: float | None = None,
    ) -> None:
        self._app = app
        self._strangers_per_s = strangers_per_s
        self._accounts = Buckets(timer)
        self._addresses = Buckets(timer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        identity: Identity | None = scope.get("gesso.identity")
        if identity is not None and (rate := identity.allowance.requests_per_s) is not None:
            wait_s = self._accounts.take(identity.account_id, rate)
            if wait_s:
                raise OverLimit(
                    f"You send more requests than {rate:g} in a second, which is your limit.",
                    retry_after_s=wait_s,
                )
        await self._app(scope, receive, send)

    def strangers(self, scope: Scope) -> None:
        """Count a request of nobody's; OverLimit, where there are too many from its address."""
        if self._strangers_per_s is None or raw_path_of(scope) in HEALTH:
            return
        wait_s = self._addresses.take(network(scope["gesso.address"]), self._strangers_per_s)
        if wait_s:
            raise OverLimit("There are too many requests from your address.", retry_after_s=wait_s)
