"""How large a picture is to be, and how large it is drawn: no larger than the model is good at."""

from dataclasses import dataclass

from gesso.sketch.nodes.arrays import check_size

GRID = 8
"""The sides of a picture are multiples of this many pixels."""
DRAWN_SIDE = 64
"""The longest side that is drawn. What is to be larger is drawn in this size, and then enlarged."""
_LEAST = 16
"""The shortest side of what is drawn smaller than asked for: below it there is nothing to be seen."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """The size of a picture, in pixels."""

    width: int
    height: int

    def on_grid(self) -> "Canvas":
        """Without what reaches over a multiple of 8 pixels; refused (ValueError) where nothing is left."""
        if min(self.width, self.height) < GRID:
            raise ValueError(
                f"A picture of {self.width}x{self.height} pixels is too small: "
                f"both sides must be at least {GRID}."
            )
        return Canvas(self.width // GRID * GRID, self.height // GRID * GRID)

    def drawn(self) -> "Canvas":
        """The size that the model draws: this one, or a small one of about the same proportions."""
        longest = max(self.width, self.height)
        if longest <= DRAWN_SIDE:
            return self
        width, height = (
            max(_LEAST, round(side * DRAWN_SIDE / longest / GRID) * GRID)
            for side in (self.width, self.height)
        )
        return Canvas(width, height)

    def within(self, longest: int) -> "Canvas":
        """The largest size of these proportions with no side above `longest`, at most this one."""
        share = min(1.0, longest / max(self.width, self.height))
        return Canvas(max(1, round(self.width * share)), max(1, round(self.height * share)))

    def check(self, batch: int) -> None:
        """Refuses (TooLarge) what could be drawn, but not be made into so many pictures of this size."""
        check_size(batch, self.height, self.width, 3)
