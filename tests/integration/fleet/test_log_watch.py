"""The log of an engine is read as it grows, once and wholly, through rotation."""

from pathlib import Path

from gesso.fleet.log_watch import LogWatch
from gesso.processes.logs import rotate


def test_log_that_is_rotated_under_its_reader_is_read_once_and_wholly(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    path.write_text("of an earlier process\n")
    watch = LogWatch(path)
    found: list[str] = []
    with path.open("ab") as log:
        for number in range(200):
            log.write(f"line {number}\n".encode())
            log.flush()
            if number % 7 == 0:
                found += watch.read()
            if number % 50 == 49:
                found += watch.read()
                assert rotate(path, limit=0, keep=2)
                watch.rotated()
                # It outgrows what it was before anybody looks again.
                log.write(b"x" * 2000 + b"\n")
                log.flush()
    found += watch.read_all()
    assert [line for line in found if line.startswith("line")] == [f"line {number}" for number in range(200)]
    assert not watch.grown()


def test_log_that_outruns_its_reader_is_read_from_near_its_end(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    watch = LogWatch(path)
    path.write_bytes(b"a line like any other\n" * 500_000 + b"the last one, without an end")
    seen = watch.read()
    assert len(seen) < 20_000
    assert watch.read_all()[-1] == "the last one, without an end"
    assert watch.recent[-1] == "the last one, without an end"
