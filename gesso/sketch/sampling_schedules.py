"""How much noise is left before each step and after the last: ComfyUI's schedules, for a rectified flow."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

MOMENTS = 1000
"""ComfyUI knows a flow at so many moments, and some schedules choose among them."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A rectified flow, from pure noise (1) to none (0). With a shift above 1 noise stays longer."""

    shift: float = 1.0

    def shifted(self, times: Doubles) -> Doubles:
        return self.shift * times / (1 + (self.shift - 1) * times)

    def moments(self) -> Doubles:
        return self.shifted(np.arange(1, MOMENTS + 1) / MOMENTS)


def schedule(name: str, steps: int, shift: float = 1.0) -> tuple[float, ...]:
    """Falls from at most 1 to 0, in `steps` + 1 values.

    But "beta" leaves out those that would be equal, and "ddim_uniform" has as many as whole distances fit.
    """
    sigmas = SCHEDULES[name](Flow(shift), steps)
    return tuple(float(sigma) for sigma in np.append(sigmas, 0).astype(np.float32))


def _simple(flow: Flow, steps: int) -> Doubles:
    back = np.floor(np.arange(steps) * (MOMENTS / steps)).astype(np.intp)
    chosen: Doubles = flow.moments()[-1 - back]
    return chosen


def _normal(flow: Flow, steps: int) -> Doubles:
    """Even in time, down to the last moment before the end."""
    return flow.shifted(_even(flow, steps))


def _sgm_uniform(flow: Flow, steps: int) -> Doubles:
    """Even in time, as if that moment were one step more."""
    return flow.shifted(_even(flow, steps + 1)[:-1])


def _even(flow: Flow, count: int) -> Doubles:
    """ComfyUI takes the noise of the last moment, already shifted, for its time: kept, for equal pictures."""
    return np.linspace(1, flow.moments()[0], count)


def _karras(flow: Flow, steps: int) -> Doubles:
    """Even in the seventh root."""
    low = flow.moments()[0] ** (1 / 7)
    powered: Doubles = (1 + np.linspace(0, 1, steps) * (low - 1)) ** 7
    return powered


def _exponential(flow: Flow, steps: int) -> Doubles:
    return np.exp(np.linspace(0, math.log(flow.moments()[0]), steps))


def _ddim(flow: Flow, steps: int) -> Doubles:
    return flow.moments()[1 :: max(MOMENTS // steps, 1)][::-1]


def _linear_quadratic(flow: Flow, steps: int) -> Doubles:
    """The first half of the steps takes a fortieth of the way, the second the rest, ever faster."""
    if steps == 1:
        return np.ones(1)
    slow, threshold = steps // 2, 0.025
    way = np.arange(steps, dtype=np.float64)
    rest = steps - slow
    bend = (slow - threshold * steps) / (slow * rest**2)
    slope = threshold / slow - 2 * (slow - threshold * steps) / rest**2
    done = np.where(way < slow, way * threshold / slow, bend * way**2 + slope * way + bend * slow**2)
    return 1 - done


def _kl_optimal(flow: Flow, steps: int) -> Doubles:
    """Even in the arc tangent."""
    return np.tan(np.linspace(math.atan(1), math.atan(flow.moments()[0]), steps))


def _beta(flow: Flow, steps: int) -> Doubles:
    """Where the beta distribution (0.6, 0.6) has even shares: more steps at both ends."""
    shares = 1 - np.linspace(0, 1, steps, endpoint=False)
    places = np.searchsorted(_beta_borders(), shares, side="right")
    return flow.moments()[
        [place for place, before in zip(places, [-1, *places], strict=False) if place != before]
    ]


@cache
def _beta_borders() -> Doubles:
    """The distribution half-way between each two moments: what lies between two borders is rounded to one."""
    halves = (np.arange(MOMENTS - 1) + 0.5) / (MOMENTS - 1)
    lower = _beta_integral(np.minimum(halves, 1 - halves))
    total = 2 * lower[MOMENTS // 2 - 1]
    borders: Doubles = np.where(halves <= 0.5, lower, total - lower) / total
    return borders


def _beta_integral(x: Doubles) -> Doubles:
    """Of t**-0.4 (1 - t)**-0.4 from 0 to x, at most 1/2: smooth for Gauss's rule with t = v**(5/3)."""
    nodes, weights = np.polynomial.legendre.leggauss(24)
    end = x**0.6
    v = end[:, None] * (nodes + 1) / 2
    integral: Doubles = (end / 2 / 0.6) * ((1 - v ** (5 / 3)) ** -0.4 @ weights)
    return integral


SCHEDULES: dict[str, Callable[[Flow, int], Doubles]] = {
    "simple": _simple,
    "sgm_uniform": _sgm_uniform,
    "karras": _karras,
    "exponential": _exponential,
    "ddim_uniform": _ddim,
    "beta": _beta,
    "normal": _normal,
    "linear_quadratic": _linear_quadratic,
    "kl_optimal": _kl_optimal,
}
