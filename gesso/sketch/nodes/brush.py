"""A picture repainted in layers of curved brush strokes that follow its shapes.

After "Painterly Rendering with Curved Brush Strokes of Multiple Sizes" (SIGGRAPH 1998): each layer has a
brush, compares the canvas with the picture blurred by that brush, and strokes where they differ most, across
the picture's gradient. On top of it the paint has a height, which catches light from the upper left.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

_PAPER = (236, 228, 214)
_TOLERANCE = 10.0
"""How far, of 255, the canvas may be from the picture before it is worth a stroke."""

_CHECK_EVERY = 256
"""Strokes between two looks whether the prompt was interrupted."""

Field = NDArray[np.float32]


class Painting:
    """A canvas on its way to a picture."""

    def __init__(self, picture: Image.Image, *, steps: int, seed: int) -> None:
        self._picture = picture
        self._random = np.random.default_rng(seed)
        width, height = picture.size
        coarsest = max(4.0, min(width, height) / 14)
        finest = max(1.2, min(width, height) / 300)
        self._radii = np.geomspace(coarsest, min(finest, coarsest), max(steps, 2))
        if steps == 1:
            self._radii = np.array([max(2.0, coarsest / 6)])
        self._swirl = self._random.normal(0, 1, (2, 3, 3)).astype(np.float32)
        self._canvas = Image.new("RGB", picture.size, _PAPER)
        self._relief = Image.new("L", picture.size, 128)

    def layer(self, step: int, check: Callable[[], None]) -> None:
        """Paints the strokes of one brush; `check` is called now and then and may raise to stop."""
        radius = float(self._radii[step])
        reference = self._picture.filter(ImageFilter.GaussianBlur(radius * 0.5))
        colors = np.asarray(reference, dtype=np.float32)
        difference = np.abs(colors - np.asarray(self._canvas, dtype=np.float32)).mean(axis=-1)
        across = _directions(reference, radius, self._swirl)
        starts = self._starts(difference, radius, everywhere=step == 0)
        canvas, relief = ImageDraw.Draw(self._canvas), ImageDraw.Draw(self._relief)
        jitter = self._random.normal(0, 1, (len(starts), 4))
        for number, (y, x) in enumerate(starts):
            if number % _CHECK_EVERY == 0:
                check()
            path = _path(x, y, colors, across, radius)
            shade = colors[y, x] * (1 + 0.035 * jitter[number, 0]) + 3.0 * jitter[number, 1:4]
            _stroke(canvas, relief, path, radius, shade, 128 + 40 * float(jitter[number, 0]))

    def picture(self) -> Image.Image:
        """The canvas in its light."""
        height = np.asarray(self._relief.filter(ImageFilter.GaussianBlur(0.8)), dtype=np.float32)
        slope = np.zeros_like(height)
        slope[1:, 1:] = 2 * height[1:, 1:] - height[:-1, 1:] - height[1:, :-1]
        paint = np.asarray(self._canvas.filter(ImageFilter.GaussianBlur(0.5)), dtype=np.float32)
        lit = paint * (1 + np.clip(slope * 0.004, -0.14, 0.14))[..., None]
        return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))

    def _starts(self, difference: Field, radius: float, *, everywhere: bool) -> NDArray[np.intp]:
        """Where strokes begin, shuffled: the worst place of each cell of a grid as wide as the brush."""
        cell = max(2, round(radius))
        height, width = difference.shape
        rows, columns = -(-height // cell), -(-width // cell)
        padded = np.full((rows * cell, columns * cell), -1.0, dtype=np.float32)
        padded[:height, :width] = difference
        cells = padded.reshape(rows, cell, columns, cell).swapaxes(1, 2).reshape(rows * columns, -1)
        worst = cells.argmax(axis=1)
        area = np.where(cells >= 0, cells, 0).mean(axis=1)
        chosen = np.flatnonzero((area > _TOLERANCE) | everywhere)
        self._random.shuffle(chosen)
        y = chosen // columns * cell + worst[chosen] // cell
        x = chosen % columns * cell + worst[chosen] % cell
        return np.stack([y, x], axis=1)


def _directions(picture: Image.Image, radius: float, swirl: Field) -> Field:
    """For every pixel the unit vector along the shapes; where there are none, along a slow swirl."""
    grey = np.asarray(picture.convert("L"), dtype=np.float32)
    # A row or column more on each side: numpy has no gradient of a single one.
    padded = np.pad(grey, 1, mode="edge")
    dy, dx = (np.asarray(np.gradient(padded, axis=axis))[1:-1, 1:-1] for axis in (0, 1))
    xx, yy, xy = (_blur(part, radius) for part in np.stack([dx * dx, dy * dy, dx * dy]).astype(np.float32))
    # The structure tensor's main axis is the gradient's. The swirl is a weak tensor of its own beside it.
    turn = [
        np.asarray(Image.fromarray(part).resize(picture.size, Image.Resampling.BICUBIC)) for part in swirl
    ]
    angle = 0.5 * np.arctan2(2 * xy + 0.8 * turn[0], xx - yy + 0.8 * turn[1]) + np.pi / 2
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1).astype(np.float32)


def _blur(field: Field, radius: float) -> Field:
    """A box blur, twice: Pillow does not blur floating point pictures."""
    reach = max(1, round(radius))
    for axis in (0, 1, 0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (reach + 1, reach)
        sums = np.cumsum(np.pad(field, pad, mode="edge"), axis=axis, dtype=np.float64)
        size = field.shape[axis]
        high = np.take(sums, np.arange(2 * reach + 1, 2 * reach + 1 + size), axis=axis)
        low = np.take(sums, np.arange(size), axis=axis)
        field = ((high - low) / (2 * reach + 1)).astype(np.float32)
    return field


def _path(x: int, y: int, colors: Field, across: Field, radius: float) -> list[tuple[float, float]]:
    """A stroke's points: it follows the shapes, and ends where another colour begins."""
    height, width = across.shape[:2]
    first = colors[y, x]
    px, py = float(x), float(y)
    dx = dy = 0.0
    path = [(px, py)]
    for length in range(1, 7):
        vx, vy = across[int(py), int(px)]
        if vx * dx + vy * dy < 0:
            vx, vy = -vx, -vy
        # Half of the direction before keeps the stroke from shaking.
        dx, dy = 0.5 * dx + float(vx), 0.5 * dy + float(vy)
        norm = max(1e-6, (dx * dx + dy * dy) ** 0.5)
        dx, dy = dx / norm, dy / norm
        px, py = px + radius * dx, py + radius * dy
        if not (0 <= px < width and 0 <= py < height):
            break
        path.append((px, py))
        if length > 2 and float(np.abs(colors[int(py), int(px)] - first).mean()) > _TOLERANCE * 1.5:
            break
    return path


def _stroke(
    canvas: ImageDraw.ImageDraw,
    relief: ImageDraw.ImageDraw,
    path: list[tuple[float, float]],
    radius: float,
    color: Field,
    level: float,
) -> None:
    """A body of paint, and in it the tracks of the bristles: lighter and higher, darker and lower."""
    width = max(1, round(2 * radius))
    fills = ((canvas, _ink(color)), (relief, round(min(200.0, max(60.0, level)))))
    for draw, fill in fills:
        draw.line(path, fill=fill, width=width, joint="curve")
        for x, y in (path[0], path[-1]):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
    if radius < 2 or len(path) < 2:
        return
    (x0, y0), (x1, y1) = path[0], path[-1]
    norm = max(1e-6, ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5)
    nx, ny = -(y1 - y0) / norm, (x1 - x0) / norm
    count = min(9, max(2, round(radius / 2)))
    for index in range(count):
        offset = radius * (2 * (index + 0.5) / count - 1)
        track = [(x + nx * offset, y + ny * offset) for x, y in path]
        side = 1 if index % 2 else -1
        thick = max(1, round(radius / 8))
        canvas.line(track, fill=_ink(color * (1 + 0.03 * side)), width=thick)
        relief.line(track, fill=round(min(220.0, max(40.0, level + 22 * side))), width=thick)


def _ink(color: Field) -> tuple[int, int, int]:
    red, green, blue = (min(255, max(0, int(level))) for level in color)
    return red, green, blue
