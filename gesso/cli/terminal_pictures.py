"""Pictures as texts that make a terminal show them at the cursor, in columns and rows (pure)."""

import base64
import re
from io import BytesIO

from PIL import Image

# Kitty takes no more in one piece.
_KITTY_CHUNK = 4096
# Sixels carry their own palette; more colours are slower, and hardly better.
_SIXEL_COLORS = 64
_SIXEL_CHARACTERS = bytes((63 + bits) % 256 for bits in range(256))
_BAND = 6
_RUN = re.compile(r"(.)\1{3,}")
_CUBE = (0, 95, 135, 175, 215, 255)

Size = tuple[int, int]


def fitted(size: Size, within: Size, cell: Size) -> Size:
    """The columns and rows for a picture of this size in pixels: as many as fit, in its own shape."""
    columns, rows = within
    scale = min(columns * cell[0] / size[0], rows * cell[1] / size[1])
    across, down = round(size[0] * scale / cell[0]), round(size[1] * scale / cell[1])
    return min(columns, max(1, across)), min(rows, max(1, down))


def kitty(picture: Image.Image, columns: int, rows: int, number: int) -> str:
    """By kitty's graphics protocol; a picture of the same number takes the place of the one before."""
    data = _png(picture)
    chunks = [data[at : at + _KITTY_CHUNK] for at in range(0, len(data), _KITTY_CHUNK)]
    head = f"a=T,f=100,i={number},p=1,c={columns},r={rows},C=1,q=2,"
    told = []
    for index, chunk in enumerate(chunks):
        more = int(index < len(chunks) - 1)
        told.append(f"\x1b_G{'' if index else head}m={more};{chunk}\x1b\\")
    return "".join(told)


def kitty_gone(number: int) -> str:
    """Takes the picture away again, with its data."""
    return f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\"


def iterm2(picture: Image.Image, columns: int, rows: int) -> str:
    """By iTerm2's inline images, which WezTerm has, too."""
    data = _png(picture)
    size = len(base64.b64decode(data))
    place = f"width={columns};height={rows};preserveAspectRatio=1;doNotMoveCursor=1"
    return f"\x1b]1337;File=inline=1;size={size};{place}:{data}\x07"


def blocks(picture: Image.Image, columns: int, rows: int, *, true_color: bool) -> str:
    """As half blocks: each cell is two pixels, one above the other."""
    small = picture.resize((columns, rows * 2), Image.Resampling.BOX)
    colors = _true_colors(small) if true_color else _of_256_colors(small)
    lines = []
    for top in range(0, len(colors), 2 * columns):
        line, before = [], ""
        above, below = colors[top : top + columns], colors[top + columns : top + 2 * columns]
        for pair in zip(above, below, strict=True):
            codes = "\x1b[38;{};48;{}m".format(*pair)
            line.append(f"{codes if codes != before else ''}▀")
            before = codes
        lines.append("".join(line) + "\x1b[0m")
    return "\n".join(lines)


def sixel(picture: Image.Image, columns: int, rows: int, cell: Size) -> str:
    """As sixels: bands of six rows of pixels, each drawn colour by colour."""
    drawn = picture.convert("RGB").resize((columns * cell[0], rows * cell[1]))
    drawn = drawn.quantize(_SIXEL_COLORS, dither=Image.Dither.NONE)
    width, height = drawn.size
    palette = drawn.getpalette() or []
    data = drawn.tobytes()
    told = [f'\x1bP0;1;0q"1;1;{width};{height}']
    for number in sorted(set(data)):
        percents = ";".join(str(round(each * 100 / 255)) for each in palette[number * 3 : number * 3 + 3])
        told.append(f"#{number};2;{percents}")
    for top in range(0, height, _BAND):
        lines = [data[row * width : (row + 1) * width] for row in range(top, min(top + _BAND, height))]
        colors = sorted(set(b"".join(lines)))
        told.append("$".join(f"#{number}{_sixels(lines, number)}" for number in colors) + "-")
    return "".join(told) + "\x1b\\"


def _sixels(lines: list[bytes], number: int) -> str:
    """Where the colour is in a band: a character for each column, of a bit for each line."""
    only = bytes(number) + b"\x01" + bytes(255 - number)
    # Whole lines at once, as numbers of a byte for each column.
    found = [(index, line) for index, line in enumerate(lines) if number in line]
    bits = sum(int.from_bytes(line.translate(only), "little") << index for index, line in found)
    characters = bits.to_bytes(len(lines[0]), "little").translate(_SIXEL_CHARACTERS).decode()
    return _RUN.sub(lambda run: f"!{len(run[0])}{run[1]}", characters)


def _true_colors(picture: Image.Image) -> list[str]:
    data = picture.convert("RGB").tobytes()
    return [f"2;{data[at]};{data[at + 1]};{data[at + 2]}" for at in range(0, len(data), 3)]


def _of_256_colors(picture: Image.Image) -> list[str]:
    cube = [(red, green, blue) for red in _CUBE for green in _CUBE for blue in _CUBE]
    known = [*cube, *((gray,) * 3 for gray in range(8, 248, 10))]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for color in known for part in color])
    numbers = picture.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE).tobytes()
    # Each terminal's first sixteen are what its owner likes.
    return [f"5;{16 + number}" for number in numbers]


def _png(picture: Image.Image) -> str:
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
