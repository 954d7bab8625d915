"""Slows down whoever tries keys: after a few failures an address waits, longer each time."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from gesso.errors import OverLimit

FREE = 5
FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 300.0
FORGET_S = 900.0
REMEMBERED = 10_000


@dataclass(slots=True)
class _Failures:
    count: int
    last: float


class Guesses:
    """Failed logins per address, in memory. `timer` only ever goes forward."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._failures: dict[str, _Failures] = {}

    def check(self, address: str) -> None:
        """OverLimit while this address has to wait."""
        failures = self._failures.get(network(address))
        if failures is None or failures.count < FREE:
            return
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures.count - FREE, 32))
        left_s = failures.last + wait_s - self._timer()
        if left_s > 0:
            raise OverLimit("There were too many attempts from your address.", retry_after_s=left_s)

    def failed(self, address: str) -> None:
        now = self._timer()
        if len(self._failures) >= REMEMBERED:
            self._forget(now)
        name = network(address)
        failures = self._failures.get(name)
        if failures is None or now - failures.last > FORGET_S:
            self._failures[name] = _Failures(1, now)
        else:
            failures.count += 1
            failures.last = now

    def succeeded(self, address: str) -> None:
        self._failures.pop(network(address), None)

    def _forget(self, now: float) -> None:
        """Make room: what is over first, then the oldest half."""
        kept = {name: f for name, f in self._failures.items() if now - f.last <= FORGET_S}
        if len(kept) >= REMEMBERED:
            by_age = sorted(kept, key=lambda name: kept[name].last)
            kept = {name: kept[name] for name in by_age[len(by_age) // 2 :]}
        self._failures = kept


def network(address: str) -> str:
    """What counts as one place: an IPv4 address, but a whole /64 of IPv6, which one machine owns."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)
