"""What the kernel counts for the whole machine."""

from pathlib import Path


def oom_kills() -> int | None:
    """How many processes it has killed for lack of memory since it booted; None: it does not tell."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    counts = [line.split()[1] for line in lines if line.startswith("oom_kill ")]
    return int(counts[0]) if counts else None
