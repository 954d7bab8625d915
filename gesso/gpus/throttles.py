"""Why the clocks of a card are lowered, in words; the names are NVML's."""

_WORDS = {
    "applications_clocks_setting": "somebody has set its clocks lower",
    "sw_power_cap": "it is at its power limit",
    "hw_slowdown": "its hardware slows down: too hot, or too little power",
    "sync_boost": "it keeps pace with other cards",
    "sw_thermal_slowdown": "it is too hot",
    "hw_thermal_slowdown": "its hardware slows down: it is far too hot",
    "hw_power_brake_slowdown": "the power supply asks it to slow down",
    "display_clock_setting": "the screen's clock holds it",
    "board_limit": "it is at a limit of its board",
    "reliability": "its voltage is at a limit",
}


def explain(reason: str) -> str:
    """ "it is at its power limit (sw_power_cap)"; a name that is not known stands for itself."""
    words = _WORDS.get(reason)
    return reason if words is None else f"{words} ({reason})"
