"""The command line: verbs, exit codes, one-line errors, and what a verb may import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from engines.checkpoint import weights_gib
from search.aggregation import AGGREGATIONS
from search.selection import SELECTIONS
from search.wording import size
from treewright import cli
from treewright.config.load import load_config
from treewright.config.notes import notes
from treewright.listing import LISTS
from treewright.plan import make_plan
from treewright.terminal import clean, line

VERBS = ["run", "sweep", "resume", "ask", "serve", "score", "compare", "ls", "validate", "doctor"]
SECRET = "correct-horse-battery"
HEAVY = ["ray", "vllm", "torch", "transformers", "math_verify", "pyarrow", "omegaconf"]
DOUBLES = """\
name: doubles
dataset: {name: arithmetic_levels, limit: 4}
policy: {kind: scripted, accuracy: 0.7}
scorer: {kind: scripted}
strategy: {kind: best_of_n, n: 4}
cluster: {backend: inline}
grading: {kind: numeric}
"""

# Run in one fresh process: each command's exit code and stderr, then what was imported by then.
IN_ONE_PROCESS = f"""
import contextlib, io, json, sys
from treewright.cli import main
told = []
for arguments in json.loads(sys.argv[1]):
    with contextlib.redirect_stderr(io.StringIO()) as said, \\
         contextlib.redirect_stdout(io.StringIO()) as out:
        code = main(arguments)
    told.append([code, said.getvalue(), out.getvalue()])
print(json.dumps([told, sorted(set({HEAVY}) & set(sys.modules))]))
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A config of doubles; runs land in the test's folder."""
    monkeypatch.setenv("TREEWRIGHT_RUNS", str(tmp_path / "runs"))
    path = tmp_path / "doubles.yaml"
    path.write_text(DOUBLES)
    return str(path)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    capsys.readouterr()
    code = cli.main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def in_fresh_process(root: Path, commands: list[list[str]]) -> tuple[list[Any], list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", IN_ONE_PROCESS, json.dumps(commands)],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "SECRET_TOKEN": SECRET},
    )
    outcomes, imported = json.loads(done.stdout)
    return outcomes, imported


# --- Bad input ------------------------------------------------------------------------------------

BAD = [
    (["rnu", "quickstart"], "Did you mean 'run'?"),
    (["--vrsion"], "--version"),
    (["run"], "Missing argument 'CONFIG'"),
    (["run", "quikstart"], "did you mean quickstart?"),
    (["run", "."], "is a directory"),
    (["run", ""], "names no file"),
    (["run", "x" * 5000], "File name too long"),
    (["run", "--strategy.n=4", "quickstart"], "CONFIG goes before KEY=VALUE"),
    (["run", "quickstart", "--limt=3"], "did you mean dataset.limit?"),
    (
        ["run", "quickstart", "seed=${oc.env:SECRET_TOKEN}"],
        "seed: <redacted>: must be a whole number",
    ),
    (["run", "quickstart", "name=a ${oc.env:SECRET_TOKEN}"], "a redacted: cannot name"),
    (["doctor", "--jsn"], "did you mean --json?"),
    (["frob"], "see `treewright --help`"),
    (["validate"], "see `treewright validate --help`"),
    (["run", "quickstart", "--limt", "3"], "did you mean --limit?"),
    (["run", "quickstart", "--limit", "x"], "--limit"),
    (["run", "quickstart", "--limit", "0"], "dataset.limit: 0"),
    (["run", "quickstart", "--limit", "-3"], "dataset.limit: -3"),
    (["run", "quickstart", "strategy.n"], "key=value"),
    (["run", "quickstart", "strategy.n=0"], "1 or more"),
    (["run", "quickstart", "--strategy.n=nan"], "must be a whole number"),
    (["run", "quickstart", "policy.sampling.temperature=nan"], "finite"),
    (["run", "quickstart", "aggregate=mni"], "did you mean min?"),
    (["run", "quickstart", "dataset.name=arithmetics"], "arithmetic"),
    (["run", "quickstart", "policy.kind=qwn"], "did you mean qwen?"),
    (["run", "quickstart", "policy.model=./nowhere"], "no such folder"),
    (["run", "quickstart", "name=\x1b[2J"], r"\x1b[2J"),
    (["validate", "nowhere.yaml"], "no such file"),
    (["doctor", "nowhere.yaml"], "no such file"),
    (["resume", "nowhere"], "no such run"),
    (["resume", "x" * 5000], "File name too long"),
    (["score", ".", "--select", ""], "nothing to report"),
    (["score", "nowhere"], "no such run"),
    (["score", ".", "--aggregate", "mni"], "did you mean min?"),
    (["score", ".", "--select", "bets"], "did you mean best?"),
    (["score", ".", "--missing", "wrost"], "did you mean worst?"),
    (["score", ".", "--agregate", "min"], "--aggregate"),
    (["ls", "rnus"], "did you mean runs?"),
]


@pytest.fixture(scope="module")
def refusals(root: Path) -> tuple[list[Any], list[str]]:
    """What one fresh process says to every bad command."""
    return in_fresh_process(root, [arguments for arguments, _ in BAD])


@pytest.mark.parametrize("index", range(len(BAD)), ids=[" ".join(given)[:60] for given, _ in BAD])
def test_a_bad_command_exits_2_with_one_line(
    refusals: tuple[list[Any], list[str]], index: int
) -> None:
    code, err, out = refusals[0][index]
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert err.rstrip("\n").isprintable()
    assert BAD[index][1] in err


def test_no_secret_of_the_environment_is_told(refusals: tuple[list[Any], list[str]]) -> None:
    assert SECRET not in str(refusals[0])


def test_a_bad_command_imports_no_engine(refusals: tuple[list[Any], list[str]]) -> None:
    assert set(refusals[1]) <= {"omegaconf"}  # one refers to another key


# --- Exit codes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, ""),
        (
            ZeroDivisionError("a\nb"),
            1,
            "internal error: ZeroDivisionError: a b (--debug shows where; please report it)\n",
        ),
        (OSError(28, "No space left on device"), 1, "error: output: No space left on device\n"),
        (PermissionError(13, "Denied", "a.txt"), 1, "error: a.txt: Denied\n"),
    ],
)
def test_what_nobody_foresaw_is_at_most_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    said: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("treewright.listing.show", fail)
    assert told(capsys, "ls", "runs") == (code, "", said)


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Traceback" not in told(capsys, "validate", "nowhere")[2]
    assert "Traceback" in told(capsys, "validate", "nowhere", "--debug")[2]


# --- Help -----------------------------------------------------------------------------------------


def test_help_lists_the_verbs_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capsys, "--help")
    assert code == 0
    shown = [word for word in VERBS if f" {word} " in out]
    assert shown == VERBS
    assert "130 interrupted" in " ".join(out.split())


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_shows_how_to_use_it(
    capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    code, out, _ = told(capsys, verb, "--help")
    assert code == 0
    assert f"• treewright {verb}" in out


def test_version_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capsys, "--version")
    assert code == 0
    assert out.startswith("treewright ")
    assert out.count("\n") == 1


def test_a_command_of_its_own_collects_garbage_seldom_and_a_host_is_left_alone() -> None:
    code = "import gc; from treewright.cli import main; main({}); print(gc.get_threshold())"
    told = [
        subprocess.run(
            [sys.executable, "-c", code.format(arguments), "--version"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()[-1]
        for arguments in ("", "['--version']")
    ]
    assert told == ["(50000, 10, 10)", "(700, 10, 10)"]


# --- What may be imported -------------------------------------------------------------------------


def test_verbs_that_run_nothing_import_nothing_heavy(root: Path, config: str) -> None:
    commands = [["--help"], ["ls", "policies"], ["ls", "runs"], ["validate", config], ["doctor"]]
    outcomes, imported = in_fresh_process(root, commands)
    assert [code for code, _, _ in outcomes] == [0] * len(commands)
    assert imported == []


def test_score_imports_neither_ray_nor_an_engine(
    root: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = told(capsys, "run", config, "--json")
    run = json.loads(out)["run"]
    outcomes, imported = in_fresh_process(root, [["score", run, "--aggregate", "mean", "--json"]])
    ((code, _, out),) = outcomes
    assert code == 0
    named = {arm["aggregation"] for arm in json.loads(out)["arms"]}
    assert named == {None, "mean"}
    assert set(imported) & {"ray", "vllm", "torch", "transformers"} == set()


# --- Verbs ----------------------------------------------------------------------------------------


def test_run_names_its_folder_first_and_is_listed(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = told(capsys, "run", config)
    assert code == 0
    run = out.splitlines()[0].removeprefix("run ")
    assert Path(run).parent == tmp_path / "runs" / "doubles"
    assert told(capsys, "ls", "runs")[1] == f"{run}  complete\n"


def test_limit_and_overrides_reach_the_run(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capsys, "run", config, "--strategy.n=2", "--limit", "3", "--json")
    assert code == 0
    report = json.loads(out)
    assert report["problems"] == 3
    assert {arm["n"] for arm in report["arms"]} == {1, 2}


def test_dry_run_says_what_validate_says(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys, "run", config, "--dry-run") == told(capsys, "validate", config)
    assert not (tmp_path / "runs").exists()


def test_a_resumed_run_is_the_same_run(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    first = json.loads(told(capsys, "run", config, "--json")[1])
    asked = first.pop("replicas")  # of the one session that asked any
    assert [each["state"] for each in asked["policy"]["each"]] == ["serves"]
    assert json.loads(told(capsys, "resume", first["run"], "--json")[1]) == first
    assert json.loads(told(capsys, "run", config, "--json")[1]) == first


def test_where_a_run_is_resumed_is_for_that_time_only(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(json.loads(told(capsys, "run", config, "--json")[1])["run"])
    kept = {name: (run / name).read_bytes() for name in ("config.yaml", "config.resolved.yaml")}
    assert told(capsys, "resume", str(run), "cluster.gpu_hour_price=99")[0] == 0
    assert {name: (run / name).read_bytes() for name in kept} == kept


def test_a_run_whose_data_changed_is_not_resumable(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text('{"problem": "1 + 1?", "answer": "2"}\n')
    given = ("dataset.name=null", "dataset.limit=null", f"dataset.path={data}")
    run = json.loads(told(capsys, "run", config, *given, "--json")[1])["run"]
    data.write_text('{"problem": "1 + 2?", "answer": "3"}\n')
    code, out, err = told(capsys, "resume", run)
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert "dataset" in err


@pytest.mark.parametrize("what", sorted(LISTS.keys() - {"verifications"}))
def test_every_list_is_a_table_or_json(
    config: str, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told(capsys, "run", config)
    code, out, _ = told(capsys, "ls", what, "--json")
    rows = json.loads(out)["rows"]
    assert code == 0
    assert rows
    assert len(told(capsys, "ls", what)[1].splitlines()) == len(rows)
    told_by = {"runs": "run", "presets": "source"}.get(what, "about")
    assert all(row[told_by] for row in rows)


def test_lists_hold_what_a_config_can_name(capsys: pytest.CaptureFixture[str]) -> None:
    def names(what: str) -> list[str]:
        rows = json.loads(told(capsys, "ls", what, "--json")[1])["rows"]
        return [row["name"] for row in rows]

    assert names("aggregations") == list(AGGREGATIONS)
    assert names("selections") == list(SELECTIONS)
    assert {"quickstart", "math500_qwen25_thinkprm"} <= set(names("configs"))


# --- What validate counts -------------------------------------------------------------------------


def test_the_quickstart_costs_what_a_hand_counts() -> None:
    plan = make_plan(load_config("quickstart"))
    assert (plan.problems, plan.bad_rows) == (64, 0)
    assert plan.candidates == 64 * 16 == 1024
    assert plan.policy.calls == plan.scorer.calls == 1024
    assert plan.policy.tokens == 1024 * 256 == 262_144
    # A critique is written again once if it cannot be read, and one token reads the final verdict.
    assert plan.scorer.tokens == 1024 * 2 * (1900 + 1) == 3_893_248
    assert plan.arms == 2 + 2 * 5
    assert (plan.policy.replicas, plan.scorer.replicas) == (1, 1)


def test_doubles_generate_nothing(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    plan = make_plan(load_config(config))
    assert (plan.candidates, plan.policy.tokens, plan.scorer.tokens) == (16, 0, 0)
    shown = json.loads(told(capsys, "validate", config, "--json")[1])
    assert shown == {"valid": True, **asdict(plan), "notes": []}


def test_a_scorer_that_nobody_asks_is_noted(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = told(capsys, "validate", config, "strategy.kind=majority")
    assert code == 0
    assert "scorer scripted will not be used" in out
    assert "0 judgements" in out


def test_a_run_notes_it_too(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = told(capsys, "run", config, "strategy.kind=majority")
    assert code == 0
    assert err.startswith("note: strategy majority asks no verifier")


def test_a_limit_that_fills_the_context_is_noted() -> None:
    config = load_config("quickstart", ["policy.sampling.max_tokens=512", "scorer.max_tokens=4000"])
    policy, scorer = notes(config)
    assert policy.startswith("policy.sampling.max_tokens 512: policy.engine.max_model_len 512")
    assert scorer.startswith("scorer.max_tokens 4000: scorer.engine.max_model_len 2400")


def test_feedback_that_the_context_has_no_room_for_is_noted() -> None:
    own = ["strategy.kind=sequential", "strategy.feedback=verdicts"]
    (note,) = notes(load_config("quickstart", [*own, "policy.engine.max_model_len=384"]))
    assert note.startswith("strategy.feedback verdicts: policy.engine.max_model_len 384 does not")
    assert notes(load_config("quickstart", [*own, "policy.engine.max_model_len=1024"])) == []
    silent = [*own[:1], "strategy.feedback=none", "policy.engine.max_model_len=384"]
    assert notes(load_config("quickstart", silent)) == []


@pytest.mark.parametrize(
    ("model", "gib"),
    [("Qwen/Qwen2.5-3B-Instruct", 5.588), ("launch/ThinkPRM-1.5B", 2.794), ("org/name", None)],
)
def test_the_size_of_a_model_that_is_not_here_is_told_by_its_name(
    model: str, gib: float | None
) -> None:
    assert weights_gib(model) == (None if gib is None else pytest.approx(gib, abs=1e-3))


def test_a_size_is_told_in_the_unit_that_suits_it() -> None:
    assert (size(5.588), size(0.0035), size(0.25)) == ("5.6 GiB", "3.6 MiB", "256.0 MiB")


def test_the_size_of_a_model_that_is_here_is_that_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"x" * 2**20)
    assert weights_gib(str(tmp_path)) == 2**20 / 2**30


# --- Text of others on a terminal -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 数 \t\n", "plain é 数 \t\n"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x1b]8;;http://x\x07link", r"\x1b]8;;http://x\x07link"),
        ("a\u202eb\u2066c\u200d", r"a\u202eb\u2066c\u200d"),
        ("\u2028\x9b\r\x00", r"\u2028\x9b\r\x00"),
        ("\ud800", r"\ud800"),
    ],
)
def test_text_of_others_cannot_steer_a_terminal(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_a_line_is_one_line() -> None:
    assert line(" a\n\tb\r\nc \x1b") == r"a b c \x1b"


def test_a_current_folder_that_is_gone_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    assert cli.main(["validate", "quickstart"]) == 2
    assert "the current folder is not there any more" in capsys.readouterr().err
