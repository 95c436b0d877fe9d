"""A journal line with a CRC that fits and a content that does not: told with its file and line."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from hostile_runs import Bench, assert_one_line, bench, resealed
from treewright.journal.journal import JournalError
from treewright.running.recorded import RecordedRun
from treewright.running.replay import Known
from treewright.running.run_folder import RunFolder

OWN = """\
from dataclasses import dataclass
from search.strategies.beam import Beam


@dataclass(frozen=True)
class Own(Beam):
    pass
"""
WHOLE = None
"""The data as a whole."""
HUGE = int("9" * 4000)
CASES: list[tuple[str, tuple[Any, ...] | None, Any, str]] = [
    ("policy", ("spent", 1), -5, "spent holds -5"),
    ("policy", ("spent", 3), HUGE, "spent holds 9"),
    ("policy", ("spent", 0), 1.5, "spent holds 1.5"),
    ("policy", ("spent",), [1, 2], "spent has 2 counts"),
    ("policy", ("spent",), None, "spent is None, not a list"),
    ("policy", ("known",), 7, "known is 7"),
    ("policy", ("known",), True, "known is True"),
    ("policy", ("steps",), [], "it adds no step"),
    ("policy", ("steps", 0, "ids"), ["x"], "ids holds 'x'"),
    ("policy", ("steps", 0, "text"), [1, 2**40], "a text holds"),
    ("policy", ("steps", 0, "stop"), "for ever", "stop is 'for ever'"),
    ("policy", ("steps", 0, "logprob"), "0", "logprob is '0'"),
    ("policy", ("steps", 0), {"text": "x"}, "an object lacks 'ids'"),
    ("policy", ("extra",), 1, "an object has the unknown key 'extra'"),
    ("scorer", ("judgement", "prefix"), 1.5, "a probability is 1.5"),
    ("scorer", ("judgement", "chains"), -1, "chains is -1"),
    ("scorer", ("judgement", "verdicts"), {}, "verdicts is {}, not a list"),
    ("scorer", ("judgement", "verdicts", 0, "probability"), "1", "probability is '1'"),
    ("scorer", ("judgement", "verdicts", 0, "status"), [], "status is []"),
    ("scorer", ("judgement",), 5, "5 is not an object"),
    ("grade", ("outcomes", 0), "perfect", "an outcome is 'perfect'"),
    ("grade", ("groups",), [0] * 99, "not of one length"),
    ("grade", ("answers", 0), 5, "an answer is 5"),
    ("result", ("candidates", 0, "path"), "7/7", "path '7/7' was not drawn before"),
    ("result", ("asked", 0, "draw"), [[0], "9", 3], "path '9' was not drawn before"),
    ("result", ("asked", 0, "child"), -1, "child is -1"),
    ("result", ("asked", 0), 5, "5 is not an object"),
    ("result", ("exhausted",), 5, "exhausted is 5"),
    ("result", ("pruned",), [["0"]], "a pruned path is not an id and a reason"),
    ("failure", WHOLE, {"problem": 5, "failure": "invalid", "message": "x"}, "problem is 5"),
    ("failure", WHOLE, {"problem": "p0", "failure": "odd", "message": "x"}, "failure is 'odd'"),
    (
        "failure",
        WHOLE,
        {"problem": "p0", "failure": "invalid", "message": "x", "spent": [1, -1]},
        "spent holds -1",
    ),
    ("clock", WHOLE, {"seconds": -1}, "seconds is -1"),
]
TEXTS = [
    ("policy", '{"known":0,"known":0,"steps":[],"spent":[]}', "an object has the same key twice"),
    ("policy", '{"known":NaN,"steps":[],"spent":[]}', "NaN is no number"),
    ("policy", "[" * 100_000, "nested too deeply"),
    ("policy", "{", "it is no JSON"),
    ("policy", "9" * 5000, "it is no JSON"),
    ("grade", "[1]", "its data are [1], not an object"),
    ("result", '{"asked":[' + "[" * 50_000, "nested too deeply"),
]  # fmt: skip


@pytest.fixture
def at(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Bench:
    if not (made / "runs").exists():
        first = bench(made, monkeypatch, capsys)
        (made / "own_beam.py").write_text(OWN)
        first.run("strategy.kind=own_beam:Own", "strategy.paths=2", "strategy.children=2")
    copytree(made, tmp_path, dirs_exist_ok=True)
    return bench(tmp_path, monkeypatch, capsys)


def lines_of(at: Bench) -> tuple[Path, list[bytes]]:
    (journal,) = at.folder.glob("runs/doubles/*/journal/driver.jsonl")
    return journal, journal.read_bytes().splitlines(keepends=True)


def tampered(at: Bench, kind: str, change: Any) -> tuple[Path, int]:
    """The first record of a kind exchanged; a kind that is not there is the last line's."""
    journal, lines = lines_of(at)
    heads = [json.loads(line)["kind"] for line in lines]
    if kind not in heads:
        heads.append(kind)
        lines.append(b'{"v":1,"kind":"%s","key":"x","data":{},"crc":"00000000"}\n' % kind.encode())
    number = heads.index(kind)
    lines[number] = resealed(lines[number], change(json.loads(lines[number])["data"]))
    journal.write_bytes(b"".join(lines))
    return journal, number + 1


def put(data: Any, place: tuple[Any, ...], value: Any) -> str:
    *above, last = place
    for part in above:
        data = data[part]
    data[last] = value
    return ""


@pytest.mark.parametrize(("kind", "place", "value", "told"), CASES)
def test_a_wrong_value_is_told_with_its_place(
    at: Bench, kind: str, place: tuple[Any, ...] | None, value: Any, told: str
) -> None:
    def change(data: Any) -> str:
        if place is None:
            return json.dumps(value)
        put(data, place, value)
        return json.dumps(data)

    assert_told(at, *tampered(at, kind, change), told)


@pytest.mark.parametrize(("kind", "text", "told"), TEXTS)
def test_what_is_no_data_is_told_with_its_place(at: Bench, kind: str, text: str, told: str) -> None:
    assert_told(at, *tampered(at, kind, lambda data: text), told)


def assert_told(at: Bench, journal: Path, number: int, told: str) -> None:
    with pytest.raises(JournalError) as caught:
        replayed(at, journal.parent)
    said = str(caught.value)
    assert "\n" not in said
    assert told in said
    assert "do not trust the run" in said
    assert said.startswith(f"{journal}, line {number}: ")


def replayed(at: Bench, folder: Path) -> Known:
    """What every reading verb does, but for opening the config, which is done once."""
    return asyncio.run(replace(opened(at), folder=RunFolder(folder.parent)).read())


OPENED: list[RecordedRun] = []


def opened(at: Bench) -> RecordedRun:
    """The run before anybody tampered with it: what it is does not change, only what it found."""
    if not OPENED:
        (run,) = at.folder.glob("runs/doubles/*")
        OPENED.append(asyncio.run(RecordedRun.open(run)))
    return OPENED[0]


def test_a_run_that_nobody_tampered_with_is_replayed_whole(at: Bench) -> None:
    journal, _ = lines_of(at)
    found = replayed(at, journal.parent)
    assert (len(found.solved), found.failed, found.pending) == (2, [], [])


@pytest.mark.parametrize("kind", ["policy", "grade", "result"])
def test_every_verb_tells_it_in_one_line(at: Bench, kind: str) -> None:
    journal, number = tampered(at, kind, lambda data: json.dumps({**data, "odd": 1}))
    *read, resumed = at.refusals(journal.parents[1])
    assert "--trust" in resumed
    for line in read:
        assert f"{journal}, line {number}: " in line


@pytest.mark.parametrize(
    "head",
    [
        b'{"v":1,"kind":"policy","key":"odd","digest":"x"',
        b'{"v":1,"kind":"policy","key":"policy/p0//0/step"',
        b'{"v":1,"kind":["policy"],"key":"x"',
        b'{"v":1,"kind":"grade","key":5',
        b'{"v":1,"kind":"grade"',
        b'{"v":1,"kind":"grade","key":"p0","more":"x"',
        b'[1',
        b"{",
    ],
)  # fmt: skip
def test_a_line_that_is_no_record_is_told_with_its_place(at: Bench, head: bytes) -> None:
    journal, lines = lines_of(at)
    journal.write_bytes(b"".join([*lines, resealed(head + b',"data":{}', "{}")]))
    said = at.tell("score", journal.parents[1])
    assert said.code == 1, said
    assert_one_line("score", said)
    assert f"{journal}, line {len(lines) + 1}: " in said.err


def test_the_manifest_and_the_status_are_believed_no_more_than_that(at: Bench) -> None:
    (run,) = at.folder.glob("runs/doubles/*")
    good = json.loads((run / "manifest.json").read_text())
    bad: list[Any] = [
        [],
        {**good, "identity": {**good["identity"], "\x1b[2J": "0" * 16}},
        {**good, "identity": {**good["identity"], "seed": "\x1b[2J"}},
        {**good, "identity": {"seed": good["identity"]["seed"]}},
        {**good, "identity": {**good["identity"], "dataset": 5}},
        {**good, "parts": {**good["parts"], "strategy": {"candidates": -1}}},
        {**good, "parts": 5},
    ]
    for manifest in bad:
        (run / "manifest.json").write_text(json.dumps(manifest))
        said = at.tell("score", run)
        assert said.code == 2, said
        assert_one_line("score", said)
    for text in ("[" * 200_000, "9" * 9000, "{"):
        (run / "manifest.json").write_text(text)
        said = at.tell("score", run)
        assert said.code == 2, said
        assert_one_line("score", said)
