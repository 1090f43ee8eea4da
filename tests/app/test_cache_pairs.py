"""Pairs of builds, before and after one change: what must hit and what must miss (reference/cache.md §14, SPEC §3.2).

All pairs are targets of one spec, built in two runs. Each starts from a directory of its own, so they share no steps.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from projects import Project
from toml_values import toml

from bake.app.building import build

HIT, RUN = "cached", "run"


@dataclass(frozen=True)
class Form:
    """A target: what follows `FROM base`, files of its context (mode after a `|`), keys of the target."""

    text: str
    files: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Pair:
    """`wanted`: the status of each step in the second build, `.` for a hit and `r` for one that runs."""

    name: str
    wanted: str
    before: Form
    after: Form


def pair(name: str, wanted: str, text: str, **more: Any) -> Pair:
    """`text_`, `files_` and the like are of the second build, else they are as in the first."""
    files, keys = more.get("files", {}), more.get("keys", {})
    before = Form(text, files, keys)
    after = Form(more.get("text_", text), {**files, **more.get("files_", {})}, {**keys, **more.get("keys_", {})})
    return Pair(name, wanted, before, after)


TOUCH = "RUN date > /d"
COPY_A = "COPY a /a\nRUN cat /a"
STAGES = "FROM base AS s\nWORKDIR /{name}\n{step}\nFROM base\nCOPY --from=s /out /{name}\nRUN cat /{name}"
SECRET = "RUN --mount=type=secret,id=t{options} true"


def stages(name: str, step: str) -> str:
    return STAGES.format(name=name, step=step)


def config(instruction: str) -> Pair:
    """An instruction that makes no files, put in the middle."""
    name = f"config-{instruction.split()[0].lower()}"
    return pair(
        name, "..", f"COPY a /a\n{TOUCH}", text_=f"{instruction}\nCOPY a /a\n{instruction}\n{TOUCH}", files={"a": name}
    )


FILES = [
    pair("time", "..", COPY_A, files={"a": "time"}, files_={"a": "time|touch"}),
    pair("content", "rr", COPY_A, files={"a": "c1"}, files_={"a": "c2"}),
    pair("mode", "rr", COPY_A, files={"a": "mode|644"}, files_={"a": "mode|755"}),
    pair("link-target", "rr", "COPY d /d\nRUN ls /d", files={"d/l": "-> one"}, files_={"d/l": "-> two"}),
    pair(
        "file-name-in-a-directory",
        "rr",
        "COPY d /d\nRUN ls /d",
        files={"d/one": "fn"},
        files_={"d/one": "", "d/two": "fn"},
    ),
    pair(
        "name-of-the-source",
        "..",
        "COPY x/a /a\nRUN cat /a",
        text_="COPY y/a /a\nRUN cat /a",
        files={"x/a": "ns", "y/a": "ns"},
    ),
    pair("another-file", ".", "COPY a /a", files={"a": "af", "b": "1"}, files_={"b": "2"}),
    pair("another-file-of-all", "r", "COPY . /all", files={"b": "1"}, files_={"b": "2"}),
    pair("an-ignored-file", ".", "COPY . /all", files={"b": "1", ".dockerignore": "b"}, files_={"b": "2"}),
    pair("excluded-file", ".", "COPY --exclude=b . /all", files={"a": "e", "b": "1"}, files_={"b": "2"}),
    pair("wildcard-that-fits-one-more", "r", "COPY *.txt /t/", files={"a.txt": "w"}, files_={"b.txt": "w"}),
    pair("bind-mount-content", "r", "RUN --mount=target=/m,source=a cat /m", files={"a": "b1"}, files_={"a": "b2"}),
    pair(
        "bind-mount-of-another-file",
        ".",
        "RUN --mount=target=/m,source=a cat /m",
        files={"a": "b1", "b": "1"},
        files_={"b": "2"},
    ),
    pair("chmod", "r", "COPY a /a", text_="COPY --chmod=600 a /a", files={"a": "cm"}),
    pair("chown", "r", "COPY a /a", text_="COPY --chown=7 a /a", files={"a": "co"}),
    pair("dest", "r", "COPY a /a", text_="COPY a /b", files={"a": "de"}),
    pair("heredoc-body", "r", "COPY <<E /a\none\nE", text_="COPY <<E /a\ntwo\nE"),
    pair(
        "link-over-another-parent",
        ".r",
        "RUN echo 1 > /one\nCOPY --link a /a",
        text_="RUN echo 2 > /one\nCOPY --link a /a",
        files={"a": "li"},
    ),
]
VARIABLES = [
    pair("env", "r", "ENV V=1\nRUN true", text_="ENV V=2\nRUN true"),
    pair("env-and-copy", ".", "ENV V=1\nCOPY a /a", text_="ENV V=2\nCOPY a /a", files={"a": "ec"}),
    pair("env-that-a-copy-uses", "r", "ENV V=1\nCOPY a /$V", text_="ENV V=2\nCOPY a /$V", files={"a": "eu"}),
    pair("arg-value", "r", "ARG V\nRUN true", keys={"args": {"V": "1"}}, keys_={"args": {"V": "2"}}),
    pair("arg-after-the-run", ".", "RUN true\nARG V", keys={"args": {"V": "1"}}, keys_={"args": {"V": "2"}}),
    pair(
        "arg-and-copy",
        ".",
        "ARG V\nCOPY a /a",
        files={"a": "ac"},
        keys={"args": {"V": "1"}},
        keys_={"args": {"V": "2"}},
    ),
    pair(
        "arg-that-a-copy-uses",
        "r",
        "ARG V\nCOPY $V /a",
        files={"x": "1", "y": "2"},
        keys={"args": {"V": "x"}},
        keys_={"args": {"V": "y"}},
    ),
    pair("arg-nobody-declares", ".", "RUN true", keys={"args": {"V": "1"}}, keys_={"args": {"V": "2"}}),
    pair(
        "arg-of-one-stage",
        "r..",
        stages("arg-of-one-stage", "ARG V\nRUN echo os > /out"),
        keys={"args": {"V": "1"}},
        keys_={"args": {"V": "2"}},
    ),
    pair("default-of-an-arg", "r", "ARG V=1\nRUN true", text_="ARG V=2\nRUN true"),
    pair(
        "proxy", ".", "RUN true", keys={"args": {"HTTP_PROXY": "http://a"}}, keys_={"args": {"HTTP_PROXY": "http://b"}}
    ),
    pair(
        "declared-proxy",
        "r",
        "ARG HTTP_PROXY\nRUN true",
        keys={"args": {"HTTP_PROXY": "http://a"}},
        keys_={"args": {"HTTP_PROXY": "http://b"}},
    ),
]
CONFIG = [
    *map(
        config,
        (
            "LABEL a=b",
            "CMD x",
            'ENTRYPOINT ["x"]',
            "EXPOSE 80",
            "VOLUME /v",
            "STOPSIGNAL 9",
            "HEALTHCHECK CMD x",
            "MAINTAINER me",
            "ONBUILD RUN false",
        ),
    ),
    pair("shell", "r.", 'RUN true\nRUN ["true"]', text_='SHELL ["/bin/ash", "-c"]\nRUN true\nRUN ["true"]'),
    pair("user", "r", "RUN true", text_="USER 7\nRUN true"),
    pair("user-of-a-workdir", "r", "WORKDIR /u/w", text_="USER 7\nWORKDIR /u/w"),
    pair("workdir", "rr", "WORKDIR /u/w\nRUN true", text_="WORKDIR /u/x\nRUN true"),
    pair(
        "comment", "..", f"{TOUCH}\nCOPY a /a", text_=f"# hello\n\n{TOUCH}\n# again\nCOPY a /a", files={"a": "comment"}
    ),
    pair("keyword-case", "..", f"{TOUCH}\nCOPY a /a", text_="run date > /d\ncopy a /a", files={"a": "kc"}),
    pair(
        "stage-name",
        "...",
        stages("stage-name", "RUN echo sn > /out"),
        text_=stages("stage-name", "RUN echo sn > /out").replace(" AS s", " AS other").replace("=s", "=other"),
    ),
    pair("indentation-of-a-continuation", "r", "RUN true \\\n  && true", text_="RUN true \\\n    && true"),
    pair("heredoc-indentation", "r", "RUN <<E\ntrue\nE", text_="RUN <<E\n true\nE"),
]
RUNS = [
    pair("command", "rr", "RUN echo 1 > /f\nCOPY a /a", text_="RUN echo 2 > /g\nCOPY a /a", files={"a": "cmd"}),
    pair("early-cutoff", "r.", "RUN echo same > /f\nRUN cat /f", text_="RUN printf 'same\\n' > /f\nRUN cat /f"),
    pair(
        "early-cutoff-of-a-stage",
        "r..",
        stages("early-cutoff-of-a-stage", "RUN echo ec > /out"),
        text_=stages("early-cutoff-of-a-stage", "RUN printf 'ec\\n' > /out"),
    ),
    pair(
        "early-cutoff-of-a-copy",
        "r.",
        "COPY a /x\nRUN cat /x",
        text_="COPY b /x\nRUN cat /x",
        files={"a": "eq", "b": "eq|644"},
    ),
    pair("secret-value", ".", SECRET.format(options=""), keys={"secret": "S1"}, keys_={"secret": "S2"}),
    pair(
        "secret-target",
        "r",
        SECRET.format(options=""),
        text_=SECRET.format(options=",target=/s"),
        keys={"secret": "S1"},
    ),
    pair(
        "secret-mode", "r", SECRET.format(options=""), text_=SECRET.format(options=",mode=0444"), keys={"secret": "S1"}
    ),
    pair(
        "secret-required",
        "r",
        SECRET.format(options=""),
        text_=SECRET.format(options=",required"),
        keys={"secret": "S1"},
    ),
    pair("secret-env", "r", SECRET.format(options=""), text_=SECRET.format(options=",env=T"), keys={"secret": "S1"}),
    pair("ssh-option", "r", "RUN --mount=type=ssh true", text_="RUN --mount=type=ssh,target=/s true"),
    pair(
        "cache-content",
        ".r",
        "RUN --mount=type=cache,target=/cc echo >> /cc/x\nARG V\nRUN true",
        keys={"args": {"V": "1"}},
        keys_={"args": {"V": "2"}},
    ),
    pair("cache-target", "r", "RUN --mount=type=cache,target=/c1 true", text_="RUN --mount=type=cache,target=/c2 true"),
    pair(
        "cache-id", "r", "RUN --mount=type=cache,target=/c3 true", text_="RUN --mount=type=cache,target=/c3,id=x true"
    ),
    pair(
        "cache-other-id",
        ".",
        "RUN --mount=type=cache,target=/c4,id=a true",
        text_="RUN --mount=type=cache,target=/c4,id=b true",
    ),
    pair(
        "cache-in-a-namespace",
        ".",
        "RUN --mount=type=cache,target=/c6 true",
        keys={"args": {"BUILDKIT_CACHE_MOUNT_NS": "a"}},
        keys_={"args": {"BUILDKIT_CACHE_MOUNT_NS": "b"}},
    ),
    pair(
        "cache-sharing",
        ".",
        "RUN --mount=type=cache,target=/c5,id=a,sharing=locked true",
        text_="RUN --mount=type=cache,target=/c5,id=a,sharing=private true",
    ),
    pair(
        "tmpfs-size",
        "r",
        "RUN --mount=type=tmpfs,target=/t true",
        text_="RUN --mount=type=tmpfs,target=/t,size=1m true",
    ),
    pair("network", "r", "RUN true", text_="RUN --network=none true"),
    pair(
        "host-address", ".", "RUN true", keys={"extra-hosts": {"h": "1.1.1.1"}}, keys_={"extra-hosts": {"h": "2.2.2.2"}}
    ),
    pair("host-name", "r", "RUN true", keys={"extra-hosts": {"h": "1.1.1.1"}}, keys_={"extra-hosts": {"g": "1.1.1.1"}}),
    pair("ulimit", "r", "RUN true", keys={"ulimits": ["nofile=100"]}, keys_={"ulimits": ["nofile=200"]}),
    pair("shm-size", "r", "RUN true", keys={"shm-size": "1m"}, keys_={"shm-size": "2m"}),
    pair("timeout", ".", "RUN true", keys={"timeout": "50s"}, keys_={"timeout": "60s"}),
    pair("retries-and-weight", ".", "RUN true", keys={"retries": 0}, keys_={"retries": 2}),
    pair("hostname", "r", "RUN true", keys_={"args": {"BUILDKIT_SANDBOX_HOSTNAME": "h"}}),
    pair("tags-and-labels", ".", "RUN true", keys_={"tags": ["example.com/x:1"], "labels": {"a": "b"}}),
    pair("no-cache", "rr", "COPY a /a\nRUN true", files={"a": "nc"}, keys_={"no-cache": True}),
    pair(
        "no-cache-of-a-stage",
        "r..",
        stages("no-cache-of-a-stage", "RUN echo nf > /out"),
        keys_={"no-cache-filter": ["s"]},
    ),
]
PAIRS = [*FILES, *VARIABLES, *CONFIG, *RUNS]


class World:
    """All pairs in one project; `number` 0 is before, 1 after."""

    def __init__(self, directory: Path) -> None:
        self.project = Project(directory)
        self.project.add_busybox()

    def build(self, number: int) -> Mapping[str, list[tuple[str, str]]]:
        """Target → (instruction, status) of its steps, but for the directory that each starts in."""
        base = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]'
        rows = [f"[target.base]\ndockerfile-inline = '''\n{base}'''\n"]
        for each in PAIRS:
            form = each.after if number else each.before
            self._write_files(each.name, form)
            rows.append(self._target(each.name, form))
        self.project.write("bake.toml", "".join(rows))
        options = self.project.options(*(each.name for each in PAIRS), keep_going=True)
        options = replace(options, environment={**options.environment, "S1": "one", "S2": "two"})
        result = anyio.run(build, options, lambda _event: None)
        assert result.errors == ()
        found: dict[str, list[tuple[str, str]]] = {each.name: [] for each in PAIRS}
        for step in result.report.steps:
            for name in step.targets:
                if name in found and step.instruction != f"WORKDIR /{name}":
                    found[name].append((step.instruction, step.status))
        return found

    def _write_files(self, name: str, form: Form) -> None:
        root = self.project.root / name
        root.mkdir(exist_ok=True)
        for path, given in form.files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            text, _, option = given.partition("|")
            file.unlink(missing_ok=True)
            if text.startswith("-> "):
                file.symlink_to(text[3:])
                continue
            if not text:
                continue
            file.write_text(text if path == ".dockerignore" else f"{text} of {name}")
            file.chmod(int(option, 8) if option.isdecimal() else 0o644)
            time = 1_600_000_000 + (9999 if option == "touch" else 0)
            os.utime(file, (time, time))

    def _target(self, name: str, form: Form) -> str:
        text = form.text if form.text.startswith("FROM") else f"FROM base\nWORKDIR /{name}\n{form.text}"
        keys = {"context": name, "contexts": {"base": "target:base"}, **form.keys}
        if "secret" in keys:
            keys["secret"] = [{"id": "t", "env": keys["secret"]}]
        lines = "".join(f"{key} = {toml(value)}\n" for key, value in keys.items())
        return f"[target.{name}]\n{lines}dockerfile-inline = '''\n{text}\n'''\n"


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[tuple[str, str]]]:
    world = World(tmp_path_factory.mktemp("pairs"))
    first = world.build(0)
    assert {name: statuses for name, rows in first.items() if HIT in (statuses := [s for _, s in rows])} == {}
    return world.build(1)


@pytest.mark.parametrize("each", [pytest.param(each, id=each.name) for each in PAIRS])
def test_pair(each: Pair, second: Mapping[str, list[tuple[str, str]]]) -> None:
    rows = second[each.name]
    assert "".join({HIT: ".", RUN: "r"}[status] for _, status in rows) == each.wanted, rows
