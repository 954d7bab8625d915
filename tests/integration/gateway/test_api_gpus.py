"""`/gesso/api/gpus` on a real server: every card for everybody, strangers' processes for administrators."""

import asyncio
from pathlib import Path
from typing import Any

from gesso.fleet.cards import Cards
from gesso.gpus.recorded import RecordedReader, machine_file
from tests.integration.gateway.door import Door, opened


async def asked(door: Door, key: str) -> Any:
    async with door.client(key) as client:
        answer = await client.get("/gesso/api/gpus")
        assert answer.status_code == 200, answer.text
        return answer.json()


def test_every_card_is_told_and_strangers_processes_to_administrators_only(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            door.supervisor.cards = Cards(RecordedReader(machine_file("two-cards")))
            await door.supervisor.cards.refresh(60.0)
            told, shown = await asked(door, door.admin), await asked(door, door.ada)
            assert [card["cuda"]["fastest_first"] for card in told["cards"]] == [1, 0]
            assert told["cards"][1]["throttled_by"] == ["sw_power_cap"]
            assert {each["pid"] for card in told["cards"] for each in card["processes"]} == {
                2214,
                2519,
                30418,
                41877,
                8093,
            }
            strangers = [each for card in shown["cards"] for each in card["processes"]]
            assert len(strangers) == 5 and all(each["memory"] for each in strangers)
            named = [each[key] for each in strangers for key in ("pid", "name", "user", "command")]
            assert set(named) == {None}
            for card in (*told["cards"], *shown["cards"]):
                card.pop("processes")
            assert told == shown

    asyncio.run(main())


def test_what_was_not_read_is_said_so(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            told = await asked(door, door.ada)
            assert told["cards"] == [] and "not read" in told["problem"] and told["at"] is None

    asyncio.run(main())


def test_without_the_scope_nothing_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door:
            key = await door.access.create_key("ada", "jobs", scopes=["jobs:own"])
            async with door.client(key.token) as client:
                assert (await client.get("/gesso/api/gpus")).status_code == 403

    asyncio.run(main())


def test_the_page_that_describes_the_api_has_the_cards(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as door, door.client(door.ada) as client:
            schemas = (await client.get("/gesso/api/openapi.json")).json()["components"]["schemas"]
            assert {"uuid", "cuda", "processes", "remainder"} <= set(schemas["Gpu"]["properties"])
            assert (await client.get("/gesso/api/docs")).status_code == 200

    asyncio.run(main())
