"""SIGKILL in the middle of a prune: the store is sound, what must stay is there, and the next open cleans up."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from storing import commit

from bake.ports.records import Record
from bake.store import open_store

LAYERS = 150
PRUNE = """
import sys
from pathlib import Path
from bake.store import open_store
from bake.store.candidates import Keep
from bake.store.prune import Limits, remove_all
store = open_store(Path(sys.argv[1]))
print("ready", flush=True)
done = store.prune(Limits(), Keep(lambda slot: slot == "kept"))
remove_all(done[1])
store.close()
print("done", flush=True)
"""


def test_killed_at_any_instant(tmp_path: Path) -> None:
    chance = random.Random(7)
    interrupted = 0
    for number in range(12):
        store = open_store(tmp_path / "store")
        assert store.verify(deep=True) == []
        assert {path.name for path in (tmp_path / "store/tmp").iterdir() if list(path.iterdir())} == set()
        base = commit(store.layers, file="base")
        store.records.remember(Record("kept", base.state, 1.0), {})
        store.records.visit({"kept": "kept"}, {})
        for each in range(LAYERS - len(os.listdir(tmp_path / "store/layers"))):
            commit(store.layers, base.state, file=f"{number} {each}")
        store.close()
        argv = [sys.executable, "-c", PRUNE, str(tmp_path / "store")]
        child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        try:
            assert child.stdout is not None and child.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.0, 0.06))
            child.send_signal(signal.SIGKILL)
            interrupted += child.communicate()[0] == ""
        finally:
            child.kill()
            child.wait()
        store = open_store(tmp_path / "store")
        record = store.records.lookup("kept")
        assert record is not None and store.layers.tree(record.state) is not None
        assert store.verify(deep=True) == []
        store.close()
    assert interrupted > 3
