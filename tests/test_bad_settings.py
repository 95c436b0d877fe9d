"""Search settings that make no sense: exit 2 and one line with the rule and what to do instead."""

import json
from pathlib import Path

import pytest

from treewright.cli import main

DOUBLES = """
name: bad
dataset: {path: data.jsonl}
policy: {kind: scripted}
scorer: {kind: scripted}
strategy: {kind: beam}
cluster: {backend: inline}
"""
QWEN = DOUBLES.replace(
    "{kind: scripted}\nscorer", "{kind: qwen, model: nobody/nothing}\nscorer"
).replace("backend: inline", "backend: ray")

BAD = [
    (
        "N not divisible by M",
        ["strategy.paths=10"],
        ["strategy.paths: 10", "multiple", "nearest 8"],
    ),
    ("M above N", ["strategy.paths=2"], ["strategy.children: 4", "at most paths (2)", "nearest 2"]),
    ("keep 0", ["strategy.paths=0"], ["strategy.paths: 0", "1 or more"]),
    (
        "dvts: N not divisible by M",
        ["strategy.kind=dvts", "strategy.paths=7"],
        ["strategy.paths: 7", "multiple of children (4)", "nearest 8"],
    ),
    (
        "best_first: more expanded than kept",
        ["strategy.kind=best_first", "strategy.frontier=2", "strategy.expand=3"],
        ["strategy.expand: 3", "at most frontier 2", "nearest 2"],
    ),
    (
        "an outcome scorer under a search by steps",
        ["scorer.outcome_only=true"],
        ["scorer.outcome_only", "judges finished solutions only", "strategy.kind=best_of_n"],
    ),
    (
        "no scorer under a search by steps",
        ["scorer.kind=none", "aggregate=[]", "select=[majority]"],
        ["scorer.kind: none", "judges nothing", "strategy.kind=majority"],
    ),
    (
        "an outcome scorer under mcts by judged prefixes",
        ["strategy.kind=mcts", "strategy.value=judge", "scorer.outcome_only=true"],
        ["scorer.outcome_only", "strategy mcts needs verdicts"],
    ),
    (
        "an outcome scorer, and a search steered by steps",
        ["strategy.kind=mcts", "strategy.aggregate=min", "scorer.outcome_only=true"],
        ["strategy.aggregate: min", "no verdicts on them", "history.last"],
    ),
    (
        "an outcome scorer, and a report over steps",
        ["strategy.kind=best_of_n", "aggregate=[history.last,mean]", "scorer.outcome_only=true"],
        ["aggregate[1]: mean", "no verdicts on them", "history.last"],
    ),
    ("budget 0", ["strategy.budget.total_tokens=0"], ["total_tokens: 0", "1 or more", "null"]),
    ("no time", ["strategy.budget.seconds=0"], ["seconds: 0", "above 0"]),
    ("preset", ["strategy={preset: snel}"], ["strategy.preset: snel", "did you mean snell?"]),
    (
        "a preset contradicted",
        ["strategy={preset: openr, finish: compete}"],
        ["strategy.finish: compete", "openr", "bank"],
    ),
    ("unknown aggregation", ["strategy.aggregate=minn"], ["strategy.aggregate: ", "'min'"]),
    ("lookahead below 0", ["strategy.lookahead=-1"], ["strategy.lookahead: -1", "nearest 0"]),
    ("slots without a bank", ["strategy.slots=shrink"], ["strategy.slots: 'shrink'", "fixed"]),
    ("depth 0", ["strategy.depth=0"], ["strategy.depth: 0", "1 or more"]),
    (
        "judging further than the depth",
        ["strategy.score_every=50"],
        ["strategy.score_every: 50", "nearest 40"],
    ),
    (
        "temperature of shares 0",
        ["strategy.kind=rebase", "strategy.temperature=0"],
        ["strategy.temperature: 0", "above 0"],
    ),
]
BAD_QWEN = [
    (
        "temperature 0 with several children",
        ["policy.sampling.temperature=0"],
        ["policy.sampling.temperature: 0", "equal children", "strategy.kind=greedy"],
    ),
    (
        "temperature 0, one subtree of several children",
        ["policy.sampling.temperature=0", "strategy.kind=dvts", "strategy.paths=4"],
        ["policy.sampling.temperature: 0", "strategy dvts draws several"],
    ),
    (
        "letters graded as numbers of options",
        ["dataset={name: mmlu}", "grading.kind=option"],
        ["dataset.option_format: letters", "reads numbers", "dataset.option_format=list"],
    ),
    (
        "options graded by another number than the verifier is told",
        [
            "scorer={kind: thinkprm, model: p, steps: untagged, option_base: 1}",
            "grading.kind=option",
        ],
        ["scorer.option_base: 1", "than grading.option_base, 0", "write ${grading.option_base}"],
    ),
    (
        "lookahead over whole solutions",
        ["policy.segmentation.kind=whole", "strategy.lookahead=2"],
        ["strategy.lookahead: 2", "whole", "nearest 0"],
    ),
    (
        "fewer GPUs than the engine takes",
        ["policy.engine.tensor_parallel_size=2", "cluster.policy_gpus=1"],
        ["cluster.policy_gpus: 1", "takes 2 (policy.engine.tensor_parallel_size", "leave it out"],
    ),
    ("more GPUs", ["cluster.policy_gpus=4"], ["cluster.policy_gpus: 4", "the engine takes 1"]),
    (
        "no GPU for an engine that takes one",
        ["policy.engine.device=cuda", "cluster.policy_gpus=0"],
        ["cluster.policy_gpus: 0", "the engine takes 1"],
    ),
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data.jsonl").write_text('{"problem": "1 + 1?", "answer": "2"}\n')
    Path("doubles.yaml").write_text(DOUBLES)
    Path("qwen.yaml").write_text(QWEN)


def refused(config: str, overrides: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that the command says."""
    assert main(["run", config, *overrides]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert not list(Path.cwd().glob("runs/*")), "nothing was begun"
    return line


@pytest.mark.parametrize(
    ("overrides", "said"), [row[1:] for row in BAD], ids=[row[0] for row in BAD]
)
def test_settings_that_make_no_sense_are_refused(
    overrides: list[str], said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused("doubles.yaml", overrides, capsys)
    assert [part for part in said if part not in line] == [], line


@pytest.mark.parametrize(
    ("overrides", "said"), [row[1:] for row in BAD_QWEN], ids=[row[0] for row in BAD_QWEN]
)
def test_settings_that_make_no_sense_with_a_model_are_refused(
    overrides: list[str], said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused("qwen.yaml", overrides, capsys)
    assert [part for part in said if part not in line] == [], line


def test_temperature_0_is_allowed_where_every_path_has_one_child(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for overrides in (
        ["strategy.paths=1", "strategy.children=1"],
        ["strategy.kind=greedy", "select=[first]", "aggregate=[]"],
        ["strategy.kind=sequential", "strategy.chains=1"],
    ):
        code = main(["validate", "qwen.yaml", "policy.sampling.temperature=0", *overrides])
        assert (code, capsys.readouterr().err) == (0, "")


def test_a_limit_of_time_is_noted_as_not_reproducible(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "doubles.yaml", "strategy.budget.seconds=5"]) == 0
    assert "not reproducible" in capsys.readouterr().out


def test_validate_says_how_many_problems_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    Path("seen").mkdir()
    rows = ['{"problem": "2 + 2?", "answer": "4"}', Path("data.jsonl").read_text()]
    Path("seen/before.jsonl").write_text(Path("data.jsonl").read_text())
    Path("data.jsonl").write_text("\n".join(rows))
    assert main(["validate", "doubles.yaml", "dataset.exclude=seen/before.jsonl"]) == 0
    assert "1 at once, 1 left out by dataset.exclude" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["best_of_n", "majority"])
def test_a_budget_that_one_wave_would_not_heed_is_noted(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    own = [f"strategy.kind={kind}", "strategy.n=8", "strategy.budget.total_tokens=500"]
    own += ["aggregate=[]", "select=[majority]"] if kind == "majority" else []
    assert main(["validate", "doubles.yaml", *own]) == 0
    assert "strategy.wave=4 would heed it" in capsys.readouterr().out
    assert main(["validate", "doubles.yaml", *own, "strategy.wave=2"]) == 0
    assert "heed" not in capsys.readouterr().out


def test_a_search_in_which_no_verification_can_go_on_is_noted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = ["scorer.kind=careful_kind:Careful", "scorer.incremental=true"]
    for strategy, noted in (("kind=best_of_n", True), ("kind=beam", False)):
        assert main(["validate", "doubles.yaml", *own, f"strategy.{strategy}"]) == 0
        assert ("will go on from another" in capsys.readouterr().out) == noted


def test_what_an_outcome_scorer_reports_by_default_is_the_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = ["strategy.kind=best_of_n", "scorer.outcome_only=true"]
    assert main(["run", "doubles.yaml", *own, "--json"]) == 0
    arms = json.loads(capsys.readouterr().out)["arms"]
    assert {arm["aggregation"] for arm in arms} == {None, "history.last"}
