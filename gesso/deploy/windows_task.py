"""gesso as a task of Windows' Task Scheduler that runs from boot on: its XML, and the commands of schtasks.

Elements as in Microsoft's Task Scheduler schema, version 1.4.
"""

import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from gesso.deploy.boot import BootEntry, Remove, Run, Step, Write

NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"
PREFIX = "{" + NAMESPACE + "}"
# schtasks reads files in the encoding that they declare; its own exports are UTF-16.
ENCODING = "utf-16"


def render(service: BootEntry) -> str:
    """The task's XML. S4U: it runs without a password being stored, and nobody need be signed in."""
    ElementTree.register_namespace("", NAMESPACE)
    task = ElementTree.Element(f"{PREFIX}Task", {"version": "1.4"})
    _add(task, "RegistrationInfo", {"Description": "gesso, one image service over ComfyUI engines"})
    _add(_add(task, "Triggers", {}), "BootTrigger", {"Enabled": "true"})
    principal = {"LogonType": "S4U", "RunLevel": "LeastPrivilege"}
    if service.account:
        principal = {"UserId": service.account, **principal}
    _add(_add(task, "Principals", {}), "Principal", principal).set("id", "gesso")
    settings = _add(
        task,
        "Settings",
        {
            "MultipleInstancesPolicy": "IgnoreNew",
            "DisallowStartIfOnBatteries": "false",
            "StopIfGoingOnBatteries": "false",
            "StartWhenAvailable": "true",
            # Not the three days after which Windows ends tasks.
            "ExecutionTimeLimit": "PT0S",
            # As other programs; tasks have less by default.
            "Priority": "5",
        },
    )
    _add(settings, "RestartOnFailure", {"Interval": "PT1M", "Count": "999"})
    actions = _add(task, "Actions", {})
    actions.set("Context", "gesso")
    program, *arguments = service.argv
    _add(
        actions,
        "Exec",
        {
            "Command": program,
            "Arguments": subprocess.list2cmdline(arguments),
            "WorkingDirectory": str(service.directory),
        },
    )
    ElementTree.indent(task)
    return '<?xml version="1.0" encoding="UTF-16"?>\n' + ElementTree.tostring(task, "unicode") + "\n"


def _add(parent: ElementTree.Element, name: str, texts: dict[str, str]) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, PREFIX + name)
    for inner, text in texts.items():
        ElementTree.SubElement(element, PREFIX + inner).text = text
    return element


def installation(service: BootEntry, file: Path, *, start: bool) -> list[Step]:
    """What to do, in this order; `file` is only for schtasks to read."""
    steps: list[Step] = [
        Write(path=file, text=render(service), encoding=ENCODING),
        Run(argv=("schtasks", "/Create", "/TN", service.name, "/XML", str(file), "/F")),
        Remove(path=file),
    ]
    if start:
        steps.append(Run(argv=("schtasks", "/Run", "/TN", service.name)))
    return steps


def removal(name: str) -> list[Step]:
    return [
        Run(argv=("schtasks", "/End", "/TN", name), may_fail=True),
        Run(argv=("schtasks", "/Delete", "/TN", name, "/F")),
    ]


def query(name: str) -> tuple[str, ...]:
    """The command that tells its state."""
    return ("schtasks", "/Query", "/TN", name, "/V", "/FO", "LIST")
