"""What a node class is to sketch: its declaration, what it is given and what it may answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from PIL.Image import Image

from gesso.sketch.folders import Folders
from gesso.sketch.memory import Memory


class Interrupted(Exception):
    """The prompt was interrupted; raised between nodes and between steps, never by a node itself."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """A value that stops every node it reaches; with a message, the first of them reports an error."""

    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a node answers when a tuple of outputs is not enough.

    `ui` goes to the client and into history ({"images": [{filename, subfolder, type}]}), `expand` is a
    graph in API format that replaces the node; `result` may then hold links into it.
    """

    result: tuple[Any, ...] | Blocked | None = None
    ui: Mapping[str, Sequence[Any]] | None = None
    expand: Mapping[str, Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """One input: its type (or list of choices), and its options, as object_info tells them.

    Choices that depend on the files there are a function of the folders. `options=None` is a bare type.
    """

    type: str | Sequence[str] | Callable[[Folders], list[str]]
    options: Mapping[str, Any] | None = None


class Context(Protocol):
    """What the running prompt lends a node that declares `context=True`; passed as keyword `context`."""

    @property
    def folders(self) -> Folders:
        """The directories of this sketch."""

    @property
    def memory(self) -> Memory:
        """What stands in for the GPU's memory."""

    @property
    def node_id(self) -> str:
        """The id under which the node runs; ids of an expansion should start with it."""

    def progress(
        self,
        value: float,
        maximum: float,
        preview: Image | None = None,
        *,
        format: str = "JPEG",
        max_size: int | None = 512,
    ) -> None:
        """Tells the client how far the node is; raises Interrupted when asked to stop."""

    def text(self, text: str) -> None:
        """Shows a text on the node."""

    def check(self) -> None:
        """Raises Interrupted when the prompt was interrupted; for long steps without progress to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A node class as object_info shows it.

    `modern` marks classes that ComfyUI declares through its schema API: their object_info entry carries
    three more fields and writes choices as ["COMBO", {…}]. `context` asks for the keyword of that name.
    """

    display_name: str | None = None
    category: str
    module: str = "nodes"
    required: Mapping[str, Input] = field(default_factory=dict)
    optional: Mapping[str, Input] = field(default_factory=dict)
    hidden: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    output_names: tuple[str, ...] | None = None
    output_is_list: tuple[bool, ...] | None = None
    output_node: bool = False
    input_is_list: bool = False
    modern: bool = False
    experimental: bool = False
    context: bool = False
    description: str = ""

    def input(self, name: str) -> Input | None:
        """The declaration of an input, hidden ones aside."""
        return self.required.get(name) or self.optional.get(name)


class Node:
    """A node class; instances live as long as their id stays in use from prompt to prompt.

    Subclasses set `spec` and define `execute(self, **inputs)`, which answers a tuple of outputs, an Outcome
    or Blocked. In ComfyUI's words: spec is INPUT_TYPES, RETURN_TYPES, OUTPUT_NODE, INPUT_IS_LIST and so on,
    `fingerprint` is IS_CHANGED, `validate` is VALIDATE_INPUTS, `needed` is check_lazy_status.
    """

    spec: ClassVar[Spec]
    execute: ClassVar[Callable[..., tuple[Any, ...] | Outcome | Blocked]]

    fingerprint: ClassVar[Callable[..., object] | None] = None
    """Static `(folders, **constants)`: a value that differs when the node must run again."""

    validate: ClassVar[Callable[..., bool | str] | None] = None
    """Static `(folders, inputs it names …)`: True, or what is wrong; no other check sees these inputs."""

    needed: ClassVar[Callable[..., Sequence[str]] | None] = None
    """Method `(self, **inputs)`: the lazy inputs that must be computed; those not computed yet are None."""
