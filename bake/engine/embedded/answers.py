"""What the helper process answers. Paths inside trees travel as bytes: they need not be UTF-8."""

from __future__ import annotations

from bake.engine.embedded.message import Message


class Ready(Message, tag="ready", frozen=True):
    """The helper is up."""


class Done(Message, tag="done", frozen=True):
    pass


class Made(Message, tag="made", frozen=True):
    """A layer is in its scratch: the digest of its listing, the bytes of its files."""

    digest: str
    size: int


class Ended(Message, tag="ended", frozen=True):
    code: int


class Unpacked(Message, tag="unpacked", frozen=True):
    """`implied` are directories that the archive needs but lacks; `unsure`: it must be unpacked over `lower`."""

    size: int
    implied: tuple[bytes, ...] = ()
    unsure: bool = False


class Settled(Message, tag="settled", frozen=True):
    """`fits` False: the layer must be unpacked again over the lower state."""

    fits: bool


class Archived(Message, tag="archived", frozen=True):
    """`diff_id` of the plain archive, `digest` and `size` of the file as written."""

    diff_id: str
    digest: str
    size: int


class Left(Message, tag="left", frozen=True):
    """Paths that could not be made on this host."""

    paths: tuple[bytes, ...] = ()


class Files(Message, tag="files", frozen=True):
    """Path → bytes, of those that are there."""

    found: dict[bytes, bytes]


Answer = Ready | Done | Made | Ended | Unpacked | Settled | Archived | Left | Files
