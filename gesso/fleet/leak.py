"""Whether an engine holds more memory than its limits allow. What is not known is never too much."""

from gesso.config.values import size_text
from gesso.fleet.finding import Finding


def excess(
    *, rss: int | None, memory_limit: int | None, vram: int | None, vram_limit: int | None
) -> str | None:
    """In words, with figures: "RAM 9.1 GB, its limit is 8 GB"; None: within its limits, or not known."""
    over = [
        f"{what} {size_text(held)}, its limit is {size_text(limit)}"
        for what, held, limit in (("RAM", rss, memory_limit), ("VRAM", vram, vram_limit))
        if held is not None and limit is not None and held > limit
    ]
    return "; ".join(over) or None


def leak(evidence: str, at: float) -> Finding:
    return Finding(
        name="leak",
        summary="it holds more memory than its limit",
        evidence=evidence,
        remedy="gesso restarts it between jobs, but not again and again: if it is above its limit soon after "
        "each start, raise `memory_limit` or `vram_limit`; else look for the custom node that leaks.",
        at=at,
    )
