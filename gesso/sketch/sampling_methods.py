"""The samplers: ways from noise to a picture, in steps, as ComfyUI takes them for a rectified flow.

A latent of the noise level `s` is (1 - s) picture + s noise. `denoise(x, s)` answers what picture the model
takes it for; on the straight way to there the latent of the level `t` is mixed(x, picture, t / s).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gesso.sketch.nodes.arrays import Array

_NEARLY_ONE = 0.9999


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What a sampler is given beside the latent to begin with."""

    sigmas: tuple[float, ...]
    """Each less than the one before."""
    denoise: Callable[[Array, float], Array]
    noise: Callable[[], Array]
    """New noise in the latent's shape at each call."""
    tell: Callable[[int, Array], None]
    """What the picture looks like by now, once in each step."""

    def steps(self) -> Iterator[tuple[int, float, float]]:
        """The number of each step, and the noise before and after it."""
        yield from zip(range(len(self.sigmas) - 1), self.sigmas, self.sigmas[1:], strict=False)

    def look(self, step: int, x: Array, sigma: float) -> Array:
        """`denoise`, and tells of it."""
        picture = self.denoise(x, sigma)
        self.tell(step, picture)
        return picture


def mixed(x: Array, picture: Array, share: float) -> Array:
    """`share` of the one, the rest of the other."""
    return picture if share == 0 else x * share + picture * (1 - share)


def euler(x: Array, way: Way) -> Array:
    for step, now, then in way.steps():
        x = mixed(x, way.look(step, x, now), then / now)
    return x


def heun(x: Array, way: Way) -> Array:
    """Goes by the mean of the directions at both ends of a step."""
    for step, now, then in way.steps():
        picture = way.look(step, x, now)
        ahead = mixed(x, picture, then / now)
        if then > 0:
            there: Array = (ahead - way.denoise(ahead, then)) / then
            ahead = x + ((x - picture) / now + there) * ((then - now) / 2)
        x = ahead
    return x


def dpm_2(x: Array, way: Way) -> Array:
    """Goes by the direction in the middle of a step, as the logarithm of the noise has it."""
    for step, now, then in way.steps():
        picture = way.look(step, x, now)
        x = _by_the_middle(x, picture, now, then, way) if then > 0 else picture
    return x


def _by_the_middle(x: Array, picture: Array, now: float, then: float, way: Way) -> Array:
    middle = math.sqrt(now * then)
    half = mixed(x, picture, middle / now)
    direction = (half - way.denoise(half, middle)) / middle
    return x + direction * (then - now)


def dpmpp_2m(x: Array, way: Way) -> Array:
    """Goes on from the last two pictures as on a straight line over the logarithm of the noise."""
    before: Array | None = None
    last = 0.0
    for step, now, then in way.steps():
        picture = way.look(step, x, now)
        seen = picture
        if then > 0:
            length = math.log(now / then)
            if before is not None:
                seen = picture + (picture - before) * (length / last / 2)
            last = length
        x = mixed(x, seen, then / now)
        before = picture
    return x


def lms(x: Array, way: Way) -> Array:
    """Goes by the curve through the last four directions (Adams and Bashforth, over uneven steps)."""
    directions: list[Array] = []
    for step, now, then in way.steps():
        picture = way.look(step, x, now)
        if then == 0:
            return picture
        directions = [(x - picture) / now, *directions[:3]]
        known = [way.sigmas[step - back] for back in range(len(directions))]
        for place, direction in enumerate(directions):
            x = x + direction * _lagrange_integral(known, place, now, then)
    return x


def _lagrange_integral(known: list[float], place: int, start: float, end: float) -> float:
    """Of the polynomial that is 1 at `known[place]` and 0 at the others, by Gauss's rule (exact here)."""
    half, centre, root = (end - start) / 2, (end + start) / 2, 1 / math.sqrt(3)

    def value(at: float) -> float:
        others = (each for number, each in enumerate(known) if number != place)
        return math.prod((at - each) / (known[place] - each) for each in others)

    return half * (value(centre - half * root) + value(centre + half * root))


def _renewed(x: Array, down: float, then: float, way: Way) -> Array:
    """From the level `down` up to `then` by new noise, the picture's share as it belongs there."""
    share = (1 - then) / (1 - down)
    level = math.sqrt(max(0.0, then**2 - (down * share) ** 2))
    return x * share + way.noise() * level


def _down(now: float, then: float) -> float:
    """How far an ancestral step goes before noise is added."""
    return then * then / now


def euler_ancestral(x: Array, way: Way) -> Array:
    """Goes too far in each step, and adds new noise for it."""
    for step, now, then in way.steps():
        picture = way.look(step, x, now)
        if then == 0:
            return picture
        down = _down(now, then)
        x = _renewed(mixed(x, picture, down / now), down, then, way)
    return x


def dpm_2_ancestral(x: Array, way: Way) -> Array:
    for step, now, then in way.steps():
        picture = way.look(step, x, now)
        if then == 0:
            return picture
        down = _down(now, then)
        x = _renewed(_by_the_middle(x, picture, now, down, way), down, then, way)
    return x


def dpmpp_2s_ancestral(x: Array, way: Way) -> Array:
    """Takes the picture seen in the middle of a step, as the ratio of picture to noise has it."""
    for step, now, then in way.steps():
        picture = way.look(step, x, now)
        if then == 0:
            return picture
        down = _down(now, then)
        middle = _NEARLY_ONE if now == 1 else _middle_of_ratios(now, down)
        seen = way.denoise(mixed(x, picture, middle / now), middle)
        x = _renewed(mixed(x, seen, down / now), down, then, way)
    return x


def _middle_of_ratios(first: float, second: float) -> float:
    ratio = math.sqrt((1 - first) / first * (1 - second) / second)
    return 1 / (1 + ratio)


def lcm(x: Array, way: Way) -> Array:
    """Takes each picture for the last, and adds noise to it for the next step."""
    for step, now, then in way.steps():
        picture = way.look(step, x, now)
        x = mixed(way.noise(), picture, then) if then > 0 else picture
    return x


SAMPLERS: dict[str, Callable[[Array, Way], Array]] = {
    "euler": euler,
    "euler_ancestral": euler_ancestral,
    "heun": heun,
    "dpm_2": dpm_2,
    "dpm_2_ancestral": dpm_2_ancestral,
    "lms": lms,
    "dpmpp_2s_ancestral": dpmpp_2s_ancestral,
    "dpmpp_2m": dpmpp_2m,
    "lcm": lcm,
    "ddim": euler,
}
"""By ComfyUI's names, in its order."""

WITHOUT_LAST_BUT_ONE = frozenset({"dpm_2", "dpm_2_ancestral"})
"""Those for which a schedule is made one step longer, and its last noise above 0 left out."""
OTHER_NOISE_AROUND = frozenset({"ddim"})
"""Those for which the noise around a mask is not the noise within."""
