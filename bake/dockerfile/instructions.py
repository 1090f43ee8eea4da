"""Typed instructions of a Dockerfile, as written: nothing is expanded here (that is `plan/lower`).

`text` is the instruction without its keyword and flags, continuation lines joined. Names: Dockerfile reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bake.dockerfile.forms import place_of
from bake.errors import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """What all instructions have. `span` runs from the keyword's first line to the last, heredocs included."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heredoc:
    """One heredoc: `body` raw, leading tabs still there; `chomp` for `<<-`; `expand` unless the name was quoted."""

    name: str
    body: str
    chomp: bool = False
    expand: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command: exec form (`words`) or shell form (`shell` is the one text given to the shell)."""

    words: tuple[str, ...] = ()
    shell: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Instruction):
    """What COPY and ADD share. `sources` and `dest` as written; heredoc sources are in `heredocs`, not in `sources`."""

    sources: tuple[str, ...]
    dest: str
    heredocs: tuple[Heredoc, ...] = ()
    chown: str | None = None
    chmod: str | None = None
    link: bool = False
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy(Transfer):
    from_: str | None = None
    parents: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Add(Transfer):
    checksum: str | None = None
    keep_git_dir: bool | None = None
    unpack: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arg(Instruction):
    """`pairs`: (name, default or None)."""

    pairs: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Env(Instruction):
    """`legacy` for the `ENV name value` form."""

    pairs: tuple[tuple[str, str], ...]
    legacy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(Instruction):
    pairs: tuple[tuple[str, str], ...]
    legacy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One `--mount`: options in the order written, keys lower-cased, values as written; bare ones have None."""

    options: tuple[tuple[str, str | None], ...]
    span: Span

    def at(self, *names: str) -> Span:
        """Where the first of these options is written, else the whole mount."""
        found = [name if value is None else f"{name}={value}" for name, value in self.options if name in names]
        return place_of(self.span, *found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Instruction):
    command: Command
    heredocs: tuple[Heredoc, ...] = ()
    mounts: tuple[Mount, ...] = ()
    network: str = "default"
    security: str = "sandbox"
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cmd(Instruction):
    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrypoint(Instruction):
    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell(Instruction):
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expose(Instruction):
    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume(Instruction):
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class User(Instruction):
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Workdir(Instruction):
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopsignal(Instruction):
    signal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintainer(Instruction):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck(Instruction):
    """`command` None is `HEALTHCHECK NONE`. Durations in nanoseconds, 0 = not given."""

    command: Command | None
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Onbuild(Instruction):
    """`trigger` is the text of the instruction to run in the child, heredoc bodies included."""

    trigger: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """`base` and `platform` as written (not expanded); `name` lower-cased, "" where none was given."""

    index: int
    name: str
    base: str
    platform: str | None
    instructions: tuple[Instruction, ...]
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerfile:
    """A parsed Dockerfile. `args` are the global ARGs, before the first FROM."""

    source_name: str
    stages: tuple[Stage, ...]
    args: tuple[Arg, ...] = ()
    escape: str = "\\"
    syntax: str | None = None
    check: str | None = None
    comments: tuple[tuple[int, str], ...] = field(default=(), repr=False)
    """(line, text after `#`) of each comment line, for `# check=` overrides."""
