"""What compiling must know of the world, as questions and answers (DESIGN §1: `plan` does no I/O).

`compile` returns the questions still open as `Needs`; `gather` answers all of them at once into `Facts`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from bake.errors import Span
from bake.oci.model import Descriptor, ImageConfig
from bake.plan.step import CopyAction, GitOp, HttpOp, LocalOp, StepId
from bake.plan.tree import Tree

if TYPE_CHECKING:
    from bake.plan.outcome import Plan


@dataclass(frozen=True, slots=True)
class ImageQuery:
    """A base image for one platform (`os/arch[/variant]`); `reference` normalised, with tag or digest.

    `span`: where it is named; `stages`: what else could be meant there.
    """

    reference: str
    platform: str
    pull: bool = field(default=False, compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)
    stages: tuple[str, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ImageFact:
    """`digest` of the platform's manifest; layers bottom first, as long as the config's diff ids."""

    digest: str
    config: ImageConfig
    layers: tuple[Descriptor, ...]


@dataclass(frozen=True, slots=True)
class UrlFact:
    """A downloaded URL: `digest` of its bytes (`sha256:…`), `mtime` in unix seconds (0 where the server names none).

    `archive`: its first bytes are those of a tar archive or of a compressed one; `time`: `mtime`, else the latest of
    the archive's files.
    """

    digest: str
    size: int
    mtime: float = 0.0
    archive: bool = False
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class GitFact:
    """A checked-out commit: a directory of this host with the tree that was asked for, the committer's unix time."""

    commit: str
    directory: str
    tree: Tree
    time: int = 0


class UnknownConfigs(Mapping[StepId, ImageConfig]):
    """Answers for any front end: nothing is known of its image, which is enough where nothing is built."""

    def __getitem__(self, step: StepId) -> ImageConfig:
        return ImageConfig(architecture="", os="")

    def __iter__(self) -> Iterator[StepId]:
        return iter(())

    def __len__(self) -> int:
        return 0


@dataclass(frozen=True)
class Facts:
    """All answers so far.

    `texts`: absolute path, or digest of an archive in the store + `!/` + path → content, None where there is none; the
    path of a directory, with a `/` at its end → the names in it, a line each, those of directories with a `/` as well.
    """

    texts: Mapping[str, str | None] = field(default_factory=dict)
    images: Mapping[ImageQuery, ImageFact] = field(default_factory=dict)
    trees: Mapping[LocalOp, Tree] = field(default_factory=dict)
    urls: Mapping[HttpOp, UrlFact] = field(default_factory=dict)
    gits: Mapping[GitOp, GitFact] = field(default_factory=dict)
    frontends: Mapping[StepId, ImageConfig] | None = field(default_factory=UnknownConfigs)
    """Config of the image that a front end makes, by its step; None where no front end can be run, which is refused."""


@dataclass
class Needs:
    """Open questions, in the order met. `trees` says which of a context's files are read, so only those are hashed.

    `urls` and `gits` say whether what is known from before must not serve (`--pull`); `askers` which targets need a
    repository, for their secrets may open it; `places` where a Dockerfile names one. `frontends`: step of a front end →
    the plan of just it and what it stands on.
    """

    texts: dict[str, None] = field(default_factory=dict)
    images: dict[ImageQuery, None] = field(default_factory=dict)
    trees: dict[LocalOp, dict[CopyAction, None]] = field(default_factory=dict)
    urls: dict[HttpOp, bool] = field(default_factory=dict)
    gits: dict[GitOp, bool] = field(default_factory=dict)
    askers: dict[GitOp, dict[str, None]] = field(default_factory=dict)
    places: dict[HttpOp | GitOp, Span] = field(default_factory=dict)
    frontends: dict[StepId, Plan] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any((self.texts, self.images, self.trees, self.urls, self.gits, self.frontends))


@lru_cache(maxsize=4096)
def join(root: str, path: str) -> str:
    """`path` from `root` (absolute), cleaned without looking at the disk; `..` may leave `root`."""
    return posixpath.normpath(posixpath.join(root, path))
