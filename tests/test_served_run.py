"""Runs over an API, through real sockets: table, bill, resume; and its key is in no file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines import retrying
from hostile_runs import contents
from indiscreet_api import CANARY, Api, listening
from treewright import hiding
from treewright.cli import main
from treewright.config.load import load_config
from treewright.config.resuming import goes_on

CONFIG = """\
name: api
dataset: {path: data.jsonl}
policy:
  kind: qwen
  model: a-model
  engine:
    kind: openai
    base_url: URL
    api_key_env: SOME_NAME
    retries: 0
    price: {prompt: 1000.0, cached: 100.0, generated: 10000.0}
scorer: {kind: none}
strategy: {kind: majority, n: 2}
aggregate: []
select: [first, majority]
cluster: {backend: inline, max_restarts: 0}
grading: {kind: numeric}
"""


@pytest.fixture
def api() -> Iterator[Api]:
    with listening() as made:
        yield made


@pytest.fixture(autouse=True)
def here(tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)
    monkeypatch.setattr(retrying, "FIRST_S", 0.001)
    monkeypatch.setattr(hiding, "_known", set())
    monkeypatch.setattr(hiding, "_pattern", None)
    monkeypatch.setenv("SOME_NAME", CANARY)
    rows = [{"question": f"What is {n} + {7 - n}?", "answer": "7"} for n in range(3)]
    Path("data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    Path("api.yaml").write_text(CONFIG.replace("URL", api.url))
    return tmp_path


def assert_nowhere(here: Path, told: pytest.CaptureFixture[str]) -> str:
    """No output and no file has the key. What was printed."""
    out, err = told.readouterr()
    assert CANARY not in out + err
    for name, data in contents(here).items():
        assert CANARY.encode() not in (data or b""), name
    return out + err


def test_a_run_over_an_api_has_its_table_its_bill_and_no_key(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", "api.yaml"]) == 0
    told = " ".join(assert_nowhere(here, capsys).split())
    assert "policy.engine.kind openai gives no token ids, no log-probabilities" in told
    assert "policy.engine.continue_by none: whole solutions only" in told
    assert main(["run", "api.yaml"]) == 0
    told = assert_nowhere(here, capsys)
    (run,) = (here / "runs/api").iterdir()
    assert "api_key_env: SOME_NAME" in (run / "config.yaml").read_text()
    bill = 6 * (10 * 1000 + 10 * 100 + 10 * 10000) / 1e6
    assert f"costs {bill:.4f}" in " ".join(told.split())
    assert json.loads((run / "metrics.json").read_text())["bills"] == {"policy": bill}
    assert "You are Bearer <redacted>" in (run / "journal").glob("*").__next__().read_text()
    assert main(["compare", str(run), "--arm", "first", "--json"]) == 0
    (row,) = json.loads(assert_nowhere(here, capsys))["rows"]
    once = bill / 6  # `first` buys one of two solutions of each problem
    assert row["ours"]["price"] == pytest.approx(once)
    assert row["theirs"]["price"] == pytest.approx(2 * once)
    assert main(["compare", str(run), "--arm", "first"]) == 0
    told = assert_nowhere(here, capsys)
    assert " price " in told
    assert f" {once:.4f} " in told
    for verb in (["score", str(run)], ["report", str(run)], ["tree", str(run), "1"]):
        assert main(verb) == 0
    assert f"costs {bill:.4f}" in " ".join(assert_nowhere(here, capsys).split())


def test_a_run_that_was_refused_goes_on_where_it_ended(
    here: Path, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    api.failing = True
    assert main(["run", "api.yaml"]) == 3
    told = assert_nowhere(here, capsys)
    assert "500 Internal Server Error: internal: Bearer <redacted>" in " ".join(told.split())
    api.failing = False
    assert main(["run", "api.yaml"]) == 0
    assert_nowhere(here, capsys)
    asked = len(api.questions)
    assert main(["run", "api.yaml"]) == 0
    assert len(api.questions) == asked


BY_API: tuple[str, ...] = ()
BY_SCORER = (
    "policy={kind: scripted}",
    "scorer={kind: http, url: 'URL', api_key_env: SOME_NAME, retries: 0}",
    "strategy={kind: best_of_n, n: 2}",
)


@pytest.mark.parametrize(("overrides", "key"), [(BY_API, "policy.engine"), (BY_SCORER, "scorer")])
def test_a_run_folder_may_send_no_key_away_unless_it_is_trusted(
    overrides: tuple[str, ...],
    key: str,
    here: Path,
    api: Api,
    capsys: pytest.CaptureFixture[str],
) -> None:
    overrides = tuple(each.replace("URL", api.url) for each in overrides)
    api.failing = True
    assert main(["run", "api.yaml", *overrides]) == 3
    assert "internal: Bearer <redacted>" in " ".join(assert_nowhere(here, capsys).split())
    (run,) = (here / "runs/api").iterdir()
    api.failing, asked = False, len(api.questions)
    capsys.readouterr()
    assert f"{run} --trust`" in goes_on(run, load_config(run / "config.yaml"))
    assert main(["resume", str(run)]) == 2
    assert f"{key}.api_key_env: reads SOME_NAME of the environment" in (
        assert_nowhere(here, capsys)
    )
    assert len(api.questions) == asked
    assert main(["resume", str(run), "--trust"]) == 0
    assert len(api.questions) > asked
    assert_nowhere(here, capsys)


def test_a_wrong_key_ends_the_run_before_it_begins(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_NAME", f"{CANARY}-of-yesterday")
    assert main(["run", "api.yaml"]) == 2
    told = " ".join(assert_nowhere(here, capsys).split())
    assert "the policy cannot be started: the API refuses the key" in told
    monkeypatch.delenv("SOME_NAME")
    assert main(["validate", "api.yaml"]) == 0
    note = "policy.engine.api_key_env: SOME_NAME is not set here; a run needs it"
    assert note in " ".join(assert_nowhere(here, capsys).split())
    assert main(["doctor", "api.yaml"]) == 2
    unset = "SOME_NAME is not set where the engine runs"
    assert unset in " ".join(assert_nowhere(here, capsys).split())
    assert main(["run", "api.yaml"]) == 2
    assert unset in assert_nowhere(here, capsys)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (
            ["strategy={kind: beam, paths: 4, children: 2}", "scorer.kind=scripted"],
            "goes on with no text that was begun, which strategy beam needs; say "
            "engine.continue_by, where the API can go on with a text",
        ),
        (
            ["strategy={kind: mcts, value: rollout}", "scorer.kind=scripted"],
            "goes on with no text that was begun, which strategy mcts needs",
        ),
        (
            ["policy.engine.base_url=http://host/v1/chat/completions"],
            "must be an address that ends before the endpoint",
        ),
        (
            [
                "scorer={kind: thinkprm, model: m, engine: {kind: openai}}",
                "strategy.kind=best_of_n",
            ],
            "cannot give continue, top_logprobs, which scorer thinkprm needs; say "
            "engine.continue_by=completions, engine.tokenizer and engine.top_logprobs=20",
        ),
        (
            ["policy={kind: structured, model: m, engine: {kind: openai}}"],
            "cannot give seeds, token_ids, which policy structured needs; use engine.kind=vllm or",
        ),
        (["policy.engine.base_url=http://me:pw@host"], "must hold no user or password"),
    ],
)
def test_what_an_api_cannot_give_is_told_before_a_run(
    overrides: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", "api.yaml", *overrides]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


def test_a_search_of_whole_solutions_needs_no_text_to_be_gone_on_with() -> None:
    told = ["strategy={kind: sequential, feedback: verdicts}", "scorer.kind=scripted"]
    assert main(["validate", "api.yaml", *told, "aggregate=[last]"]) == 0


@pytest.mark.parametrize(
    ("said", "trust"),
    [
        ([], True),
        (["policy.engine.api_key_env=null"], False),
        (
            [
                "policy.engine.api_key_env=null",
                "scorer.kind=scripted",
                "strategy={kind: best_of_n, n: 2}",
                "aggregate=[my_module:mine]",
            ],
            True,
        ),
        (["policy.engine.api_key_env=null", "name=${oc.env:NO_SUCH_NAME,x}"], True),
    ],
)
def test_the_command_that_goes_on_says_trust_where_a_folder_wants_it(
    said: list[str], trust: bool, here: Path
) -> None:
    Path("my_module.py").write_text("def mine(probabilities): return 0.5\n")
    config = load_config(Path("api.yaml"), said)
    assert goes_on(here, config) == f"`treewright resume {here}{' --trust' * trust}` goes on"
