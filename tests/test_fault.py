"""Faults: one tree of them, drawn where it stands, and what the command makes of one."""

from __future__ import annotations

import importlib
import pickle
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.datasets.files import DatasetError
from search.fault import Fault
from search.ports import ReplayError
from treewright import cli
from treewright.errors import ConfigError
from treewright.journal.damage import JournalError

PACKAGES = ["search", "engines", "policies", "scorers", "benchmarks.datasets", "treewright"]
DRAWN = re.compile(r"^ *((?:[│ ]   )*(?:[├└]── )?)([A-Z]\w+) +(\d)(?:  .+)?$", re.MULTILINE)


def below(kind: type[Fault], depth: int = 0) -> Iterator[tuple[int, str, int]]:
    """A kind of fault and those below it: how deep each is, its name, its exit code."""
    yield depth, kind.__name__, kind.exit_code
    for child in kind.__subclasses__():
        if child.__module__.split(".")[0] in ("benchmarks", *PACKAGES):
            yield from below(child, depth + 1)


def test_the_tree_of_faults_is_drawn_whole_with_every_exit_code(root: Path) -> None:
    for package in PACKAGES:
        folder = root.joinpath(*package.split("."))
        for _, module, _ in pkgutil.walk_packages([str(folder)], f"{package}."):
            importlib.import_module(module)
    drawn = DRAWN.findall(Fault.__doc__ or "")
    told = {(len(branch.lstrip(" ")) // 4, name, int(code)) for branch, name, code in drawn}
    assert told == set(below(Fault))


def test_a_kind_of_a_fault_is_told_as_that_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Torn(JournalError):
        exit_code = 4

    def tear(*_: object, **__: object) -> None:
        raise Torn("a journal", "mend it")

    monkeypatch.setattr(cli, "app", tear)
    assert cli.main(["ls"]) == 4
    assert capsys.readouterr().err == "error: a journal; mend it\n"


@pytest.mark.parametrize(
    "fault",
    [
        Fault("what", "do this"),
        ConfigError("a.yaml:3", "seed", "x", "must be a whole number"),
        DatasetError("a.jsonl", "has no question", "add one", 3),
        ReplayError("p1/0"),
    ],
)
def test_a_fault_crosses_processes_as_it_is(fault: Fault) -> None:
    again = pickle.loads(pickle.dumps(fault))
    assert (type(again), str(again), vars(again)) == (type(fault), str(fault), vars(fault))
