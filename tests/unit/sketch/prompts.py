"""What the executor's tests share: a recording outlet, node classes for each rule, and a shorthand to run."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from gesso.sketch.executor import Executor, Result
from gesso.sketch.folders import Folders
from gesso.sketch.node import Blocked, Context, Input, Node, Outcome, Spec
from gesso.sketch.registry import NODES


class Recorder:
    """Keeps everything that is sent, in order."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []

    def emit(self, type: str, data: dict[str, Any]) -> None:
        self.sent.append((type, data))

    def emit_preview(self, node_id: str, image: bytes, mime: str, metadata: dict[str, Any] | None) -> None:
        self.sent.append(("preview", (node_id, image, mime, metadata)))

    def emit_text(self, node_id: str, text: str) -> None:
        self.sent.append(("text", (node_id, text)))

    def types(self) -> list[str]:
        return [type for type, _ in self.sent]

    def of(self, type: str) -> list[Any]:
        return [data for kind, data in self.sent if kind == type]

    def executing(self) -> list[str]:
        return [data["node"] for data in self.of("executing")]


ANY = Input("*")


class Add(Node):
    spec = Spec(category="test", required={"a": ANY, "b": ANY}, outputs=("INT",))

    def execute(self, a: int, b: int) -> tuple[int]:
        return (a + b,)


class Numbers(Node):
    """A list of `count` numbers."""

    spec = Spec(category="test", required={"count": ANY}, outputs=("INT",), output_is_list=(True,))

    def execute(self, count: int) -> tuple[list[int]]:
        return (list(range(count)),)


class Total(Node):
    """Takes its inputs as lists."""

    spec = Spec(category="test", required={"values": ANY}, outputs=("INT",), input_is_list=True)

    def execute(self, values: list[int]) -> tuple[int]:
        return (sum(values),)


class Switch(Node):
    """Computes only the branch that it takes."""

    lazy = Input("*", {"lazy": True})
    spec = Spec(category="test", required={"first": ANY, "a": lazy, "b": lazy}, outputs=("*",))

    def needed(self, first: bool, a: Any = None, b: Any = None) -> Sequence[str]:
        return ["a"] if first else ["b"]

    def execute(self, first: bool, a: Any = None, b: Any = None) -> tuple[Any]:
        return (a if first else b,)


class Block(Node):
    spec = Spec(category="test", required={"message": ANY}, outputs=("*",))

    def execute(self, message: str | None) -> Blocked:
        return Blocked(message)


class Boom(Node):
    spec = Spec(category="test", optional={"value": ANY}, outputs=("*",))

    def execute(self, value: Any = None) -> tuple[Any]:
        raise RuntimeError("it broke")


class Show(Node):
    spec = Spec(category="test", required={"value": ANY}, output_node=True)

    def execute(self, value: Any) -> Outcome:
        return Outcome(ui={"value": [value]})


class Twice(Node):
    """Expands to a node that adds the value to itself."""

    spec = Spec(category="test", required={"value": ANY}, outputs=("INT",), context=True)

    def execute(self, value: int, context: Context) -> Outcome:
        added = f"{context.node_id}.add"
        graph = {added: {"class_type": "Add", "inputs": {"a": value, "b": value}}}
        return Outcome(result=([added, 0],), expand=graph)


class TwiceBroken(Node):
    """Expands to a node that raises."""

    spec = Spec(category="test", outputs=("INT",), context=True)

    def execute(self, context: Context) -> Outcome:
        boom = f"{context.node_id}.boom"
        return Outcome(result=([boom, 0],), expand={boom: {"class_type": "Boom", "inputs": {}}})


class Changing(Node):
    """Changes whenever `version` does."""

    version: ClassVar[object] = 1
    spec = Spec(category="test", outputs=("INT",))

    def execute(self) -> tuple[object]:
        return (Changing.version,)

    @staticmethod
    def fingerprint(folders: Folders) -> object:
        return Changing.version


class Counting(Node):
    """Tells how often this instance ran."""

    spec = Spec(category="test", required={"value": ANY}, outputs=("INT",))

    def __init__(self) -> None:
        self.runs = 0

    def execute(self, value: Any) -> tuple[int]:
        self.runs += 1
        return (self.runs,)


class Ticking(Node):
    """Tells its progress three times."""

    spec = Spec(category="test", outputs=("INT",), context=True)

    def execute(self, context: Context) -> tuple[int]:
        for step in range(3):
            context.progress(step + 1, 3)
        return (3,)


class Hidden(Node):
    spec = Spec(
        category="test",
        hidden={"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO", "unique_id": "UNIQUE_ID"},
        output_node=True,
    )

    def execute(self, **hidden: Any) -> Outcome:
        return Outcome(ui={"hidden": [hidden]})


CLASSES: dict[str, type[Node]] = NODES | {
    cls.__name__: cls
    for cls in (
        Add,
        Numbers,
        Total,
        Switch,
        Block,
        Boom,
        Show,
        Twice,
        TwiceBroken,
        Changing,
        Counting,
        Ticking,
        Hidden,
    )
}


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def execute(name: str, **inputs: Any) -> Any:
    """What a node of the catalog answers."""
    return NODES[name]().execute(**inputs)


class Runs:
    """One executor; each call runs a prompt and leaves what was sent in `sent`."""

    def __init__(self, directory: Path) -> None:
        self.folders = Folders(directory)
        self.executor = Executor(self.folders, CLASSES, clock=lambda: 1.5)
        self.sent = Recorder()

    def __call__(
        self,
        prompt: dict[str, Any],
        outputs: Sequence[str] | None = None,
        *,
        extra_data: Mapping[str, Any] | None = None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> Result:
        self.sent = Recorder()
        if outputs is None:
            outputs = [key for key, each in prompt.items() if CLASSES[each["class_type"]].spec.output_node]
        extra = {"client_id": "c", **(extra_data or {})}
        return self.executor.execute("p", prompt, extra, outputs, self.sent, interrupted)

    def shown(self, value: Any, **nodes: Any) -> Any:
        """What a Show node shows of `value` in a graph of these nodes."""
        return self({**nodes, "show": node("Show", value=value)}).outputs["show"]["value"]
