"""What a part of one's own raises while it runs: its problem fails, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from own_parts import STRATEGY, Tell, console
from search.ports import Failure, FailureKind
from treewright.running.controller import Failed
from treewright.running.run_folder import RunFolder
from treewright.running.tracebacks import write_tracebacks


def calls(run: Path) -> int:
    """How many lines the run's journal has."""
    return sum(len(file.read_bytes().splitlines()) for file in (run / "journal").iterdir())


FAILS = {
    "raise RuntimeError('mid-search')": "RuntimeError: mid-search",
    "yield 'a string'": "StrategyError: the strategy yielded 'a string' (str)",
    "return None": "StrategyError: the strategy returned None (NoneType)",
    "yield Extend(('p',), 1)": "StrategyError: the strategy named 'p' (str)",
    "yield Extend((Prefix.start(problem),), 'two')": (
        "StrategyError: the strategy asked with n 'two'"
    ),
    "return Result((drafts[0],))": "StrategyError: the strategy returned Prefix(",
    "return Result((Candidate(drafts[0], 0.5),))": "StrategyError: the strategy returned a cand",
    "raise SystemExit(5)": "StrategyError: the strategy raised SystemExit",
}


@pytest.mark.parametrize("body", FAILS)
def test_a_strategy_that_fails_fails_its_problem_and_the_others_go_on(
    tell: Tell, body: str
) -> None:
    Path("failing_own.py").write_text(STRATEGY.replace("pass", body))
    code, out, err = tell("run", "own.yaml", "strategy.kind=failing_own:Own", "--json")
    figures = json.loads(out)
    run = Path(figures["run"])
    file = run / "errors" / "odd.txt"
    assert (code, figures["problems"], figures["failures"]) == (3, 2, 1)
    assert all(arm["problems"] == 1 for arm in figures["arms"])
    (told,) = [line for line in err.splitlines() if line.startswith("failed: ")]
    assert told.startswith(f"failed: odd: internal: {told.split(': ')[3]}: ")
    assert FAILS[body] in told
    assert told.endswith(f"({file})")
    assert file.read_text().startswith("Traceback (most recent call last):")
    assert FAILS[body] in file.read_text()
    asked = calls(run)
    code, _, err = tell("tree", str(run), "odd")
    assert (code, err.count("\n")) == (2, 1)
    assert f"odd: its search failed: {FAILS[body]}" in err
    assert err.endswith(f"{file} tells where\n")
    assert tell("tree", str(run), "--all")[:2] == (0, f"1 trees in {run / 'trees'}\n")
    code, _, err = tell("resume", str(run), "--trust")
    assert (code, calls(run)) == (3, asked)
    assert "starting replicas" not in err
    assert f"({file})" in err


def test_a_strategy_that_raises_at_once_is_asked_nothing(tell: Tell) -> None:
    text = STRATEGY.replace(
        "        (drafts,)", "        1 / (problem.id != 'odd')\n        (drafts,)"
    )
    Path("early_own.py").write_text(text)
    code, out, err = tell("run", "own.yaml", "strategy.kind=early_own:Own", "--json")
    assert code == 3
    assert "failed: odd: internal: ZeroDivisionError: division by zero" in err
    assert "early_own.py" in (Path(json.loads(out)["run"]) / "errors" / "odd.txt").read_text()


def test_a_call_that_is_no_generator_fails_its_problem(tell: Tell) -> None:
    text = STRATEGY.replace(
        "def __call__(self, problem):",
        "def __call__(self, problem): pass\n    def no(self, problem):",
    )
    Path("list_own.py").write_text(text)
    code, _, err = tell("run", "own.yaml", "strategy.kind=list_own:Own")
    assert code == 3
    assert err.count("StrategyError: the strategy gave None") == 2


def test_a_steering_aggregation_that_raises_fails_its_problem(tell: Tell) -> None:
    Path("steering_own.py").write_text(
        "def least(p): return min(p) if round(p[0], 2) in (0.0, 0.5, 0.9) else 1 / 0\n"
    )
    own = ("strategy.kind=beam", "strategy.depth=2", "strategy.aggregate=steering_own:least")
    code, out, err = tell("run", "own.yaml", *own, "--json")
    assert code == 3
    assert "steering_own:least raised ZeroDivisionError" in err
    tracebacks = Path(json.loads(out)["run"]) / "errors"
    assert len(list(tracebacks.iterdir())) == 2


SCORER = """
from dataclasses import dataclass
from search.core import Judgement, Spent
from search.ports import ScorerReply

@dataclass(frozen=True)
class Settings:
    pass

class Scorer:
    async def judge(self, batch):
        (call,) = batch
        if call.path.problem.id == "odd":
            pass
        return [ScorerReply(Judgement((), 0.5), Spent(calls=1))]

async def build(settings):
    return Scorer()
"""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise RuntimeError('no verdict')", "RuntimeError: no verdict"),
        ("raise SystemExit(4)", "RuntimeError: the port called sys.exit"),
    ],
)
def test_what_a_port_raises_is_recorded_with_its_traceback_and_the_others_go_on(
    tell: Tell, body: str, said: str
) -> None:
    Path("port_own.py").write_text(SCORER.replace("            pass", f"            {body}"))
    own = ("scorer.kind=port_own:Settings", "aggregate=[history.last]", "--json")
    code, out, err = tell("run", "own.yaml", *own)
    file = Path(json.loads(out)["run"]) / "errors" / "odd.txt"
    assert code == 3
    assert [line for line in err.splitlines() if line.startswith("failed: ")] == [
        line for line in err.splitlines() if f"failed: odd: internal: {said}" in line
    ]
    assert f"({file})" in err
    assert file.read_text().startswith("Traceback (most recent call last):")


def test_a_port_that_exits_as_it_is_built_is_refused_in_one_line(tell: Tell) -> None:
    text = SCORER.replace("    return Scorer()", "    raise SystemExit(6)")
    Path("exiting_own.py").write_text(text)
    code, _, err = tell("run", "own.yaml", "scorer.kind=exiting_own:Settings")
    assert code in (1, 2)
    assert "the scorer cannot be started: SystemExit: 6" in err
    (run,) = Path("runs/own").iterdir()
    sides = json.loads((run / "replicas.json").read_text())
    assert sides["scorer"]["never_came"] == {"SystemExit: 6": 1}
    assert sides["policy"]["came"] == 1


def test_a_report_that_raises_ends_the_run_late_and_loses_nothing(folder: Path) -> None:
    """All searches are done and kept; with the function mended the same command is done at once."""
    late = "def late(p): return min(p) if p[0] in (0.5, 0.0, 0.9) else 1 / 0\n"
    Path("late_own.py").write_text(late)
    arguments = ("run", "own.yaml", "aggregate=late_own:late")
    done = console(*arguments)
    assert done.returncode == 2
    assert "2/2 problems" in done.stderr
    assert "error: late_own:late raised ZeroDivisionError" in done.stderr.splitlines()[-1]
    (run,) = Path("runs/own").iterdir()
    asked = calls(run)
    Path("late_own.py").write_text("def late(p): return min(p)\n")
    mended = console(*arguments)
    assert (mended.returncode, calls(run)) == (0, asked)
    assert "starting replicas" not in mended.stderr


def test_tracebacks_that_are_no_more_are_removed_and_names_are_safe(tmp_path: Path) -> None:
    raised = Failure(FailureKind.INTERNAL, "KeyError: 1", "Traceback …:\n\x1b[2J\nKeyError: 1")
    told = Failure(FailureKind.INVALID, "the prompt is too long")
    write_tracebacks(RunFolder(tmp_path), [Failed("a/b", raised), Failed("c", told)])
    assert [file.name for file in (tmp_path / "errors").iterdir()] == ["a%2Fb.txt"]
    assert "\x1b" not in (tmp_path / "errors" / "a%2Fb.txt").read_text()
    (tmp_path / "errors" / "mine.txt").write_text("a note of my own")
    write_tracebacks(RunFolder(tmp_path), [Failed("c", told)], before=["a/b", "c"])
    assert [file.name for file in (tmp_path / "errors").iterdir()] == ["mine.txt"]
