"""One frame of `gesso top`: a snapshot as lines that fit a screen (pure)."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from gesso.cli.blocks import blocks
from gesso.cli.show import duration, one_line
from gesso.cli.sparks import History
from gesso.config.alerts import AlertsConfig
from gesso.config.values import size_text
from gesso.gpus import throttles

Told = Mapping[str, Any]

GIB = 2**30
UNKNOWN = "–"
GOOD, WARN, BAD, DIM, HEAD = "green", "yellow", "bold red", "dim", "bold"
STATES = {
    "ready": GOOD,
    "busy": "cyan",
    "starting": WARN,
    "alive": WARN,
    "unknown": WARN,
    "stopped": DIM,
    "wedged": BAD,
    "failing": BAD,
    "stopped-after-failures": BAD,
}
# Longer than its column, and the one word that must be understood.
SHORT = {"stopped-after-failures": "gave up"}
# Where alarms begin if nobody says otherwise: the same is coloured here.
LIMITS = AlertsConfig()
# Lines of a block on a screen that is too low: its title, one thing, and how many are missing.
SHORTEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """`height` None: as many lines as it takes."""

    width: int
    height: int | None = None

    @property
    def spare(self) -> int:
        """Columns beyond those that everything needs."""
        return max(0, self.width - 79)


def frame(
    told: Told, before: Told | None, history: History, screen: Screen, *, notice: str = ""
) -> list[Text]:
    """All lines, none wider than the screen and not more than fit. `notice`: what is wrong with asking."""
    head = [_head(told, screen), *([Text(f" {one_line(notice)}", BAD)] if notice else [])]
    tail = [list(_queue(told, history, screen)), list(_users(told, screen))]
    for more in (True, False):
        blocks = [
            list(_cards(told, history, screen, more=more)),
            list(_engines(told, before, screen, more=more)),
        ]
        lines = _joined(head, blocks + tail, blank=True)
        if screen.height is None or len(lines) <= screen.height:
            break
        lines = _squeezed(head, [block for block in blocks + tail if block], screen.height)
    for line in lines:
        line.truncate(screen.width, overflow="ellipsis")
        line.no_wrap = True
    return lines


def _squeezed(head: list[Text], blocks: list[list[Text]], height: int) -> list[Text]:
    """Without the blank lines; where that does not do, the longest are cut, and say so."""
    kept = [len(block) for block in blocks]
    while sum(kept) + len(head) > height and max(kept) > SHORTEST:
        kept[kept.index(max(kept))] -= 1
    cut = [_cut(block, number) for block, number in zip(blocks, kept, strict=True)]
    return _joined(head, cut, blank=False)[:height]


def _cut(block: list[Text], number: int) -> list[Text]:
    if len(block) <= number:
        return block
    return [*block[: number - 1], Text(f"   … {len(block) - number + 1} more lines", DIM)]


def _joined(head: list[Text], blocks: Sequence[list[Text]], *, blank: bool) -> list[Text]:
    lines = list(head)
    for block in blocks:
        if block:
            lines += [Text(), *block] if blank else block
    return lines


def _head(told: Told, screen: Screen) -> Text:
    ready = sum(1 for engine in told["engines"] if engine["ready"])
    wrong = sum(len(engine["findings"]) for engine in told["engines"])
    left = Text.assemble(
        (f" gesso {told['version']}", HEAD),
        (f"  {one_line(told['host'])}  ", DIM),
        (f"{ready} of {len(told['engines'])} engines ready", GOOD if ready else BAD),
        (f", {wrong} findings" if wrong > 1 else ", 1 finding" if wrong else "", BAD),
    )
    free = told["disk_free"]
    if free is not None:
        style = BAD if free <= LIMITS.disk_critical else WARN if free <= LIMITS.disk_warning else DIM
        left.append(f"  disk {size_text(free)} free", style)
    clock = time.strftime(" %H:%M:%S ", time.localtime(told["at"]))
    left.truncate(screen.width - len(clock), overflow="ellipsis")
    left.append(" " * max(0, screen.width - left.cell_len - len(clock)))
    return left.append(clock, DIM)


def _title(name: str, rest: str = "") -> Text:
    return Text.assemble((f" {name}", HEAD), (f"  {rest}" if rest else "", DIM))


def _cards(told: Told, history: History, screen: Screen, *, more: bool) -> Iterator[Text]:
    cards = told["cards"]
    if cards is None:
        yield _title("CARDS", "not read yet")
        return
    problem = one_line(told["cards_problem"] or "")
    yield _title("CARDS", problem if cards or problem else "there are none")
    name_width = 15 + min(10, screen.spare // 4)
    spark_width = max(0, screen.spare - (name_width - 15) - 2)
    for card in cards:
        used, total = card["memory_used"], card["memory_total"]
        line = Text.assemble(
            f" {card['nvml_index']:>2} ",
            _cell(_brand(card["name"]), name_width),
            " ",
            _share(card["utilisation"]),
            " ",
            *_bar(card["utilisation"], 10, lambda share: GOOD),
            " ",
            (_cell(_memory(used, total), 12, right=True), ""),
            " ",
            *_bar(100 * used / total if used is not None and total else None, 10, _full),
            " ",
            _degrees(card["temperature_c"]),
            " ",
            (_cell(_number(card["power_w"], " W"), 6, right=True), ""),
        )
        if spark_width > 8:
            spark = history.spark(f"gpu.{card['uuid']}.utilisation", told["at"], spark_width, top=100.0)
            line.append(f"  {spark}", GOOD)
        yield line
        yield from _troubles(card)
        if more:
            yield Text(f"    {_more_of(card, told)}", DIM)


def _more_of(card: Told, told: Told) -> str:
    """Clocks and limits, and who is meant to use it."""
    names = [one_line(engine["name"]) for engine in told["engines"] if engine["gpu"] == card["uuid"]]
    parts = [
        f"{_number(card['clock_mhz'], '')} of {_number(card['clock_limit_mhz'], ' MHz')}",
        f"{_number(card['power_w'], '')} of {_number(card['power_limit_w'], ' W')}",
        f"for {', '.join(names)}" if names else "",
    ]
    return "   ".join(part for part in parts if part and UNKNOWN not in part)


def _troubles(card: Told) -> Iterator[Text]:
    lowered = [throttles.explain(reason) for reason in card["throttled_by"] or ()]
    if lowered:
        yield Text(f"    ! clocks are lowered: {one_line('; '.join(lowered))}", WARN)
    if card["xid"]:
        yield Text(f"    ✗ reported Xid {card['xid']}", BAD)
    if card["problems"]:
        yield Text(f"    ? {one_line('; '.join(card['problems']))}", DIM)


def _engines(told: Told, before: Told | None, screen: Screen, *, more: bool) -> Iterator[Text]:
    name_width = 13 + min(10, screen.spare // 5)
    job_width = max(0, screen.width - name_width - 49)
    columns = _cell("state", 11) + _cell("for", 11) + _cell("job", job_width) + "   cpu      ram      gpu"
    yield Text.assemble((_cell(" ENGINES", name_width + 3), HEAD), (columns, DIM))
    was = {} if before is None else {engine["name"]: engine for engine in before["engines"]}
    # What is wrong comes first, also on a screen that is too low for all.
    for engine in sorted(told["engines"], key=lambda engine: not engine["findings"]):
        state = "draining" if engine["draining"] and engine["ready"] is False else engine["state"]
        style = STATES.get(engine["state"], WARN)
        line = Text.assemble(
            (" ● ", style),
            _cell(one_line(engine["name"]), name_width),
            (_cell(SHORT.get(state, state), 11), style),
            (_cell(duration(max(0.0, told["at"] - engine["since"])), 11), DIM),
        )
        if engine["ready"] or engine["jobs"] != []:
            line.append(_cell(_job(engine, told["at"]), job_width))
            cpu = _rate(engine, was.get(engine["name"]), told, before)
            line.append(_cell(_number(cpu, "%"), 6, right=True))
            line.append(_cell(_size(engine["memory"]), 9, right=True))
            line.append(_cell(_size(engine["gpu_memory"]), 9, right=True))
        else:
            line.append(one_line(engine["reason"]), DIM)
        yield line
        for finding in engine["findings"]:
            yield Text(f"   ✗ {one_line(finding['name'])}: {one_line(finding['summary'])}", BAD)
            if more:
                # Who may not read logs is not told what stands in them, nor what to do.
                told_to = [(finding["evidence"], DIM), (finding["remedy"], "")]
                yield from (Text(f"     {one_line(text)}", style) for text, style in told_to if text)


def _job(engine: Told, now: float) -> str:
    jobs = engine["jobs"]
    if jobs is None:
        return "another's"
    if not jobs:
        return ""
    first = jobs[0]
    more = f" +{len(jobs) - 1}" if len(jobs) > 1 else ""
    return f"{first['id'][:8]} {one_line(first['account'])} {duration(max(0.0, now - first['since']))}{more}"


def _queue(told: Told, history: History, screen: Screen) -> Iterator[Text]:
    if told["queued"] is None:
        yield _title("QUEUE", "not known: the database does not answer")
        return
    oldest = told["oldest_queued_s"]
    ended = told["finished"]
    line = Text.assemble(
        (" QUEUE ", HEAD),
        (f" {told['queued']} waiting", WARN if told["queued"] else ""),
        f", {told['running']} running",
        f", oldest {duration(oldest)}" if oldest is not None else "",
        (f"   {ended.get('succeeded', 0)} done, ", DIM),
        (f"{ended.get('failed', 0)} failed", BAD if ended.get("failed") else DIM),
        (f", {ended.get('cancelled', 0)} cancelled", DIM),
    )
    yield line
    width = max(10, screen.width - 20)
    for name in ("queued", "running"):
        yield Text.assemble(
            (f"   {'waiting' if name == 'queued' else name:<8}", DIM),
            (history.spark(f"queue.{name}", told["at"], width), "cyan"),
            ("  10 min", DIM),
        )


def _users(told: Told, screen: Screen) -> Iterator[Text]:
    users = sorted(told["users"], key=lambda user: (-user["running"], -user["queued"], user["name"]))
    if not users:
        return
    line = Text.assemble((" USERS ", HEAD))
    for number, user in enumerate(users):
        parts = [
            f"{user[what]} {word}"
            for what, word in (("running", "running"), ("queued", "waiting"))
            if user[what]
        ]
        text = f" {one_line(user['name'])} {', '.join(parts)}" + ("" if number == len(users) - 1 else " ·")
        if line.cell_len + cell_len(text) > screen.width - 10 and number:
            line.append(f" … {len(users) - number} more", DIM)
            break
        line.append(text)
    yield line


def _rate(engine: Told, was: Told | None, told: Told, before: Told | None) -> float | None:
    """Per cent of a core since the frame before."""
    if was is None or before is None or engine["cpu"] is None or was["cpu"] is None:
        return None
    seconds, passed = engine["cpu"] - was["cpu"], told["at"] - before["at"]
    return 100 * seconds / passed if seconds >= 0 and passed > 0 else None


def _bar(share: float | None, width: int, colour: Any) -> Iterable[tuple[str, str]]:
    """A bar of eighths on a dim ground; not known: the ground alone."""
    if share is None:
        return [("·" * width, DIM)]
    drawn = blocks(share / 100, width)
    return [(drawn, colour(share)), ("·" * (width - len(drawn)), DIM)]


def _full(share: float) -> str:
    return BAD if share >= LIMITS.vram_critical else WARN if share >= LIMITS.vram_warning else "blue"


def _degrees(celsius: float | None) -> tuple[str, str]:
    hot, warm = LIMITS.temperature_critical, LIMITS.temperature_warning
    style = "" if celsius is None else BAD if celsius >= hot else WARN if celsius >= warm else ""
    return (_cell(_number(celsius, "°C"), 5, right=True), style)


def _share(share: float | None) -> str:
    return _cell(_number(share, "%"), 4, right=True)


def _memory(used: int | None, total: int | None) -> str:
    if total is None:
        return UNKNOWN
    return f"{UNKNOWN if used is None else f'{used / GIB:.1f}'}/{total / GIB:.0f} GiB"


def _size(size: int | None) -> str:
    return UNKNOWN if size is None else f"{size / GIB:.1f} GiB"


def _number(value: float | None, unit: str) -> str:
    return UNKNOWN if value is None else f"{value:.0f}{unit}"


def _brand(name: str) -> str:
    """Without what all of them are called."""
    for word in ("NVIDIA ", "GeForce "):
        name = name.removeprefix(word)
    return one_line(name)


def _cell(text: str, width: int, *, right: bool = False) -> str:
    """Exactly so wide, also where characters are two columns wide."""
    if cell_len(text) > width:
        return set_cell_size(text, max(0, width - 1)) + "…" if width else ""
    blanks = " " * (width - cell_len(text))
    return blanks + text if right else text + blanks
