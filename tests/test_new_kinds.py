"""A new kind is one file and one registry line: an engine and a scorer that were not there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from engines.registry import ENGINES
from policies.registry import POLICIES
from scorers.registry import SCORERS
from search.strategies import STRATEGIES

ENGINE = r'''
from dataclasses import dataclass
from typing import Literal

from engines.byte_tokenizer import END, ByteTokenizer
from engines.config import Ability, EngineConfig
from engines.scripted_engine import ScriptedEngine

SAID = "First, 3 + 4 is 7.\n\nThe answer is \\boxed{7}."


@dataclass(frozen=True)
class ToyEngine(EngineConfig):
    """Says one thing."""

    kind: Literal["toy"] = "toy"
    """Who makes the tokens."""
    polite: bool = False
    """Whether it says please."""

    can = frozenset({Ability.TOKEN_IDS, Ability.SEEDS, Ability.CONTINUE})

    async def open(self, model):
        tokenizer = ByteTokenizer()
        text = (*tokenizer.encode(SAID), END)
        return tokenizer, ScriptedEngine(lambda request: text, (END,), decode=tokenizer.decode)

    def lacks(self, model):
        return ""

    def context(self, model):
        return 4096
'''
SCORER = r'''
from dataclasses import dataclass, replace

from engines.traits import DOUBLE, Judges
from search.checks import check_number
from search.core import Judgement, Spent, StepVerdict, VerdictStatus
from search.ports import Scorer, ScorerReply


@dataclass(frozen=True)
class ToyScorer:
    """Believes everybody."""

    belief: float = 0.9
    """From 0 to 1."""

    def __post_init__(self):
        check_number("belief", self.belief, high=1.0)

    @property
    def traits(self):
        return replace(DOUBLE, judges=Judges.STEPS)


class Believer(Scorer):
    def __init__(self, config):
        self.config = config

    async def judge(self, batch):
        return [ScorerReply(self.judgement(call.path), Spent(calls=1)) for call in batch]

    def judgement(self, path):
        belief = self.config.belief
        verdict = StepVerdict(belief, VerdictStatus.READ, "I see.")
        return Judgement((verdict,) * len(path.steps), belief)


async def build(config):
    return Believer(config)
'''
CONFIG = """\
name: toys
dataset: {path: data.jsonl}
policy: {kind: qwen, model: org/any, engine: {kind: toy}}
scorer: {kind: toy}
strategy: {kind: best_of_n, n: 2}
cluster: {backend: inline}
grading: {kind: numeric}
"""
COMMAND = """
import sys
from engines.registry import ENGINES
from scorers.registry import SCORERS

ENGINES["toy"] = "toy_engine:ToyEngine"
SCORERS["toy"] = "toy_scorer:ToyScorer"
from treewright.cli import main

print("\\f".join(str(main(each.split())) for each in sys.argv[1:]))
"""


def tell(folder: Path, root: Path, *commands: str) -> tuple[list[str], str, str]:
    """In a process in whose registries a line was written: exit codes, stdout, stderr."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *commands],
        cwd=folder,
        env={"PYTHONPATH": f"{folder}:{root}", "TREEWRIGHT_RUNS": "runs", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *out, codes = done.stdout.strip().split("\n")
    return codes.split("\f"), "\n".join(out), done.stderr


def test_an_engine_and_a_scorer_of_one_file_and_one_line_each_are_kinds_like_any_other(
    tmp_path: Path, root: Path
) -> None:
    (tmp_path / "toy_engine.py").write_text(ENGINE)
    (tmp_path / "toy_scorer.py").write_text(SCORER)
    (tmp_path / "toys.yaml").write_text(CONFIG)
    (tmp_path / "data.jsonl").write_text(json.dumps({"question": "3 + 4?", "answer": "7"}))
    codes, out, err = tell(
        tmp_path,
        root,
        "validate toys.yaml scorer.belief=0.5",
        "run toys.yaml",
        "score toys/latest",
        "run toys.yaml policy.engine.kind=toi",
        "run toys.yaml scorer.belief=2",
        "run toys.yaml scorer.kind=thinkprm scorer.model=m scorer.engine.kind=toy",
    )
    assert codes == ["0", "0", "0", "2", "2", "2"], err
    assert "100" in out
    (run,) = (tmp_path / "runs" / "toys").glob("*-*")
    resolved = (run / "config.resolved.yaml").read_text()
    assert "kind: toy" in resolved
    assert "polite: false" in resolved
    assert "I see." in next((run / "journal").iterdir()).read_text()
    for told in (
        "policy.engine.kind: toi: no such engine; did you mean toy",
        "scorer.belief: 2.0 must be",
        "scorer.engine.kind: toy: cannot give logprobs",
    ):
        assert told in err


@pytest.mark.parametrize(
    ("file", "table"),
    [
        ("engines/registry.py", ENGINES),
        ("policies/registry.py", POLICIES),
        ("scorers/registry.py", SCORERS),
        ("search/strategies/__init__.py", STRATEGIES),
    ],
)
def test_every_kind_is_listed_with_its_file_and_its_registry(
    file: str, table: dict[str, str], root: Path
) -> None:
    text = (root / "ARCHITECTURE.md").read_text()
    (row,) = re.findall(rf"^\|.*`{re.escape(file)}`.*$", text, re.M)
    listed = dict(re.findall(r"`(\w+)`: `([\w/.]+)`", row))
    said = {kind: f"{path.partition(':')[0].replace('.', '/')}.py" for kind, path in table.items()}
    assert listed == said
    assert len(set(said.values())) == len(said)
    assert all((root / each).is_file() for each in said.values())
