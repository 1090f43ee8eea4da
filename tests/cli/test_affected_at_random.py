"""Random repositories and edits: `bake affected` names every target that the build would rebuild.

Contexts, ignore files, sources with wildcards, bind mounts, stages that nothing needs, bases by `target:` and by tag,
variables and inherited values of bake.toml: all made by chance, then edited by chance.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from registry_server import registry

Call = Callable[..., tuple[int, str, str]]
SOURCES = ("src", ".", "src/*.py", "docs/", "s?c/a.py", "src/a.py docs/x.md")


class World:
    """A repository whose targets and files come from `chance`."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.count = chance.randrange(3, 7)
        self.values = {"V": "1", "W": "1"}
        self.lines = [self.dockerfile(number) for number in range(self.count)]
        for number in range(self.count):
            for name in ("src/a.py", "src/b.py", "docs/x.md", "docs/y.txt", "notes"):
                self.put(f"c{number}/{name}", name)
            self.put(f"c{number}/.dockerignore", chance.choice(["", "*.txt\n", "src/b.py\n", "docs\n!docs/x.md\n"]))
        self.write()

    def put(self, name: str, text: str) -> None:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)

    def dockerfile(self, number: int) -> list[str]:
        chance = self.chance
        base = chance.choice(
            ["scratch", *(f"localhost:1/t{n}:1" for n in range(number)), *(["base"] if number else [])]
        )
        lines = [f"FROM scratch AS extra\nCOPY {chance.choice(SOURCES)} /e/", f"FROM {base}"]
        lines += [f"COPY {chance.choice(SOURCES)} /d{n}/" for n in range(chance.randrange(1, 3))]
        if chance.random() < 0.4:
            lines.append("COPY --from=extra /e /x")
        if chance.random() < 0.4:
            lines.append("ARG V\nLABEL v=$V")
        return lines

    def write(self) -> None:
        spec = [f'[variable]\nV = "{self.values["V"]}"\nW = "{self.values["W"]}"']
        spec.append('[target._all]\nlabels = { w = "${W}" }')
        for number, lines in enumerate(self.lines):
            spec.append(f'[target.t{number}]\ncontext = "c{number}"\ntags = ["localhost:1/t{number}:1"]')
            spec += ['args = { V = "${V}" }'] if number % 2 else ['inherits = ["_all"]'] if number % 3 else []
            spec += [f'contexts = {{ base = "target:t{number - 1}" }}'] if "FROM base" in "\n".join(lines) else []
            self.put(f"c{number}/Dockerfile", "\n".join(lines) + "\n")
        self.put("bake.toml", "\n".join(spec) + "\n")

    def edit(self) -> None:
        chance, number = self.chance, self.chance.randrange(self.count)
        match chance.choice("file file file new gone ignore dockerfile value".split()):  # noqa: SIM905
            case "file":
                name = chance.choice(["src/a.py", "src/b.py", "docs/x.md", "docs/y.txt", "notes"])
                self.put(f"c{number}/{name}", str(chance.random()))
            case "new":
                self.put(f"c{number}/{chance.choice(['src', 'docs', '.'])}/new{chance.randrange(9)}.py", "new")
            case "gone":
                Path(f"c{number}/src/b.py").unlink(missing_ok=True)
            case "ignore":
                self.put(f"c{number}/.dockerignore", chance.choice(["", "*.py\n!src/a.py\n", "docs/*.txt\n"]))
            case "dockerfile":
                self.lines[number] = self.dockerfile(number)
            case "value":
                self.values[chance.choice("VW")] = str(chance.randrange(9))
        self.write()


def git(*args: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *identity, *args], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_missed(line: Call, seed: int) -> None:
    chance = Random(seed)
    world = World(chance)
    git("init", "-q", "-b", "main")
    compared = 0
    for _ in range(6):
        git("add", "-A")
        git("commit", "-q", "-m", "x", "--allow-empty")
        line("all --keep-going --progress quiet")
        for _ in range(chance.randrange(1, 3)):
            world.edit()
        code, out, err = line("affected --since HEAD")
        assert code == 0, err
        named = set(out.splitlines())
        code, out, err = line("plan all --json")
        assert code == 0, err
        steps = json.loads(out)["steps"]
        rebuilt = {target for step in steps if step["status"] != "cached" for target in step["targets"]}
        assert rebuilt <= named
        compared += len(rebuilt)
    assert compared > 2


def test_what_is_locked_anew_affects_who_uses_it(line: Call, tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as server:

        def publish(text: str) -> None:
            Path("main.py").write_text(text)
            spec = f'[target.b]\ntags = ["{server.host}/b:1"]\ndockerfile-inline = "FROM scratch\\nCOPY main.py /"\n'
            Path("base.toml").write_text(spec)
            assert line("build -f base.toml b --push --progress quiet")[0] == 0

        publish("1")
        Path("bake.toml").write_text(
            f'[target.app]\ndockerfile-inline = "FROM {server.host}/b:1\\nCOPY root /"\n'
            '[target.above]\ncontexts = { app = "target:app" }\ndockerfile-inline = "FROM app\\nCOPY root /"\n'
            '[target.other]\ndockerfile-inline = "FROM scratch\\nCOPY root /"\n'
        )
        assert line("lock")[0] == 0
        git("init", "-q", "-b", "main")
        git("add", "-A")
        git("commit", "-q", "-m", "one")
        publish("2")
        git("commit", "-q", "-a", "-m", "two")
        assert line("affected --since HEAD") == (0, "", "")
        assert line("lock --upgrade")[0] == 0
        assert line("affected --since HEAD") == (0, "app\nabove\n", "")
        Path("changed").write_text("bake.lock\n")
        assert line("affected --files changed") == (0, "app\nabove\n", "")
        git("commit", "-q", "-a", "-m", "three")
        assert line("affected --since HEAD")[1] == ""
