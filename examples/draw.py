"""Draws harbour.png, the picture that the demo sends: ours, CC0. Run it to draw it again."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT, HORIZON = 768, 512, 300
SCALE = 2  # drawn at twice the size, then halved: smooth edges


def gradient(top: tuple[int, int, int], bottom: tuple[int, int, int], height: int) -> Image.Image:
    ramp = np.linspace(0, 1, height)[:, None, None]
    rows = (1 - ramp) * np.array(top) + ramp * np.array(bottom)
    return Image.fromarray(np.broadcast_to(rows, (height, WIDTH * SCALE, 3)).astype(np.uint8))


def hills(draw: ImageDraw.ImageDraw, base: int, rise: int, seed: float, colour: tuple[int, int, int]) -> None:
    x = np.arange(0, WIDTH * SCALE + 1, 4)
    y = base - rise * (0.5 + 0.32 * np.sin(x / 210 + seed) + 0.18 * np.sin(x / 73 + 3 * seed))
    points = [(0, base), *zip(x.tolist(), y.tolist(), strict=True), (WIDTH * SCALE, base)]
    draw.polygon(points, fill=colour)


def boat(draw: ImageDraw.ImageDraw, x: int, y: int, size: int, sail: tuple[int, int, int]) -> None:
    draw.polygon(
        [(x - size, y), (x + size, y), (x + size * 0.7, y + size * 0.35), (x - size * 0.7, y + size * 0.35)],
        fill=(72, 42, 44),
    )
    draw.line([(x, y), (x, y - size * 1.9)], fill=(60, 40, 44), width=max(2, size // 14))
    draw.polygon(
        [(x + 4, y - size * 1.85), (x + 4, y - size * 0.12), (x + size * 0.95, y - size * 0.12)], fill=sail
    )
    draw.polygon(
        [(x - 4, y - size * 1.6), (x - 4, y - size * 0.12), (x - size * 0.7, y - size * 0.12)],
        fill=tuple(c * 9 // 10 for c in sail),
    )


def draw_harbour() -> Image.Image:
    canvas = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE))
    horizon = HORIZON * SCALE
    canvas.paste(gradient((44, 62, 112), (250, 178, 120), horizon))
    draw = ImageDraw.Draw(canvas)
    draw.ellipse([1000, 390, 1140, 530], fill=(255, 236, 190))
    hills(draw, horizon, 190, 0.4, (142, 106, 134))
    hills(draw, horizon, 110, 2.1, (94, 78, 116))
    for i, (w, h) in enumerate([(70, 90), (54, 130), (88, 76), (60, 110), (76, 96)]):
        left = 90 + i * 92
        draw.rectangle([left, horizon - h, left + w, horizon], fill=(200 - 14 * i, 120 + 12 * i, 96 + 10 * i))
        draw.polygon(
            [(left - 8, horizon - h), (left + w / 2, horizon - h - 38), (left + w + 8, horizon - h)],
            fill=(120, 52, 58),
        )
        draw.rectangle(
            [left + w / 2 - 9, horizon - h + 22, left + w / 2 + 9, horizon - h + 46], fill=(255, 226, 150)
        )
    mirror = canvas.crop((0, 0, WIDTH * SCALE, horizon)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    depth = (HEIGHT - HORIZON) * SCALE
    mirror = mirror.crop((0, 0, WIDTH * SCALE, depth)).filter(ImageFilter.GaussianBlur(5))
    water = np.asarray(Image.blend(mirror, gradient((70, 92, 132), (20, 34, 66), depth), 0.5)).copy()
    for y in range(depth):  # waves: each row slides a little, more so near the viewer
        water[y] = np.roll(water[y], int((2 + y / 26) * np.sin(y / 5.0 + np.sin(y / 31))), axis=0)
    canvas.paste(Image.fromarray(water), (0, horizon))
    draw = ImageDraw.Draw(canvas)
    boat(draw, 760, horizon + 150, 120, (246, 240, 226))
    boat(draw, 1240, horizon + 60, 62, (226, 96, 70))
    boat(draw, 360, horizon + 44, 44, (236, 208, 120))
    return canvas.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    draw_harbour().save(Path(__file__).with_name("harbour.png"), optimize=True)
