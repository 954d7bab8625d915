"""Noise that a seed gives, bit for bit the same on every machine.

Layout: under the seed `s` (modulo 2**64), draw `d` of picture `p` of a batch has its own stream of 64-bit
words, that of Philox-4x64-10 with the key (s, p) and the counter (0, 0, 0, d), which is raised before each
block of 4 words: numpy.random.Philox(key=s + (p << 64), counter=d << 192).random_raw(). Words 2k and 2k + 1
make the values 2k and 2k + 1 by Box and Muller's method, each from u = ((word >> 12) + 1/2) / 2**52; values
fill the latent in C order. Draw 0 is what a picture begins as, draw n the n-th that a sampler asks for, the
last one a mask's.
"""

import math

import numpy as np
from numpy.typing import NDArray

from gesso.sketch.nodes.arrays import Array

BEGINNING = 0
MASK = 2**64 - 1

Doubles = NDArray[np.float64]


def noise(shape: tuple[int, ...], *, seed: int, picture: int = 0, draw: int = BEGINNING) -> Array:
    """Normally distributed, float32."""
    count = math.prod(shape)
    stream = np.random.Philox(key=seed % 2**64 + (picture << 64), counter=draw << 192)
    words = stream.random_raw(count + count % 2).reshape(-1, 2)
    uniform = ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    radius = np.sqrt(-2 * _logarithm(uniform[:, 0]))
    cosine, sine = _turn(uniform[:, 1])
    values = np.stack([radius * cosine, radius * sine], axis=1).reshape(-1)[:count]
    return values.astype(np.float32).reshape(shape)


# Logarithms, sines and cosines of processors and libraries differ in their last bits; what is made of sums,
# products, quotients and square roots alone does not.


def _logarithm(x: Doubles) -> Doubles:
    part, exponent = np.frexp(x)
    low = part < math.sqrt(0.5)
    part, exponent = np.where(low, part * 2, part), exponent - low
    ratio = (part - 1) / (part + 1)
    square = ratio * ratio
    total = np.zeros_like(x)
    for odd in range(27, 0, -2):
        total = total * square + 1 / odd
    logarithm: Doubles = 2 * ratio * total + exponent * math.log(2)
    return logarithm


def _turn(x: Doubles) -> tuple[Doubles, Doubles]:
    """Cosine and sine of `x` turns: by Taylor's series within an eighth of a turn, then by quarters."""
    quarter = np.floor(x * 4)
    angle = (x * 4 - quarter - 0.5) * (math.pi / 2)
    square = angle * angle
    cosine, sine = np.zeros_like(x), np.zeros_like(x)
    for even in range(18, -1, -2):
        cosine = cosine * square + (-1) ** (even // 2) / math.factorial(even)
        sine = sine * square + (-1) ** (even // 2) / math.factorial(even + 1)
    sine = sine * angle
    right = np.where((quarter == 0) | (quarter == 3), 1.0, -1.0) * math.sqrt(0.5)
    up = np.where(quarter < 2, 1.0, -1.0) * math.sqrt(0.5)
    return cosine * right - sine * up, sine * right + cosine * up
