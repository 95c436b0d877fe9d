"""Parts of one's own by import path: found, checked, run and resumed; and what their faults do."""

from __future__ import annotations

import json
import os
import pickle
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search.aggregation import AGGREGATIONS, Aggregator, MissingRule, Scale
from search.core import (
    Candidate,
    Judgement,
    Missing,
    Problem,
    Step,
    StepVerdict,
    StopReason,
    VerdictStatus,
)
from search.core import Path as SearchPath
from search.custom import PartError, import_folders, load_part
from search.ports import Failure, FailureKind
from search.selection import SELECTIONS, Option
from treewright.cli import main
from treewright.config.sources import source_digest, source_files
from treewright.running.controller import Failed
from treewright.running.run_folder import RunFolder
from treewright.running.tracebacks import write_tracebacks

Tell = Callable[..., tuple[int, str, str]]
CONSOLE = Path(sys.executable).with_name("treewright")
DOUBLES = ("policy.kind=scripted", "scorer.kind=scripted", "cluster.backend=inline")
CONFIG = """\
name: own
dataset: {path: data.jsonl}
policy: {kind: scripted}
scorer: {kind: scripted}
strategy: {kind: best_of_n, n: 2}
cluster: {backend: inline}
grading: {kind: numeric}
"""
HEAD = """\
from dataclasses import dataclass
from search.core import Candidate, Path, Result
from search.questions import Extend, Until, extend, judge
"""
STRATEGY = (
    HEAD
    + """
@dataclass(frozen=True)
class Own:
    n: int = 2
    candidates = draws = property(lambda self: self.n)
    judges = True

    def __call__(self, problem):
        (drafts,) = yield from extend([Path.start(problem)], self.n, Until.END)
        judged = yield from judge(drafts)
        if problem.id == "odd":
            pass
        return Result(tuple(Candidate(p, j, (j.prefix,)) for p, j in zip(drafts, judged)))
"""
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with a config and two problems; what is imported from it is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(AGGREGATIONS, "_loaded", {})
    monkeypatch.setattr(SELECTIONS, "_loaded", {})
    monkeypatch.setenv("TREEWRIGHT_RUNS", "runs")
    Path("own.yaml").write_text(CONFIG)
    rows = [{"id": name, "problem": "1 + 1?", "answer": "2"} for name in ("odd", "even")]
    Path("data.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    yield tmp_path
    forget(tmp_path)


def forget(folder: Path) -> None:
    """Import what was imported from a folder anew, as another process would."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture
def tell(folder: Path, capsys: pytest.CaptureFixture[str]) -> Tell:
    """Runs a command in the folder: exit code, stdout, stderr."""

    def tell(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        return code, *capsys.readouterr()

    return tell


def console(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own, as a person starts it."""
    return subprocess.run(
        [str(CONSOLE), *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


def ran(tell: Tell, *overrides: str) -> Path:
    """The folder of a run that ended well."""
    code, out, err = tell("run", "own.yaml", *overrides, "--json")
    assert code == 0, err
    return Path(json.loads(out)["run"])


def refusal(tell: Tell, *arguments: str) -> str:
    """The one line with which a command is refused."""
    code, out, err = tell(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    return err


def calls(run: Path) -> int:
    """How many lines the run's journal has."""
    return sum(len(file.read_bytes().splitlines()) for file in (run / "journal").iterdir())


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
        done = console(*verb, cwd=folder / "elsewhere")
        assert done.returncode == 0, done.stderr


def test_a_run_whose_module_is_gone_says_where_was_looked(folder: Path, tell: Tell) -> None:
    Path("gone_own.py").write_text(STRATEGY)
    run = ran(tell, "strategy.kind=gone_own:Own")
    Path("gone_own.py").unlink()
    done = console("resume", str(run))
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


# --- Refused --------------------------------------------------------------------------------------

MISTAKES = {
    "absent:Own": ["no module absent", "looked in"],
    "mistake:Owm": ["mistake.py) has no Owm", "did you mean Own?"],
    "mistak:Own": ["no module mistak", "did you mean mistake?"],
    "mistake:function": ["mistake:function is a function, not a class"],
    "mistake:Plain": ["mistake:Plain is not a dataclass", "@dataclass(frozen=True)"],
    "mistake:Thawed": ["mistake:Thawed is not frozen"],
    "mistake:Lacking": ["lacks __call__, candidates (how many", "judges (whether"],
    "mistake:Unsayable": ["a field that no config can say"],
    "mistake:Unresolved": ["name 'Nowhere' is not defined"],
    "mistake:Number": ["Number.candidates is '2', it must be a whole number"],
    "mistake:Vague": ["Vague.draws_alike is 'no', it must be true or false", "several children"],
    "mistake:Broken": ["Broken.draws raised ZeroDivisionError", "mistake.py:"],
    "mistake:Checked": ["strategy.n: 2 must be odd"],
    "mistake:Checking": ["raised KeyError: 'n'", "mistake.py:"],
    "mistake:Leaving": ["raised SystemExit: 3", "mistake.py:"],
    "raising:Own": ["importing raising raised ZeroDivisionError", "raising.py:1"],
    "wrong:Own": ["importing wrong raised SyntaxError", "wrong.py:2"],
    "needing:Own": ["importing needing raised ModuleNotFoundError", "absent_library"],
    "leaving:Own": ["importing leaving raised SystemExit"],
    "my module:Own": ["no such strategy"],
    "mistake.py:Own": ["mistake.py:Own names a file; write mistake:Own"],
    "folder/own.py:Own": ["is no import path", "write my_module:Name"],
}
MISTAKEN = (
    STRATEGY
    + """
from collections.abc import Callable
def function(): pass
class Plain: pass
@dataclass
class Thawed(Plain): pass
@dataclass(frozen=True)
class Lacking:
    draws = 1
@dataclass(frozen=True)
class Unsayable(Own):
    how: Callable[[int], int] = abs
@dataclass(frozen=True)
class Unresolved(Own):
    how: "Nowhere" = 1
@dataclass(frozen=True)
class Number(Own):
    candidates = "2"
@dataclass(frozen=True)
class Vague(Own):
    draws_alike = "no"
@dataclass(frozen=True)
class Broken(Own):
    draws = property(lambda self: 1 // 0)
@dataclass(frozen=True)
class Checked(Own):
    def __post_init__(self): raise ValueError(f"n: {self.n} must be odd")
@dataclass(frozen=True)
class Checking(Own):
    def __post_init__(self): {}["n"]
@dataclass(frozen=True)
class Leaving(Own):
    def __post_init__(self): raise SystemExit(3)
"""
)


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_strategy_that_cannot_be_one_is_one_line_at_its_place(tell: Tell, kind: str) -> None:
    Path("mistake.py").write_text(MISTAKEN)
    Path("raising.py").write_text("1 / 0\n")
    Path("wrong.py").write_text("\nclass Own(:\n")
    Path("needing.py").write_text("import absent_library\n")
    Path("leaving.py").write_text("raise SystemExit(3)\n")
    text = CONFIG.replace("{kind: best_of_n, n: 2}", f'{{kind: "{kind}"}}')
    Path("own.yaml").write_text(text)
    said = refusal(tell, "validate", "own.yaml")
    assert said.startswith("error: own.yaml:5")
    assert [words for words in MISTAKES[kind] if words not in said] == []


def test_what_a_strategy_may_say_of_itself_is_heeded(folder: Path, tell: Tell) -> None:
    """One that judges prefixes has no use for an outcome scorer; one that says nothing has."""
    Path("saying.py").write_text(
        STRATEGY + "@dataclass(frozen=True)\nclass Says(Own):\n    judges_prefixes = True\n"
    )
    outcome = ("validate", "own.yaml", "scorer.outcome_only=true")
    assert tell(*outcome, "strategy.kind=saying:Own")[0] == 0
    assert "needs verdicts on steps" in refusal(tell, *outcome, "strategy.kind=saying:Says")


FUNCTIONS = """
import math
from search.selection import Choice
def total(p): return math.fsum(p)
def text(p): return "half"
def nothing(p): pass
def two(p, q): return 0.5
def one_step(p):
    (only,) = p
    return only
def index(options, scale): return 0
def beyond(options, scale): return Choice(len(options))
def scores(options, scale): return Choice(max(range(len(options)), key=lambda i: options[i].score))
NUMBER = 3
"""


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("aggregate=funny:total", "funny:total gave 1.8 for [0.9, 0.2, 0.7]; it must be from 0"),
        ("aggregate=history.funny:text", "funny:text gave 'half' for [0.5]; it must give a number"),
        ("aggregate=min,funny:nothing", "gave None for [0.5]"),
        ("aggregate=funny:two", "raised TypeError: two() missing 1 required"),
        ("aggregate=funny:one_step", "raised ValueError: too many values to unpack"),
        ("aggregate=funny:NUMBER", "funny:NUMBER is a int, not an aggregation"),
        ("aggregate=funny:totl", "did you mean total?"),
        ("aggregate=statistics:mean,statistics:mean", "is listed twice"),
        ("strategy.kind=beam strategy.aggregate=funny:total", "aggregate: funny:total gave"),
        ("select=funny:index", "funny:index gave 0; it must give a Choice"),
        ("select=first,funny:beyond", "funny:beyond chose 0 of 0 options"),
        ("select=funny:scores", "funny:scores raised ValueError"),
        ("select=funny:NUMBER", "funny:NUMBER is a int, not a selection"),
        ("scorer.kind=funny:Scorer", "funny.py) has no Scorer"),
        ("scorer.kind=mistake:Own", "module mistake has no async def build(config)"),
    ],
)  # fmt: skip
def test_a_function_that_cannot_be_used_is_told_before_anything_runs(
    tell: Tell, override: str, words: str
) -> None:
    Path("funny.py").write_text(FUNCTIONS)
    Path("mistake.py").write_text(MISTAKEN)
    said = refusal(tell, "run", "own.yaml", *override.split())
    assert words in said
    assert "command line: " in said


def test_a_function_of_any_installed_module_can_aggregate(tell: Tell) -> None:
    run = ran(tell, "aggregate=[min, statistics:median, history.statistics:fmean]")
    arms = json.loads((run / "metrics.json").read_text())["arms"]
    assert {arm["aggregation"] for arm in arms} == {
        None, "min", "statistics:median", "history.statistics:fmean"
    }  # fmt: skip


def test_a_debugged_refusal_shows_what_the_module_raised(tell: Tell, folder: Path) -> None:
    Path("raising.py").write_text("1 / 0\n")
    code, _, err = tell("validate", "own.yaml", "strategy.kind=raising:Own", "--debug")
    assert code == 2
    assert "ZeroDivisionError: division by zero\n" in err


# --- Aggregators ----------------------------------------------------------------------------------


def judged(*probabilities: float) -> Candidate:
    path = SearchPath(Problem("p", "?"))
    for index, _ in enumerate(probabilities):
        path = path.grow(index, [Step("x", (1,), StopReason.STEP_END)])
    verdicts = tuple(StepVerdict(p, VerdictStatus.READ) for p in probabilities)
    return Candidate(path, Judgement(verdicts, 0.5), (0.25, 0.5))


@pytest.mark.parametrize("spelled", ["statistics:median", "history.statistics:median"])
def test_a_custom_aggregator_is_its_name_so_it_compares_and_pickles(spelled: str) -> None:
    aggregator = Aggregator.parse(spelled)
    assert str(aggregator) == spelled
    assert pickle.loads(pickle.dumps(aggregator)) == aggregator == Aggregator.parse(spelled)


def test_a_custom_aggregation_is_over_the_steps_or_over_the_history() -> None:
    candidate = judged(0.1, 0.2, 0.9)
    scores = [
        Aggregator.parse(f"{over}statistics:median").score(candidate, MissingRule.WORST)
        for over in ("", "steps.", "history.")
    ]
    assert scores == [0.2, 0.2, 0.375]


def test_what_a_custom_aggregation_raises_in_a_search_says_for_what(folder: Path) -> None:
    Path("picky.py").write_text("def picky(p):\n    return p[0] if p[0] != 0.25 else 1 / 0\n")
    aggregator = Aggregator.parse("picky:picky")
    with pytest.raises(PartError, match=r"picky:picky raised ZeroDivisionError: .*:2\) for \[0.25"):
        aggregator.score(judged(0.25, 0.5), MissingRule.WORST)


def test_a_listed_name_is_never_an_import() -> None:
    assert Aggregator.parse("min") == Aggregator("min")
    with pytest.raises(ValueError, match=r"unknown aggregation 'mni'; did you mean 'min'\?"):
        Aggregator.parse("mni")
    with pytest.raises(KeyError):
        SELECTIONS["bets"]


def test_a_custom_selection_sees_missing_scores_when_it_is_loaded(folder: Path) -> None:
    Path("sane.py").write_text(
        "from search.core import Missing\n"
        "from search.selection import Choice, Selection\n"
        "def sane(options, scale):\n"
        "    scored = [i for i, o in enumerate(options) if not isinstance(o.score, Missing)]\n"
        "    return Choice(scored[-1] if scored else None)\n"
        "free = Selection(sane, needs_score=False)\n"
    )
    options = [Option(0, 0.1), Option(1, 0.2), Option(2, Missing("why"))]
    assert SELECTIONS["sane:sane"].choose(options, Scale.PROBABILITY).index == 1
    assert SELECTIONS["sane:sane"].needs_score
    assert not SELECTIONS["sane:free"].needs_score


# --- The fingerprint ------------------------------------------------------------------------------


def write_package() -> None:
    Path("kit/deep").mkdir(parents=True)
    for name, text in {
        "kit/__init__.py": "",
        "kit/own.py": "from . import near\nfrom .deep.far import X\nimport beside\nimport json",
        "kit/near.py": "def f():\n    import lazily",
        "kit/deep/far.py": "from ..near import f\nfrom search.core import Path\nX = 1",
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
    code, _, err = tell("resume", str(run))
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
    code, _, err = tell("resume", str(steered))
    assert code == 4
    assert "made with another strategy.aggregate.source;" in err
    assert ran(tell, reports) == reported


# --- Failing in a search --------------------------------------------------------------------------

FAILS = {
    "raise RuntimeError('mid-search')": "RuntimeError: mid-search",
    "yield 'a string'": "StrategyError: the strategy yielded 'a string' (str)",
    "return None": "StrategyError: the strategy returned None (NoneType)",
    "yield Extend(('p',), 1)": "StrategyError: the strategy named 'p' (str)",
    "yield Extend((Path.start(problem),), 'two')": "StrategyError: the strategy asked with n 'two'",
    "return Result((drafts[0],))": "StrategyError: the strategy returned Path(",
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
    code, _, err = tell("resume", str(run))
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
    assert "PartError: steering_own:least raised ZeroDivisionError" in err
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
        ("return []", "ValueError: not enough values to unpack"),
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
    write_tracebacks(RunFolder(tmp_path), [Failed("c", told)])
    assert list((tmp_path / "errors").iterdir()) == []
