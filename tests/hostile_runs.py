"""Runs of doubles that a stranger tampered with, and what must hold when they are opened."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from time import monotonic
from zlib import crc32

import pytest

from search.fault import Fault
from treewright.cli import main
from treewright.journal.records import unseal
from treewright.report.view import Follower

LONGEST_ANSWER_S = 5.0
READING = (
    ("score", "RUN"),
    ("tree", "RUN", "1"),
    ("tree", "RUN", "--all"),
    ("compare", "RUN"),
    ("report", "RUN"),
    ("export", "RUN"),
)
"""The verbs that read a run; `view` reads it as `report` does, and `ls` only lists it."""
CONFIG = """\
name: doubles
dataset: {path: data.jsonl}
policy: {kind: scripted, accuracy: 0.5}
scorer: {kind: scripted, missing: 0.1}
strategy: {kind: best_of_n, n: 3}
cluster: {backend: inline}
grading: {kind: numeric}
"""


@dataclass(frozen=True)
class Told:
    """How a command ended."""

    code: int
    out: str
    err: str
    seconds: float


@dataclass(frozen=True)
class Bench:
    """A folder with a config and its data, where runs are made, tampered with and opened."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def tell(self, *arguments: object) -> Told:
        """Run a command in this process."""
        self.capsys.readouterr()
        began = monotonic()
        code = main([str(argument) for argument in arguments])
        seconds = monotonic() - began
        return Told(code, *self.capsys.readouterr(), seconds)

    def run(self, *overrides: str) -> Path:
        """The folder of a run."""
        told = self.tell("run", "config.yaml", *overrides, "--json")
        assert told.code in (0, 3), told.err
        return Path(json.loads(told.out)["run"]).absolute()

    def received(self, run: Path, name: str = "received") -> Path:
        """A copy of a run, to be tampered with."""
        return copytree(run, self.folder / name, symlinks=True)

    def read(self, run: Path, verbs: Sequence[str] = ()) -> Iterable[tuple[str, Told]]:
        """What every reading verb says of a run, or those that are said."""
        for verb, *rest in READING:
            if not verbs or verb in verbs:
                words = [str(run) if word == "RUN" else word for word in rest]
                yield f"{verb} {' '.join(rest)}", self.tell(verb, *words)
        if not verbs:
            self.view(run)

    def view(self, run: Path) -> None:
        """Make the page that `view` would serve, or meet the fault that it would tell."""
        with suppress(Fault):
            asyncio.run(Follower(run).begin())

    def refusals(self, run: Path, *verbs: str) -> list[str]:
        """The one line of every verb, or of those, and of `resume`; none may go through."""
        lines = []
        asked = [*self.read(run, verbs), ("resume", self.tell("resume", run))]
        for verb, told in asked:
            assert told.code in (1, 2, 4), (verb, told)
            assert told.out in ("", f"run {run}\n"), (verb, told)
            assert_one_line(verb, told)
            lines.append(told.err)
        return lines


def assert_one_line(verb: str, told: Told) -> None:
    """One line that is no internal error, soon."""
    assert told.err.count("\n") == 1, (verb, told)
    assert told.err.startswith("error: "), (verb, told)
    assert "internal error" not in told.err, (verb, told)
    assert told.err.rstrip("\n").isprintable(), (verb, told)
    assert told.seconds < LONGEST_ANSWER_S, (verb, told)


def bench(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Bench:
    """A bench in the folder, which becomes the current one."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TREEWRIGHT_RUNS", "runs")
    Path("config.yaml").write_text(CONFIG)
    rows = [{"id": f"p{n}", "problem": f"{n} + {n}?", "answer": str(2 * n)} for n in range(2)]
    Path("data.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return Bench(folder, capsys)


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder that is none of a run's, as it is; None for what is no file."""
    return {
        str(path): path.read_bytes() if path.is_file() and not path.is_symlink() else None
        for path in sorted(folder.rglob("*"))
    }


def rewrite(run: Path, change: Callable[[int, dict[str, object]], object]) -> int:
    """Change the data of a journal's records, sealed again; how many there are.

    `change` is told the line's number and what it holds, and returns what it is to hold.
    """
    journal = run / "journal" / "driver.jsonl"
    lines = []
    for number, line in enumerate(journal.read_bytes().splitlines(keepends=True), 1):
        record = unseal(line)
        data = change(number, record.data)
        if data is record.data or data == record.data:
            lines.append(line)
        else:
            lines.append(resealed(line, json.dumps(data)))
    journal.write_bytes(b"".join(lines))
    return len(lines)


def resealed(line: bytes, data: str) -> bytes:
    """The line with other data, whatever text they are, and a CRC that fits."""
    head = line.partition(b',"data":')[0]
    body = head + b',"data":' + data.encode()
    return b'%b,"crc":"%08x"}\n' % (body, crc32(body))


def plant(path: Path, kind: str, target: Path) -> None:
    """Put a link, a pipe or such where a file of a run is or would be."""
    if path.is_dir() and not path.is_symlink():
        path.rename(path.with_name(f"old-{path.name}"))
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "link":
        path.symlink_to(target)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "sparse":
        with path.open("wb") as file:
            file.truncate(2**40)
    else:
        path.mkdir()
