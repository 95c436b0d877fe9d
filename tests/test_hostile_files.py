"""Links, pipes, devices, endless files in a run: refused in a line, nothing is followed."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from shutil import copytree

import pytest

from hostile_runs import Bench, assert_one_line, bench, contents, plant

NEEDED = ("manifest.json", "config.yaml", "journal", "journal/driver.jsonl")
"""What every reader opens."""
NOT_PLAIN = [
    (name, kind)
    for name in NEEDED
    for kind in ("link", "pipe", "device", "sparse", "folder")
    if (name, kind) != ("journal", "folder")
]


@pytest.fixture
def at(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Bench:
    """A bench, and a file that is none of a run's business; the run itself is made once."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious.txt").write_text("precious\n")
    (tmp_path / "outside" / "a.txt").write_text("precious\n")
    if not (made / "runs").exists():
        bench(made, monkeypatch, capsys).run()
    copytree(made, tmp_path, dirs_exist_ok=True)
    return bench(tmp_path, monkeypatch, capsys)


@pytest.fixture
def outside(at: Bench) -> Path:
    return at.folder / "outside"


@pytest.mark.parametrize(("name", "kind"), NOT_PLAIN)
def test_what_is_no_plain_file_is_refused_by_every_verb(
    at: Bench, arrived: Path, outside: Path, name: str, kind: str
) -> None:
    target = copytree(arrived, outside / "run") / name
    before = contents(outside)
    plant(arrived / name, kind, target)
    verbs = () if kind == "link" else ("score",)
    for line in at.refusals(arrived, *verbs):
        assert str(arrived) in line
    assert contents(outside) == before


def test_what_only_tells_of_a_run_is_not_shown_where_it_is_no_plain_file(
    at: Bench, arrived: Path, outside: Path
) -> None:
    plant(arrived / "STATUS", "pipe", outside)
    plant(arrived / "env.json", "link", outside / "precious.txt")
    plant(arrived / "config.resolved.yaml", "sparse", outside)
    told = at.tell("report", arrived)
    assert (told.code, told.err) == (0, "")
    page = (arrived / "report.html").read_text()
    assert "precious" not in page
    assert "env.json is not shown" in page
    assert "unknown" in at.tell("ls", "runs").out


WRITTEN = {
    ("report",): ["report.html", ".report.html.new"],
    ("export",): ["samples.parquet", ".samples.parquet.new"],
    ("export", "--format", "sal"): ["sal_completions.jsonl"],
    ("tree", "--all"): ["trees/p0.json", "trees/.p0.json.new"],
    ("resume", "--trust"): ["STATUS", ".STATUS.new", "metrics.json", "config.yaml.new"],
}
FOLDERS = {("report",): "plots", ("tree", "--all"): "trees", ("resume",): "journal"}


@pytest.mark.parametrize("verb", WRITTEN)
def test_nothing_is_written_through_a_link(
    at: Bench, arrived: Path, outside: Path, verb: tuple[str, ...]
) -> None:
    before = contents(outside)
    for name in WRITTEN[verb]:
        plant(arrived / name, "link", outside / "precious.txt")
    told = at.tell(verb[0], arrived, *verb[1:])
    assert told.code == 0, told.err
    assert contents(outside) == before
    first = arrived / WRITTEN[verb][0]
    assert first.is_file()
    assert not first.is_symlink()
    assert not list(arrived.rglob(".*.????????????????"))


@pytest.mark.parametrize("verb", FOLDERS)
def test_no_folder_of_a_run_may_be_a_link(
    at: Bench, arrived: Path, outside: Path, verb: tuple[str, ...]
) -> None:
    before = contents(outside)
    plant(arrived / FOLDERS[verb], "link", outside)
    told = at.tell(verb[0], arrived, *verb[1:])
    assert told.code == 2, told
    assert_one_line(verb[0], told)
    assert f"{FOLDERS[verb]}: is a link, not a folder of the run; remove it" in told.err
    assert contents(outside) == before


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "device", "folder"])
@pytest.mark.parametrize("name", ["LOCK", "journal/driver.jsonl"])
def test_what_is_appended_to_is_a_file_of_the_run_alone(
    at: Bench, arrived: Path, outside: Path, name: str, kind: str
) -> None:
    target = outside / "precious.txt"
    if name != "LOCK":
        target.write_bytes((arrived / name).read_bytes())
    before = contents(outside)
    if kind == "hard link":
        (arrived / name).unlink()
        os.link(target, arrived / name)
    else:
        plant(arrived / name, kind, target)
    told = at.tell("resume", arrived)
    assert told.code in (1, 2), told
    assert_one_line("resume", told)
    assert contents(outside) == before


def test_only_what_treewright_wrote_is_removed(
    at: Bench, arrived: Path, outside: Path, tmp_path: Path
) -> None:
    """`errors` held whatever a stranger put there, or was a link to a folder of the reader."""
    (arrived / "errors").mkdir()
    (arrived / "errors" / "mine.txt").write_text("a note")
    assert at.tell("resume", arrived).code == 0
    assert (arrived / "errors" / "mine.txt").read_text() == "a note"
    before = contents(outside)
    plant(arrived / "errors", "link", outside)
    assert at.tell("resume", arrived).code == 0
    assert contents(outside) == before


def test_the_bad_lines_of_a_journal_are_not_copied_through_a_link(
    at: Bench, arrived: Path, outside: Path
) -> None:
    before = contents(outside)
    with (arrived / "journal" / "driver.jsonl").open("ab") as file:
        file.write(b"{}\n")
    plant(arrived / "journal" / "driver.bad", "link", outside / "precious.txt")
    assert at.tell("resume", arrived).code == 0
    assert contents(outside) == before
    assert (arrived / "journal" / "driver.bad").read_bytes() == b"{}\n"


def test_data_of_a_strangers_choice_are_read_only_as_the_run_had_them(
    at: Bench, arrived: Path, outside: Path
) -> None:
    """A config may name any file: the digest in the manifest must be that of what is read."""
    own = {"id": "p0", "problem": "the reader's own question", "answer": "2"}
    (outside / "own.jsonl").write_text(json.dumps(own))
    config = (arrived / "config.yaml").read_text()
    for place in ("outside/own.jsonl", "/etc/passwd", "/dev/zero", "outside"):
        (arrived / "config.yaml").write_text(re.sub(r"path: .*", f"path: {place}", config, count=1))
        for line in at.refusals(arrived, "score"):
            assert "the reader's own question" not in line
            assert "root:" not in line
    manifest = json.loads((arrived / "manifest.json").read_text())
    del manifest["identity"]["dataset"]
    (arrived / "manifest.json").write_text(json.dumps(manifest))
    assert "does not say what the run was made with" in at.refusals(arrived)[0]


def test_a_file_of_data_without_line_ends_is_not_read_into_memory(at: Bench, arrived: Path) -> None:
    config = (arrived / "config.yaml").read_text()
    with Path("endless.jsonl").open("wb") as file:
        file.write(b'{"problem": "' + b"x" * 5000)
        file.truncate(2**36)
    (arrived / "config.yaml").write_text(
        re.sub(r"path: .*", "path: endless.jsonl", config, count=1)
    )
    for line in at.refusals(arrived, "score"):
        assert "row 1: is longer than 16 MiB" in line


@pytest.mark.parametrize("verb", [("export",), ("report",), ("tree", "--all"), ("resume",)])
def test_no_device_and_no_pipe_is_replaced_by_a_file(
    at: Bench, arrived: Path, verb: tuple[str, ...]
) -> None:
    """As root that would be `/dev/null` for the whole machine."""
    names = {"export": "samples.parquet", "report": "report.html", "tree": "trees/p0.json"}
    pipe = arrived / names.get(verb[0], "STATUS")
    plant(pipe, "pipe", arrived)
    told = at.tell(verb[0], arrived, *verb[1:])
    assert told.code == 2, told
    assert "is a pipe; name a plain file, or remove it" in told.err
    assert pipe.is_fifo()
    if verb == ("export",):
        for device in ("/dev/null", "/dev/stdout"):
            told = at.tell("export", arrived, "--output", device)
            assert (told.code, "is a device" in told.err) == (2, True), told
        assert Path("/dev/null").is_char_device()
