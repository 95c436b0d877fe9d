"""Parts of one's own by import path: the manual's, found, run and resumed; what an edit does."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from own_parts import STRATEGY, Tell, console, forget, ran, refusal
from search.custom import import_folders, load_part
from treewright.config.sources import source_digest, source_files

DOUBLES = ("policy.kind=scripted", "scorer.kind=scripted", "cluster.backend=inline")


# --- The example of the manual --------------------------------------------------------------------


@pytest.fixture
def manual(root: Path, folder: Path) -> list[str]:
    """The manual's files, written to the folder; returns its commands."""
    text = (root / "docs" / "custom_parts.md").read_text()
    commands: list[str] = []
    for language, block in re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL):
        if language == "bash":
            commands += block.splitlines()
        else:
            Path(block.split()[1]).write_text(block)
    return commands


def test_the_commands_of_the_manual_run(manual: list[str], tell: Tell) -> None:
    assert len(manual) == 4
    for command in manual:
        words = shlex.split(command)[1:]
        doubles = [d for d in DOUBLES if d.split("=")[0] not in command]
        code, _, err = tell(*words, *doubles, "--limit", "2")
        assert code == 0, err


def test_the_strategy_of_the_manual_has_at_most_20_lines(manual: list[str]) -> None:
    lines = Path("my_search.py").read_text().splitlines()[1:]
    assert len([line for line in lines if line]) <= 20


def test_own_parts_through_ray_give_what_they_give_in_this_process(
    manual: list[str], folder: Path
) -> None:
    """From the console script, whose folder is not the current one: actors find them too."""
    own = ("policy.kind=scripted", "scorer.kind=my_scorer:ShortIsGoodConfig", "dataset.limit=2")
    tables = []
    for backend in ("inline", "ray"):
        where = (f"cluster.backend={backend}", f"name={backend}")
        done = console("run", "mine.yaml", *own, *where, "--json")
        assert done.returncode == 0, done.stderr
        figures = json.loads(done.stdout)
        assert Path(figures.pop("run")).parent.name == backend
        assert figures.pop("replicas")["scorer"]["came"] == 1
        tables.append(figures)
    assert tables[0] == tables[1]


# --- Found ----------------------------------------------------------------------------------------


def test_a_resumed_run_finds_its_parts_from_another_folder(
    folder: Path, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("found_own.py").write_text(STRATEGY)
    Path("found_report.py").write_text("def least(probabilities): return min(probabilities)\n")
    run = ran(tell, "strategy.kind=found_own:Own", "aggregate=[found_report:least]").absolute()
    assert f"python_path:\n- {folder}\n" in (run / "config.yaml").read_text()
    (folder / "elsewhere").mkdir()
    for verb in (["resume", str(run)], ["score", str(run), "--aggregate", "found_report:least"]):
        done = console(*verb, "--trust", cwd=folder / "elsewhere")
        assert done.returncode == 0, done.stderr


def test_a_run_whose_module_is_gone_says_where_was_looked(folder: Path, tell: Tell) -> None:
    Path("gone_own.py").write_text(STRATEGY)
    run = ran(tell, "strategy.kind=gone_own:Own")
    Path("gone_own.py").unlink()
    done = console("resume", str(run), "--trust")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"strategy.kind: no module gone_own: looked in {folder}" in done.stderr
    assert re.match(r"error: runs/\S+/config.yaml:\d+: ", done.stderr)


def test_python_path_names_further_folders_and_changes_no_fingerprint(
    folder: Path, tell: Tell
) -> None:
    Path("shelf").mkdir()
    Path("shelf/shelved_own.py").write_text(STRATEGY)
    assert "no module" in refusal(tell, "validate", "own.yaml", "strategy.kind=shelved_own:Own")
    own = ("own.yaml", "strategy.kind=shelved_own:Own", "python_path=shelf")
    first = json.loads(tell("validate", *own, "--json")[1])["fingerprint"]
    Path("shelf").rename("moved")
    forget(folder)
    code, out, err = tell("validate", *own[:2], "python_path=moved", "--json")
    assert code == 0, err
    assert json.loads(out)["fingerprint"] == first


def test_a_kind_by_its_full_name_is_the_kind_itself(tell: Tell, folder: Path) -> None:
    by_path = "strategy.kind=search.strategies.best_of_n:BestOfN"
    plans = [
        tell("validate", "own.yaml", *own, "--json")[1] for own in ([], [by_path, "strategy.n=2"])
    ]
    assert plans[0] == plans[1]


def test_workers_are_told_of_every_folder_but_the_installation(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = Path(os.__file__).parent
    monkeypatch.setattr(sys, "path", ["", str(inside), str(inside / "site-packages"), "/nowhere"])
    assert import_folders() == [str(folder)]


# --- The fingerprint ------------------------------------------------------------------------------


def write_package() -> None:
    Path("kit/deep").mkdir(parents=True)
    for name, text in {
        "kit/__init__.py": "",
        "kit/own.py": "from . import near\nfrom .deep.far import X\nimport beside\nimport json",
        "kit/near.py": "def f():\n    import lazily",
        "kit/deep/far.py": "from ..near import f\nfrom search.core import Prefix\nX = 1",
        "kit/unused.py": "",
        "beside.py": "import kit.own",
        "lazily.py": "def (",
        "search.py": "",
    }.items():
        Path(name).write_text(text)


def test_the_source_of_a_part_is_all_that_it_imports_from_beside_it(folder: Path) -> None:
    write_package()
    load_part("kit.own:X")
    found = [str(file.relative_to(folder)) for file in source_files("kit.own", folder)]
    assert found == [
        "beside.py", "kit/__init__.py", "kit/deep/far.py", "kit/near.py", "kit/own.py", "lazily.py"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "changed"),
    [("kit/near.py", True), ("lazily.py", True), ("kit/unused.py", False), ("search.py", False)],
)
def test_an_edit_of_a_source_changes_its_digest(folder: Path, file: str, changed: bool) -> None:
    write_package()
    load_part("kit.own:X")
    before = source_digest("kit.own")
    Path(file).write_text("# edited")
    assert (source_digest("kit.own") != before) is changed


def test_of_an_installed_module_only_its_own_package_counts() -> None:
    load_part("json.decoder:JSONDecoder")
    names = [file.name for file in source_files("json.decoder", Path(os.__file__).parent)]
    assert names == ["__init__.py", "decoder.py", "encoder.py", "scanner.py"]


def test_an_edited_strategy_is_another_run_and_resume_says_so(folder: Path, tell: Tell) -> None:
    Path("edited_own.py").write_text("import edited_too\n" + STRATEGY)
    Path("edited_too.py").write_text("")
    own = ("strategy.kind=edited_own:Own",)
    run = ran(tell, *own)
    assert ran(tell, *own) == run
    Path("edited_too.py").write_text("X = 1")
    code, _, err = tell("resume", str(run), "--trust")
    assert code == 4
    assert "made with another strategy.source;" in err
    assert ran(tell, *own) != run


def test_an_edited_steering_aggregation_is_another_run_a_reporting_one_is_not(
    folder: Path, tell: Tell
) -> None:
    Path("edited_sum.py").write_text("def least(probabilities): return min(probabilities)\n")
    reports, steers = "aggregate=edited_sum:least", "strategy.aggregate=edited_sum:least"
    steered = ran(tell, "strategy.kind=beam", "strategy.depth=2", steers)
    reported = ran(tell, reports)
    Path("edited_sum.py").write_text("# edited\ndef least(probabilities): return 0.5\n")
    code, _, err = tell("resume", str(steered), "--trust")
    assert code == 4
    assert "made with another strategy.aggregate.source;" in err
    assert ran(tell, reports) == reported
