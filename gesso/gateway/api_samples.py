"""`/gesso/api/samples`: what was measured over time, in as many pieces as it takes."""

import asyncio
import csv
import io
import json
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from starlette.responses import Response

from gesso.access.identity import Identity
from gesso.errors import RequestError
from gesso.gateway.api_answers import CSV, Answer
from gesso.gateway.api_caller import holder
from gesso.gateway.since import parse_since
from gesso.monitoring.coarser import coarser
from gesso.monitoring.recorder import Recorder
from gesso.monitoring.samples import Line

Watcher = Annotated[Identity, Depends(holder("monitoring:read"))]
Patterns = Annotated[list[Annotated[str, Query(max_length=200)]], Query(max_length=50)]

COLUMNS = ("at", "source", "name", "min", "avg", "max", "n")


class Sample(Answer):
    """One reading in one span of time."""

    at: float
    """When it was taken, or its span begins."""
    span_s: int
    """60 or 900, or `every_s` where that is more; 0: of that moment."""
    source: str
    """"gpu.GPU-…", "engine.NAME", "queue", "gesso"."""
    name: str
    min: float
    avg: float
    max: float
    n: int
    """How many samples these are of."""


class SampleList(Answer):
    samples: list[Sample]


def sample_routes(recorder: Recorder) -> APIRouter:
    router = APIRouter(tags=["monitoring"])

    @router.get("/samples", response_model=SampleList, responses=CSV)
    async def list_samples(
        identity: Watcher,
        since: str = "1h",
        until: str | None = None,
        series: Patterns = [],  # noqa: B006 - FastAPI copies it
        every_s: Annotated[int, Query(ge=0, le=86_400)] = 0,
        format: Literal["json", "csv"] = "json",
    ) -> Response:
        """What cards, engines, the queue and gesso itself did, as fine as it is kept, in the order of time.

        `series` are patterns such as "gpu.*", "*.memory", "queue.queued"; none: all. `since` and `until` are
        dates, times, or "24h", "7d". With `every_s`, what lies in one span of so many seconds is put
        together. What is not known is left out.
        """
        now = time.time()
        begin, end = parse_since(since, now), now if until is None else parse_since(until, now)
        if end < begin:
            raise RequestError("`until` lies before `since`.")
        await recorder.flush()
        pages = recorder.samples.lines(begin, end, series)
        if every_s:
            pages = coarser(pages, every_s)
        if format == "csv":
            return StreamingResponse(_csv(pages), media_type="text/csv; charset=utf-8")
        return StreamingResponse(_json(pages), media_type="application/json")

    return router


async def _csv(pages: AsyncIterator[list[Line]]) -> AsyncIterator[str]:
    yield ",".join(COLUMNS) + "\n"
    async for lines in pages:
        # Thousands of lines: the loop has others to serve.
        yield await asyncio.to_thread(_csv_rows, lines)


def _csv_rows(lines: Sequence[Line]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(_cells(line) for line in lines)
    return text.getvalue()


def _cells(line: Line) -> Sequence[object]:
    at = datetime.fromtimestamp(line.at, UTC).isoformat(timespec="milliseconds")
    each = line.spread
    return (at, line.source, line.name, each.low, each.mean, each.high, each.n)


async def _json(pages: AsyncIterator[list[Line]]) -> AsyncIterator[str]:
    yield '{"samples":['
    comma = ""
    async for lines in pages:
        if lines:
            yield comma + await asyncio.to_thread(_json_items, lines)
            comma = ","
    yield "]}"


def _json_items(lines: Sequence[Line]) -> str:
    return ",".join(json.dumps(_object(line), separators=(",", ":")) for line in lines)


def _object(line: Line) -> dict[str, object]:
    each = line.spread
    return {
        "at": line.at,
        "span_s": line.span_s,
        "source": line.source,
        "name": line.name,
        "min": each.low,
        "avg": each.mean,
        "max": each.high,
        "n": each.n,
    }
