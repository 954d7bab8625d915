"""The task of Windows' scheduler: its XML as a golden file, and the commands around it."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path, PureWindowsPath

from gesso.deploy.boot import BootEntry
from gesso.deploy.windows_task import NAMESPACE, installation, removal, render

GOLDEN = Path(__file__).parent / "golden" / "gesso-task.xml"
SERVICE = BootEntry(
    name="gesso",
    argv=(r"C:\gesso\Scripts\python.exe", "-m", "gesso", "up", "--config", r"D:\AI & art\gesso.toml"),
    directory=PureWindowsPath(r"D:\AI & art"),  # type: ignore[arg-type]
    account="STUDIO\\painter",
)


def test_the_task_is_as_golden():
    assert render(SERVICE) == GOLDEN.read_text()


def test_the_task_begins_at_boot_without_a_password_and_is_never_ended_by_age():
    task = ElementTree.fromstring(render(SERVICE).partition("\n")[2])  # noqa: S314
    names = {"t": NAMESPACE}
    assert task.findtext("t:Triggers/t:BootTrigger/t:Enabled", namespaces=names) == "true"
    assert task.findtext("t:Principals/t:Principal/t:LogonType", namespaces=names) == "S4U"
    assert task.findtext("t:Settings/t:ExecutionTimeLimit", namespaces=names) == "PT0S"
    arguments = task.findtext("t:Actions/t:Exec/t:Arguments", namespaces=names)
    assert arguments == r'-m gesso up --config "D:\AI & art\gesso.toml"'


def test_the_file_for_schtasks_is_taken_away_again(tmp_path):
    steps = installation(SERVICE, tmp_path / "task.xml", start=True)
    assert [str(step).split()[0] for step in steps] == ["write", "run", "remove", "run"]
    steps[0].do()
    assert (tmp_path / "task.xml").read_bytes()[:2] in (b"\xff\xfe", b"\xfe\xff")
    steps[2].do()
    assert not (tmp_path / "task.xml").exists()


def test_uninstalling_ends_it_first():
    assert [str(step) for step in removal("gesso")] == [
        "run schtasks /End /TN gesso",
        "run schtasks /Delete /TN gesso /F",
    ]
