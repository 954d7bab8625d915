"""`[[engine]]`: one engine, how it is started or reached, and what gesso shows to it."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gesso.config.gpus import CardName, conflict
from gesso.config.table import Table, wrong
from gesso.config.values import FilePath, Name, Program, Size, Url


class CredentialConfig(Table):
    """What gesso shows to an engine behind a login: exactly one of these. The secret stands elsewhere."""

    bearer_file: FilePath | None = None
    """A file whose first line is the token for `Authorization: Bearer`."""

    bearer_env: Annotated[str, Field(min_length=1)] | None = None
    """The environment variable that holds the token."""

    basic_file: FilePath | None = None
    """A file whose first line is `user:password` for `Authorization: Basic`."""

    basic_env: Annotated[str, Field(min_length=1)] | None = None
    """The environment variable that holds `user:password`."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise wrong("", f"give exactly one of {', '.join(type(self).model_fields)}")
        return self


class EngineConfig(Table):
    """One engine: started by gesso (`directory`), or run by somebody else (`url`)."""

    name: Name
    """What it is called everywhere: lower-case letters, digits and hyphens; each name once."""

    kind: Literal["comfyui", "sketch"]
    """`comfyui` is ComfyUI; `sketch` is the small engine that comes with gesso and needs no GPU."""

    directory: FilePath | None = None
    """The folder with ComfyUI's `main.py`. For `sketch`: where its files are (default: in the storage)."""

    python: Program | None = None
    """The Python that runs it. Default: the one in `venv` or `.venv` of `directory`, else `python3`."""

    arguments: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """More arguments for its command line; gesso itself sets the address and the port."""

    environment: dict[str, str] = {}
    """Environment variables it gets, beside gesso's own."""

    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """The loopback port it gets. Default: a free one."""

    gpu: CardName | None = None
    """The card it is held to: the UUID ("GPU-…", "MIG-…") or its beginning, or words of the name that only
    this card has ("RTX 3090"); `gesso gpus` lists them. Default: it sees all cards."""

    vram: Annotated[Size, Field(gt=0)] | None = None
    """What it needs of that card, like "10GiB". Engines share a card only if all declare it and it fits."""

    url: Url | None = None
    """The address of an engine that gesso does not start. It is only watched, never stopped."""

    credential: CredentialConfig | None = None
    """What gesso shows to an engine given by `url`."""

    memory_limit: Size | None = None
    """The RAM that its processes may hold. Above it, it is given no more jobs, and restarted once it is known
    to have none; not again within ten minutes."""

    vram_limit: Size | None = None
    """The same for what its processes hold on the cards."""

    unload_after_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """After so long with nothing to do it is made to forget its models, which frees its card's memory. One
    with a `url` forgets those of whoever else uses it, too."""

    sleep_after_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """After so long with nothing to do its process is ended; the next job that needs it starts it again."""

    slots: Annotated[int, Field(ge=1)] = 2
    """How many jobs it is handed at a time: one that runs and, behind a short one, one that waits there."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.directory is not None and self.url is not None:
            raise wrong(
                "url", "give either `directory` (gesso starts it) or `url` (somebody else does), not both"
            )
        if self.kind == "comfyui" and self.directory is None and self.url is None:
            raise wrong("", "give `directory` (gesso starts it) or `url` (somebody else does)")
        return self

    @model_validator(mode="after")
    def _settings_have_effect(self) -> Self:
        if self.url is not None:
            own = (
                "python",
                "arguments",
                "environment",
                "port",
                "gpu",
                "vram",
                "memory_limit",
                "vram_limit",
                "sleep_after_s",
            )
            for key in own:
                if getattr(self, key):
                    raise wrong(key, "has no effect on an engine that is given by `url`")
        elif self.credential is not None:
            raise wrong("credential", "is for an engine that is given by `url`")
        elif self.kind == "sketch" and self.python is not None:
            raise wrong("python", "has no effect on a sketch; it runs on gesso's own")
        for argument in self.arguments:
            if argument.split("=")[0] in ("--port", "--listen"):
                raise wrong("arguments", f"{argument!r} is set by gesso; use the key `port`")
        return self

    @model_validator(mode="after")
    def _card_is_named_once(self) -> Self:
        if self.gpu is None:
            if self.vram is not None:
                raise wrong("vram", "has an effect only together with `gpu`, the card it is a part of")
            return self
        found = conflict(self.arguments, self.environment)
        if found is not None:
            key, what = found
            raise wrong(key, f"{what!r} contradicts `gpu`, which alone is to say which card it uses")
        return self
