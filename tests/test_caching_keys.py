"""A key of the cache holds all that can change a reply: of the part, of the call, of the code."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from engines.vllm_config import VllmConfig
from search.core import (
    ChainStart,
    ChainVote,
    Feedback,
    Judgement,
    Missing,
    Origin,
    Prefix,
    Problem,
    Step,
    StepVerdict,
    StopReason,
    Sureness,
    Turn,
    VerdictStatus,
)
from search.ports import Earlier, Further, PolicyCall, ScorerCall
from search.questions import Until
from treewright.caching import identity as identities
from treewright.caching.identity import asked, identity
from treewright.caching.keys import reply_key, with_seed
from treewright.caching.opening import uncached
from treewright.caching.store import StoredPart
from treewright.config.config import Config
from treewright.config.fingerprint import WHOLE_FILE, fingerprint
from written_configs import BASE, QWEN, Load

FASTER = {
    *("device", "max_num_seqs", "max_num_batched_tokens", "memory_gib", "block_size"),
    *("gpu_memory_utilization", "tensor_parallel_size", "enforce_eager", "threads"),
    "pipeline_parallel_size",
}
"""Reviewed: how fast an engine is. They change an output by its batch effects at most, as they do
in a run that is resumed. Which of `auto` a device is, is told by the version that is installed."""
WAKES = "timing.wake_seconds"
"""Reviewed: how long a double takes to wake."""
REVIEWED = {
    section: {"cache", "engine.kind", WAKES, *(f"engine.{name}" for name in FASTER)}
    for section in ("policy", "scorer")
}
"""Keys that a cache need not tell apart; an engine's kind shows in the keys that it has."""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Two checkpoints, `a` and `b`."""
    for name in "ab":
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        (folder / "tokenizer.json").write_text(f'"{name}"')
    return tmp_path


PARTS = [
    *(("policy", kind) for kind in ("scripted", "simulated", "qwen", "structured")),
    *(("scorer", kind) for kind in ("scripted", "simulated", "thinkprm")),
]


def config_of(load: Load, models: Path, section: str, kind: str, cache: str = "run") -> Config:
    own = f"{{kind: {kind}, cache: {cache}"
    own += f", model: {models / 'a'}" if kind in ("qwen", "structured", "thinkprm") else ""
    text = BASE.replace(f"{section}: {{kind: scripted", f"{section}: {own}")
    config: Config = load(text)
    return config


def part_of(config: Config, section: str) -> StoredPart:
    found = identity(config, section)
    assert isinstance(found, StoredPart)
    return found


def changes(part: Any, models: Path, above: str = "") -> Iterator[tuple[str, Any]]:
    """Each key of a part, and the part with another value there, allowed or not."""
    for f in fields(part):
        value, name = getattr(part, f.name), above + f.name
        if is_dataclass(value):
            inner = changes(value, models, f"{name}.")
            yield from ((key, changed(part, f.name, other)) for key, other in inner)
        else:
            yield name, changed(part, f.name, another(value, models, f.name))


def changed(part: Any, name: str, value: object) -> Any:
    made = copy.copy(part)
    object.__setattr__(made, name, value)
    return made


def another(value: Any, models: Path, name: str) -> object:
    if name in ("model", "lora"):
        return str(models / "b")
    if isinstance(value, bool):
        return not value
    if isinstance(value, dict):
        return {"seed": 1}
    if isinstance(value, list | tuple):
        return [*value, "other"]
    if isinstance(value, str):
        return f"{value}?"
    return 7 if value != 7 else 8


@pytest.mark.parametrize(("section", "kind"), PARTS)
def test_every_key_of_a_part_tells_its_replies_from_others_or_was_reviewed(
    load: Load, models: Path, section: str, kind: str
) -> None:
    """A key that is new fails here, until it counts or somebody says why it need not."""
    config = config_of(load, models, section, kind)
    before, same = part_of(config, section), set()
    for key, part in changes(getattr(config, section), models):
        other = replace(config, **{section: part})
        if part_of(other, section).identity == before.identity:
            same.add(key)
    assert same <= REVIEWED[section], "they change no key of the cache"
    assert "cache" in same


def test_the_reviewed_keys_of_an_engine_are_those_that_no_fingerprint_has() -> None:
    assert VllmConfig.uncounted - {"kind", "extra"} == FASTER


@pytest.mark.parametrize(("section", "kind"), PARTS)
def test_a_cache_changes_no_fingerprint(load: Load, models: Path, section: str, kind: str) -> None:
    """A run is the same with it and without: what it had is booked as what it cost when made."""
    off, on = (config_of(load, models, section, kind, cache) for cache in ("off", "shared"))
    assert fingerprint(off, "d") == fingerprint(on, "d")
    assert asked(off) == []
    assert asked(on) == [section]


def test_a_model_counts_by_its_content_and_a_large_file_by_its_last_change_too(
    load: Load, models: Path
) -> None:
    """Of a large file the fingerprint reads both ends: what was trained may lie between."""
    config = config_of(load, models, "scorer", "thinkprm")
    small = part_of(config, "scorer")
    (models / "a" / "chat_template.jinja").write_text("another template")
    assert part_of(config, "scorer").identity != small.identity
    weights = models / "a" / "model.safetensors"
    size = WHOLE_FILE + 2**22
    weights.write_bytes(bytes(size))
    os.utime(weights, ns=(0, 1))
    before = part_of(config, "scorer")
    with weights.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"trained")
    assert part_of(config, "scorer").identity != before.identity


def test_the_code_counts(load: Load, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(load, models, "scorer", "thinkprm")
    before = part_of(config, "scorer")
    monkeypatch.setattr(identities, "code_digest", lambda section: "edited")
    assert part_of(config, "scorer").identity != before.identity


def test_what_nobody_can_know_is_not_cached(load: Load) -> None:
    """A name on the hub whose files may change; with its commit they may not."""
    config = load(QWEN, "scorer.cache=shared", "policy.cache=./here")
    assert len(uncached(config)) == 2
    assert uncached(config)[1] == (
        "scorer.cache: not used: launch/ThinkPRM-1.5B is a name whose files may change: say its "
        "commit, 40 hexadecimal digits, in scorer.engine.revision, or give its folder"
    )
    pinned = load(QWEN, "scorer.cache=shared", f"scorer.engine.revision={'ab' * 20}")
    assert uncached(pinned) == []
    adapted = (
        "scorer.cache=shared",
        f"scorer.engine.revision={'ab' * 20}",
        "scorer.engine.lora=a/b",
    )
    (told,) = uncached(load(QWEN, *adapted, "scorer.engine.lora_revision=main"))
    assert "a/b is a name whose files may change" in told
    assert "scorer.engine.lora_revision" in told
    assert uncached(load(QWEN, *adapted, f"scorer.engine.lora_revision={'cd' * 20}")) == []
    stranger = replace(load(BASE, "scorer.cache=./here"), untrusted=True)
    assert "--trust" in str(identity(stranger, "scorer"))
    assert isinstance(identity(replace(stranger, untrusted=False), "scorer"), StoredPart)


# --- Calls ----------------------------------------------------------------------------------------

PROBLEM = Problem("p1", "1 + 1?")
STEP = Step("Step 1: 2\n", (1, 2), StopReason.STEP_END, -0.5)
PATH = Prefix(PROBLEM, (STEP,), (0,))
VERDICT = StepVerdict(0.9, VerdictStatus.READ, "fine")
JUDGED = Judgement((VERDICT,), 0.8, 1, Origin.WHOLE, (ChainStart((5, 6), ((1, 0.3),)),))
EARLIER = Earlier(PATH, JUDGED)
LONGER = Prefix(PROBLEM, (STEP, STEP), (0, 0))
JUDGE = ScorerCall(LONGER, 3, "prefix cache", EARLIER)
DRAW = PolicyCall(PATH, 2, Until.STEP, 4, False, Feedback(PATH, JUDGED), "prefix cache")

Change = Callable[[Any], Any]


def in_path(change: Change) -> Change:
    return lambda call: replace(call, path=change(call.path))


def in_step(**said: Any) -> Change:
    return in_path(lambda path: replace(path, steps=(*path.steps[:-1], replace(STEP, **said))))


def in_problem(**said: Any) -> Change:
    return in_path(lambda path: replace(path, problem=replace(PROBLEM, **said)))


def judged(**said: Any) -> Change:
    """In the judgement that a call goes on from, or that the policy is shown."""
    other = replace(JUDGED, **said)

    def change(call: Any) -> Any:
        if isinstance(call, ScorerCall):
            return replace(call, earlier=Earlier(PATH, other))
        return replace(call, feedback=Feedback(PATH, other))

    return change


WHERE = {"problem.id", "path.place", "step.logprob", "step.sureness", "child"}
"""Reviewed: a part of ours whose replies are kept looks at none of these; one of somebody's own
may. (Scorer `confidence` looks at the last but one, and says that it is not repeatable.)"""
NEITHER = {"cache"}
"""Reviewed: what names the prefix cache changes what a reply costs, not what it says."""
CHANGES: dict[str, Change] = {
    "problem.id": in_problem(id="p2"),
    "problem.question": in_problem(question="1 + 2?"),
    "problem.history": in_problem(history=(Turn("user", "Hi"),)),
    "path.place": in_path(lambda path: replace(path, place=(7,))),
    "path.steps": in_path(lambda path: replace(path, steps=(*path.steps, STEP))),
    "step.text": in_step(text="Step 1: 3\n"),
    "step.token_ids": in_step(token_ids=(1, 3)),
    "step.stop": in_step(stop=StopReason.EOS),
    "step.logprob": in_step(logprob=-0.25),
    "step.sureness": in_step(sureness=(Sureness(2, -0.25, 6.0, 1.0),)),
    "judgement.verdicts": judged(verdicts=(replace(VERDICT, critique="good"),)),
    "judgement.prefix": judged(prefix=Missing("unread")),
    "judgement.chains": judged(chains=2),
    "judgement.origin": judged(origin=Origin.INCREMENTAL),
    "judgement.starts": judged(starts=(ChainStart((5, 7), ((1, 0.3),)),)),
    "start.shown": judged(starts=(ChainStart((5, 6), ((1, 0.3),), 1),)),
    "start.given": judged(starts=(ChainStart((5, 6), ((1, 0.3),), given=((0, 1),)),)),
    "judgement.votes": judged(votes=(ChainVote((0.1,), 0.2),)),
    "cache": lambda call: replace(call, cache="another"),
}
JUDGING: dict[str, Change] = {
    "earlier": lambda call: replace(call, earlier=None),
    "further": lambda call: replace(call, further=Further(2, JUDGED)),
    "earlier.path": lambda call: replace(call, earlier=Earlier(LONGER, JUDGED)),
}
DRAWING: dict[str, Change] = {
    "child": lambda call: replace(call, child=3),
    "until": lambda call: replace(call, until=Until.END),
    "greedy": lambda call: replace(call, greedy=True),
    "feedback": lambda call: replace(call, feedback=None),
    "feedback.attempt": lambda call: replace(call, feedback=Feedback(LONGER, JUDGED)),
}
CALLS: list[tuple[PolicyCall | ScorerCall, dict[str, Change]]] = [
    (JUDGE, {**CHANGES, **JUDGING}),
    (DRAW, {**CHANGES, **DRAWING}),
]
OURS = StoredPart("id", "scorer", "thinkprm", "m")
THEIRS = StoredPart("id", "scorer", "my_module:Mine", "m")


@pytest.mark.parametrize("of", [OURS, THEIRS], ids=["ours", "theirs"])
@pytest.mark.parametrize(("call", "told"), CALLS, ids=["judging", "drawing"])
def test_all_of_a_call_is_in_its_key_or_was_reviewed(
    of: StoredPart, call: PolicyCall | ScorerCall, told: dict[str, Change]
) -> None:
    before = reply_key(of, call)
    same = {name for name, change in told.items() if reply_key(of, change(call)) == before}
    assert same == NEITHER | (WHERE & told.keys() if of is OURS else set())
    assert reply_key(replace(of, identity="other"), call) != before


def test_no_field_of_a_call_is_forgotten() -> None:
    """A field that is new fails here, until it has an entry above, or is made of others."""
    known = {
        Problem: {"id", "question", "history"},
        Prefix: {"problem", "steps", "place"},
        Step: {"text", "token_ids", "stop", "logprob", "sureness"},
        Judgement: {"verdicts", "prefix", "chains", "origin", "starts", "votes"},
        ChainStart: {"token_ids", "odds", "shown", "given"},
        Earlier: {"path", "judgement"},
        Feedback: {"attempt", "judgement"},
        ScorerCall: {"path", "seed", "cache", "earlier", "further"},
        PolicyCall: {"path", "child", "until", "seed", "greedy", "feedback", "cache"},
    }
    for noun, names in known.items():
        assert {f.name for f in fields(noun) if f.init} == names, noun


@pytest.mark.parametrize("call", [JUDGE, DRAW], ids=["judging", "drawing"])
def test_the_seed_is_in_the_key_of_what_was_sampled_only(call: PolicyCall | ScorerCall) -> None:
    other = replace(call, seed=call.seed + 1)
    assert (key := reply_key(OURS, call)) == reply_key(OURS, other)
    assert len({key, *(with_seed(key, each.seed) for each in (call, other))}) == 3
