"""Chains put together at random: no step gets a verdict that nobody gave, and nothing breaks.

`TREEWRIGHT_CHAINS=20000 pytest tests/test_mutated_chains.py` tries more of them.
"""

from __future__ import annotations

import json
import os
import random
import re
from dataclasses import dataclass
from pathlib import Path

from played_chains import END_OF_THINK, EOS, IDS, READER, judged, odds_at, tokens_of
from scorers.log_odds import probability
from search.core import VerdictStatus
from thinkprm_tokenizer import TOKENIZER

CHAINS = int(os.environ.get("TREEWRIGHT_CHAINS", "1000"))
GOLDEN = Path(__file__).parent / "golden"
WORDS = {True: "incorrect", False: "correct"}
DRESSES = ("WORD", " WORD ", r"\text{WORD}", "**WORD**", r"\color{red}{WORD}", r"\text{ WORD}")
FILLER = (
    "The sum is 12, which is correct.",
    "This looks incorrect at first, but it is not.",
    r"It is said that the answer is \boxed{12}.",
    "From the step before, x is 5.",
    "That follows. ⇒ 面积 ✅",
    "1/2 is 0.5.",
    r"A set {1, 2} and \frac{1}{2}.",
)
TALK = (
    r"I must write \boxed{correct} or \boxed{incorrect} after each step.",
    r"Each one is \boxed{correct} if it holds, \boxed{incorrect} otherwise.",
    r"Say \boxed{correct/incorrect}.",
)
SUMMARIES = (
    r"Overall verdict: BOX",
    r"**Final Verification:** BOX",
    r"The solution is BOX.",
    r"In conclusion, the proposed solution is BOX",
    "**Final Answer**\n\n" r"\[ BOX \]",
)


def boxed(rng: random.Random, *, incorrect: bool) -> str:
    spell = rng.choice((str.lower, str.lower, str.title, str.upper))
    inside = rng.choice(DRESSES).replace("WORD", spell(WORDS[incorrect]))
    return rf"\boxed{{{inside}}}"


@dataclass(frozen=True)
class Written:
    """A chain and the verdicts that it gives: True for an incorrect step, None for none given."""

    text: str
    verdicts: tuple[bool | None, ...]


def written(rng: random.Random) -> Written:
    """A chain in one of the ways in which models label, with all that may stand between."""
    steps = rng.randint(1, 6)
    style = rng.choice(("heading", "bold", "beside", "list", "behind", "zero", "plain"))
    leaves_out = style in ("heading", "bold", "beside", "zero")
    verdicts: list[bool | None] = []
    parts = [rng.choice(TALK)] * (rng.random() < 0.3)
    parts += [rng.choice(SUMMARIES).replace("BOX", boxed(rng, incorrect=rng.random() < 0.5))] * (
        style != "plain" and rng.random() < 0.1
    )
    for index in range(steps):
        given = not (leaves_out and index and rng.random() < 0.2)
        incorrect = rng.random() < 0.15
        verdicts.append(incorrect if given else None)
        parts.append(_critique(rng, style, index, incorrect, given))
        if given and incorrect and rng.random() < 0.7:
            break
    if rng.random() < 0.4:
        summary = rng.choice(SUMMARIES).replace("BOX", boxed(rng, incorrect=rng.random() < 0.5))
        parts.append(summary)
    verdicts += [None] * (steps - len(verdicts))
    return Written("\n\n".join(parts) + "\n</think>", tuple(verdicts))


def _critique(rng: random.Random, style: str, index: int, incorrect: bool, given: bool) -> str:
    number = index if style == "zero" else index + 1
    label = {
        "heading": f"Step {number}: ",
        "zero": f"Step {number}: ",
        "bold": f"**Step {number}:** ",
        "list": f"{number}. ",
    }.get(style, "")
    said = label + " ".join(rng.choices(FILLER, k=rng.randint(0 if label else 1, 3)))
    box = boxed(rng, incorrect=incorrect)
    if not given:
        return f"{said} Nothing to judge in it."
    if style == "beside":
        return f"{said} So step {number} is {box}."
    if style == "behind":
        return f"{said} The step is {box} (Step {number})"
    return f"{said} The step is {box}"


def expected(chain: Written) -> list[bool | None]:
    """As the rule has it: what follows the first error is as the error."""
    error = next((i for i, verdict in enumerate(chain.verdicts) if verdict), len(chain.verdicts))
    return [v if i <= error else True for i, v in enumerate(chain.verdicts)]


def test_chains_of_every_style_give_each_step_its_verdict_or_none() -> None:
    rng = random.Random(0)
    for _ in range(CHAINS):
        chain = written(rng)
        ids = tokens_of(chain.text)
        odds = list(map(odds_at, ids))
        for early_stop in (True, False):
            reading = READER.read(ids, odds, len(chain.verdicts), early_stop=early_stop)
            found = [
                None if step.log_odds is None else probability(step.log_odds) < 0.5
                for step in reading.steps
            ]
            assert found == expected(chain), chain.text


def test_a_chain_that_is_halted_and_goes_on_is_read_as_the_whole_of_it() -> None:
    rng = random.Random(2)
    for _ in range(CHAINS // 15):
        chain = written(rng)
        judgement, engine = judged(tokens_of(chain.text), len(chain.verdicts))
        found = [verdict.probability for verdict in judgement.verdicts]
        assert [None if p is None else p < 0.5 for p in found] == expected(chain), chain.text
        assert sum(not request.sampling.allowed_ids for request in engine.requests) <= 4


def mutated(rng: random.Random, ids: list[int], others: list[list[int]]) -> list[int]:
    """The tokens with some lost, doubled, moved, or mixed with another chain's."""
    ids = list(ids)
    for _ in range(rng.randint(1, 6)):
        a, b = sorted(rng.randint(0, len(ids)) for _ in range(2))
        match rng.randint(0, 5):
            case 0:
                del ids[a : min(b, a + 12)]
            case 1:
                ids[a:a] = ids[a : min(b, a + 40)]
            case 2:
                ids[a:a] = rng.choice(others)[:40]
            case 3:
                ids[a:a] = [rng.choice([*IDS.step, 90, 92, 198, 532, END_OF_THINK, EOS])]
            case 4:
                ids[a:a] = rng.choices(range(151_000), k=rng.randint(1, 4))
            case _:
                del ids[b:]
    return ids


def test_a_mutated_chain_breaks_nothing_and_gives_no_verdict_without_a_box() -> None:
    rng = random.Random(1)
    recorded = json.loads((GOLDEN / "thinkprm_chains.json").read_text("utf-8"))
    sources = [list(tokens_of("\n".join(one["chain"]))) for one in recorded]
    for line in (GOLDEN / "verifier_chains.jsonl").read_text("utf-8").splitlines():
        sources.append(list(tokens_of(json.loads(line)["chain"])))
    for number in range(CHAINS):
        ids = mutated(rng, rng.choice(sources), sources)
        odds, steps = list(map(odds_at, ids)), rng.randint(1, 8)
        reading = READER.read(
            ids, odds, steps, truncated=rng.random() < 0.5, early_stop=rng.random() < 0.5
        )
        assert len(reading.steps) == steps
        assert 0 <= reading.tokens <= len(ids)
        text = TOKENIZER.decode(ids)
        if number % 15 == 0 and ids:
            _, engine = judged(ids, steps, max_tokens=len(ids))
            assert len(engine.requests) <= 5
        read = [step for step in reading.steps if step.status is VerdictStatus.READ]
        assert len(read) <= text.count(r"\boxed")
        for step in read:
            assert step.log_odds is not None
            last = re.split(r"\\boxed", step.critique)[-1]
            word = re.search("(in)?correct", last, re.I)
            assert word, step.critique
            assert (probability(step.log_odds) < 0.5) == bool(word[1])
