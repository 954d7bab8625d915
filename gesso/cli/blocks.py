"""A share, drawn as blocks of eighths: "███▌" (pure)."""

EIGHTHS = " ▏▎▍▌▋▊▉"


def blocks(share: float, width: int) -> str:
    """So much of so many characters, `share` from 0 to 1. What is not nothing is seen."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    eighths = max(eighths, 1) if share > 0 else eighths
    full, rest = divmod(eighths, 8)
    return "█" * full + EIGHTHS[rest].strip()
