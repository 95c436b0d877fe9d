"""kill -9 at many journal offsets: no byte of the metrics changes, nothing is asked twice.

A child is forked per offset, from a process of its own that has everything imported. It runs the
experiment and kills itself with SIGKILL the moment the journal has grown past the offset.
"""

import json
import subprocess
import sys
from pathlib import Path

CHILD = '''
import json, os, signal, sys
from pathlib import Path
from policies.scripted import ScriptedPolicy
from scorers.scripted import ScriptedScorer
from search.keys import policy_key, scorer_key
from treewright.journal.appender import Appender
from treewright.cli import main
import treewright.experiment  # so that no child imports it again

offsets = json.loads(sys.argv[1])


def log(path, key):
    with open(path, "a") as file:
        file.write(key + "\\n")


def watched(method, key, path):
    async def ask(self, batch):
        for call in batch:
            log(path, key(call))
        return await method(self, batch)
    return ask


def deadly(append, limit):
    async def then_die(self, line):
        offset = await append(self, line)
        if offset + len(line) >= limit:
            os.kill(os.getpid(), signal.SIGKILL)
        return offset
    return then_die


def run(name, limit):
    """One run in a forked child; returns how it ended."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    log_path = f"{name}.asked"
    ScriptedPolicy.extend = watched(ScriptedPolicy.extend, policy_key, log_path)
    ScriptedScorer.judge = watched(ScriptedScorer.judge, scorer_key, log_path)
    if limit is not None:
        Appender.append = deadly(Appender.append, limit)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    os._exit(main(["run", "config.yaml", f"output_dir={name}"]))


def size(name):
    (path,) = Path(name).glob("*/*/journal/driver.jsonl")
    return path.stat().st_size


results = {"undisturbed": run("undisturbed", None)}
results["size"] = whole = size("undisturbed")
for number in range(offsets):
    name = f"killed{number}"
    limit = whole * number // offsets
    died = run(name, limit)
    (path,) = Path(name).glob("*/*/journal/driver.jsonl")
    durable = [line for line in path.read_text().split("\\n") if line]
    log(f"{name}.durable", json.dumps([json.loads(line)["key"] for line in durable]))
    asked_before = len(Path(f"{name}.asked").read_text().splitlines())
    ended = run(name, None)
    results[name] = [died, asked_before, ended]
print(json.dumps(results))
'''

CONFIG = """
name: doubles
dataset: {path: data.jsonl}
policy: {kind: scripted, accuracy: 0.4, cut: 0.1}
scorer: {kind: scripted, skill: 0.9}
strategy: {kind: best_of_n, n: 4}
cluster: {backend: inline, problems_in_flight: 3}
grading: {kind: numeric}
"""
OFFSETS = 60


def test_kill_9_at_sixty_offsets_changes_no_byte_and_asks_nothing_twice(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    rows = [json.dumps({"problem": f"{n} + {n}?", "answer": str(2 * n)}) for n in range(8)]
    (tmp_path / "data.jsonl").write_text("\n".join(rows))
    ran = subprocess.run(
        [sys.executable, "-c", CHILD, str(OFFSETS)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert ran.returncode == 0, ran.stderr
    results = json.loads(ran.stdout.splitlines()[-1])
    assert results.pop("undisturbed") == 0
    results.pop("size")
    expected = metrics(tmp_path / "undisturbed")
    everything = set((tmp_path / "undisturbed.asked").read_text().splitlines())
    assert len(results) == OFFSETS
    for name, (died, asked_before, ended) in results.items():
        assert (died, ended) == (9, 0), name
        assert metrics(tmp_path / name) == expected, name
        durable = set(json.loads((tmp_path / f"{name}.durable").read_text()))
        asked_after = (tmp_path / f"{name}.asked").read_text().splitlines()[asked_before:]
        assert not durable & set(asked_after), f"{name}: a recorded reply was asked for again"
        assert len(set(asked_after)) == len(asked_after), f"{name}: one call asked twice"
        assert durable & everything | set(asked_after) == everything, f"{name}: a call was lost"


def metrics(output: Path) -> bytes:
    (path,) = output.glob("*/*/metrics.json")
    return path.read_bytes()
