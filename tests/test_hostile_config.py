"""A stranger's config: it reads no environment, refers to nothing, and cannot grow without end."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree

import pytest

from hostile_runs import Bench, assert_one_line, bench, contents

CANARY = "canary-5a1d-of-the-reader"


@pytest.fixture
def at(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Bench:
    monkeypatch.setenv("OF_THE_RUN", "8")
    if not (made / "runs").exists():
        bench(made, monkeypatch, capsys).run("strategy.n=${oc.env:OF_THE_RUN,3}", "aggregate=[min]")
    monkeypatch.setenv("OF_THE_RUN", CANARY)
    copytree(made, tmp_path, dirs_exist_ok=True)
    return bench(tmp_path, monkeypatch, capsys)


def test_what_a_run_took_from_the_environment_is_read_as_it_was(at: Bench, arrived: Path) -> None:
    assert "n: ${oc.env:OF_THE_RUN,3}" in (arrived / "config.yaml").read_text()
    told = at.tell("score", arrived, "--json")
    assert told.code == 0, told.err
    assert max(arm["n"] for arm in json.loads(told.out)["arms"]) == 8


LEAKS = {
    "plainly": "name: x${oc.env:OF_THE_RUN}",
    "in pieces": "name: x${oc.decode:'${oc.env:OF_THE_RUN}'}",
    "by a name that is made": "missing: env\nname: x${oc.${missing}:OF_THE_RUN}",
    "as a number": "seed: ${oc.env:OF_THE_RUN}",
    "in a list": "aggregate: ['${oc.env:OF_THE_RUN}']",
    "by a key": "python_path: ['${oc.env:OF_THE_RUN}']\nname: x${python_path.0}",
}


@pytest.mark.parametrize("how", LEAKS)
def test_the_readers_environment_is_on_no_page_and_in_no_message(
    at: Bench, arrived: Path, how: str
) -> None:
    """Whatever config.resolved.yaml says, and also where it is not there."""
    said = LEAKS[how].splitlines()
    keys = [line.partition(":")[0] for line in said]
    for name in ("config.yaml", "config.resolved.yaml"):
        kept = (arrived / name).read_text().splitlines()
        tops = [line for line in kept if line.partition(":")[0] not in keys]
        (arrived / name).write_text("\n".join([*said, *tops]))
    asked = [*at.read(arrived, ("score", "tree")), ("resume", at.tell("resume", arrived))]
    asked.append(("validate", at.tell("validate", arrived)))
    (arrived / "config.resolved.yaml").unlink()
    asked += at.read(arrived, ("score",))
    for verb, told in asked:
        assert CANARY not in told.out + told.err, (verb, told)
        assert_one_line(verb, told)
    assert not any(CANARY.encode() in (data or b"") for data in contents(arrived).values())


def test_a_text_that_doubles_itself_forty_times_is_not_made(at: Bench, arrived: Path) -> None:
    keys = ["name", "output_dir", *(f"policy.k{n}" for n in range(40))]
    chain = [f"{keys[n]}: ${{{keys[n + 1]}}}${{{keys[n + 1]}}}" for n in range(2)]
    (arrived / "config.yaml").write_text("\n".join([(arrived / "config.yaml").read_text(), *chain]))
    text = (arrived / "config.yaml").read_text().replace("name: doubles\n", "", 1)
    (arrived / "config.yaml").write_text(text)
    asked = [*at.read(arrived, ("score",)), ("resume", at.tell("resume", arrived))]
    for verb, told in asked:
        assert told.code in (0, 2), (verb, told)
        assert told.seconds < 5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("extends: /etc/hostname\n", "extends"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: " + "&c [*b, *b]\n", "no such key"),
        ("a: " + "[" * 400, "nested deeper"),
        ("a: !!python/object/apply:os.system [x]\n", "YAML tags are not allowed"),
        ('name: "x\\e[2J"\n', "duplicate key"),
        ("\0", "binary"),
        ("x" * 300_000, "is larger than"),
    ],
)
def test_a_config_that_is_none_is_one_line(at: Bench, arrived: Path, text: str, told: str) -> None:
    config = arrived / "config.yaml"
    config.write_text(config.read_text() + text)
    for line in at.refusals(arrived, "score"):
        assert told in line


def test_names_cannot_steer_a_terminal(at: Bench, arrived: Path) -> None:
    """What a config calls its parts is printed, on a page and in a table."""
    for name in ("config.yaml", "config.resolved.yaml"):
        text = (arrived / name).read_text().replace("kind: best_of_n", 'kind: "a\\ecb:c"')
        (arrived / name).write_text(text)
    for line in at.refusals(arrived, "score"):
        assert "is no import path" in line
