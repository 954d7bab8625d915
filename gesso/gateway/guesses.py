"""Slows down whoever tries keys or passwords: by the address it comes from, and by the name it tries."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from gesso.errors import OverLimit

FREE = 5
FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 300.0
FORGET_S = 900.0
REMEMBERED = 10_000

# A name that fails from wherever: after so many, one attempt each SPACING_S, in the order they come.
FREE_OF_NAME = 20
SPACING_S = 1.0
LONGEST_TURN_S = 10.0
HOMES = 4


@dataclass(slots=True)
class _Failures:
    count: int
    last: float


class Guesses:
    """Failed logins per address, in memory. `timer` only ever goes forward; `of` ends the sentence told."""

    def __init__(self, timer: Callable[[], float], of: str = "from your address") -> None:
        self._timer = timer
        self._of = of
        self._failures: dict[str, _Failures] = {}

    def check(self, address: str) -> None:
        """OverLimit while this address has to wait."""
        failures = self._failures.get(network(address))
        if failures is None or failures.count < FREE:
            return
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures.count - FREE, 32))
        left_s = failures.last + wait_s - self._timer()
        if left_s > 0:
            raise OverLimit(f"There were too many attempts {self._of}.", retry_after_s=left_s)

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


@dataclass(slots=True)
class _Tried:
    count: int
    last: float
    next_turn: float


class Names:
    """Failed passwords per name, from wherever: guessing that is spread over many addresses is slowed, too.

    Nobody is locked out by strangers. A place from which the name has signed in lately never waits for
    them, others wait for their turn, and a key needs no name. Whether there is an account of that name makes
    no difference. `timer` only ever goes forward.
    """

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._tried: dict[str, _Tried] = {}
        self._homes: dict[str, list[str]] = {}

    def attempt(self, name: str, address: str) -> float:
        """Count an attempt; how many seconds it waits before it is judged. OverLimit if too many."""
        now, name = self._timer(), _folded(name)
        if network(address) in self._homes.get(name, ()):
            return 0.0
        tried = self._tried.get(name)
        if tried is None or now - tried.last > FORGET_S:
            self._make_room(now)
            tried = self._tried[name] = _Tried(0, now, now)
        turn = max(now, tried.next_turn) if tried.count >= FREE_OF_NAME else now
        if turn - now > LONGEST_TURN_S:
            raise OverLimit("There were too many attempts on this name.", retry_after_s=SPACING_S)
        tried.count += 1
        tried.last, tried.next_turn = now, turn + SPACING_S
        return turn - now

    def succeeded(self, name: str, address: str) -> None:
        """Not a guess after all."""
        if (tried := self._tried.get(_folded(name))) is not None:
            tried.count = max(0, tried.count - 1)
        self.at_home(name, address)

    def at_home(self, name: str, address: str) -> None:
        """Whoever has this name has signed in from there."""
        name, place = _folded(name), network(address)
        if len(self._homes) >= REMEMBERED and name not in self._homes:
            del self._homes[next(iter(self._homes))]
        before = [home for home in self._homes.pop(name, []) if home != place]
        self._homes[name] = [*before, place][-HOMES:]

    def _make_room(self, now: float) -> None:
        if len(self._tried) < REMEMBERED:
            return
        kept = {name: t for name, t in self._tried.items() if now - t.last <= FORGET_S}
        if len(kept) >= REMEMBERED:
            # Those tried most stay: many names tried once must not wash away one that is under attack.
            by_count = sorted(kept, key=lambda name: kept[name].count)
            kept = {name: kept[name] for name in by_count[len(by_count) // 2 :]}
        self._tried = kept


def _folded(name: str) -> str:
    return name.lower()[:64]


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
