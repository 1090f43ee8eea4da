"""A layer that comes back from its archive is the layer that was made: the same content id, whatever it holds."""

from __future__ import annotations

import tarfile
import time
from pathlib import Path
from typing import Any

import anyio
from cache_machines import machine, ran, told
from storing import fill

from bake.plan.listing import encode, listing_digest
from bake.plan.tree import SCRATCH, Entry, StateId
from bake.remote.catalog import Catalog
from bake.remote.collect import Collector, Results
from bake.store import open_store

TEXT = r"""
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
COPY config source /
COPY tree /tree/
ADD old.tar /old/
RUN mkdir /d; echo x > /d/a; ln /d/a /d/b; ln -s a /d/c; ln /d/c /d/e; ln -s /nowhere /d/f; true
RUN echo x > /a; chmod 4751 /a; chown 5:6 /a; mkdir -m 1777 /t; mkfifo /p; chown -h 7:8 /p; touch /empty
RUN rm /config; rm -r /tree/one; mkdir /tree/one; echo x > /tree/one/new; rm -r /tree/two; echo y > /tree/two
RUN mkdir '/a b'; echo x > '/a b/ü'; echo y > "/$(printf '\377')"; echo z > /-; mkdir -p /e/m/p/t/y
RUN d=/$(printf 'x%.0s' $(seq 1 200)); mkdir -p $d/$d; echo x > $d/$d/f; head -c 300000 /dev/zero > /zeros
RUN touch -d '1970-01-02 00:00:00' /a; chmod 600 /source; chmod 711 /tree; cp -p /source /copy
RUN rm -r /tree; ln -s /other /tree; mv /source /moved; rm -r /d; mkdir /d; ln /moved /d/moved
RUN touch -h -d '1969-12-31 23:59:58' /tree; touch -d '2030-01-01 00:00:00' /zeros; mv /moved /again; true
RUN true
"""


def old_archive(path: Path) -> None:
    """Times are given by it, to directories too, and finer than an image tells them."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, time_ in (("d", tarfile.DIRTYPE, 7), ("d/f", tarfile.REGTYPE, 1e9 + 0.25), ("x/y", b"0", 0)):
            member = tarfile.TarInfo(name)
            member.type, member.mtime = kind, time_
            archive.addfile(member)
        member = tarfile.TarInfo("d/again")
        member.type, member.linkname, member.mtime = tarfile.LNKTYPE, "d/f", 5
        archive.addfile(member)


def test_layers_come_back_as_they_were(tmp_path: Path) -> None:
    """The second machine runs one step more, on layers out of a cache: each is compared with its content id."""
    both = f'[defaults]\ncache-to = [{{ type = "local", dest = "{tmp_path}/cache", mode = "max" }}]\n'
    both += f'cache-from = [{{ type = "local", src = "{tmp_path}/cache" }}]\n'
    for directory, last in (("a", ""), ("b", "RUN ls -lR / > /list\n")):
        made = machine(tmp_path / directory, both, dockerfile=TEXT + last)
        for number in ("one", "two"):
            made.write(f"tree/{number}/file", number)
        old_archive(made.root / "old.tar")
        result = made.build("app")
        assert result.errors == ()
    assert (told(result), list(ran(result))) == ([], ["RUN ls -lR / > /list"])


def test_a_layer_with_a_socket_is_known_by_name(tmp_path: Path) -> None:
    """No archive holds a socket, so what needs its files makes them again."""
    store = open_store(tmp_path / "store")
    scratch = store.layers.scratch()
    fill(scratch, {"file": "x"})
    listing = {"file": Entry("f", size=1, digest="0" * 64), "socket": Entry("s")}
    (scratch / "listing").write_bytes(encode(listing))
    layer = store.layers.commit(SCRATCH, scratch, listing_digest(listing), created=1.0, size=1)

    async def archive(state: StateId) -> Any:
        raise AssertionError(f"{state} must not be archived")

    collector = Collector(Results(None, {}, {}, time.time()), store, None, {}, archive)  # type: ignore[arg-type]
    found = anyio.run(collector._state, layer, True, Catalog(), {})
    assert (found.listing, found.blobs, found.diff_id) == (listing_digest(listing), (), "")
    store.close()
