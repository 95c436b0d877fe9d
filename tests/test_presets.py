"""Presets: golden trees worked out by hand, which pin every rule, and the page about them."""

import asyncio
import pickle
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from scorers.scripted import ScriptedScorer, ScriptedScorerConfig
from search.core import (
    Candidate,
    Judgement,
    Missing,
    Prefix,
    Problem,
    Result,
    Spending,
    Step,
    StepVerdict,
    StopReason,
    VerdictStatus,
)
from search.driver import Searched, drive
from search.memory import DictMemory
from search.questions import (
    Clock,
    Extend,
    Extended,
    Flow,
    Fork,
    Forked,
    Grow,
    Grown,
    Judge,
    Judged,
    Question,
    Reply,
    Strategy,
    Until,
)
from search.strategies import strategy_class
from search.strategies.beam import Beam
from search.strategies.beam_rules import RULES
from search.strategies.dvts import Siblings
from search.strategies.presets import PRESETS, make
from search.strategies.rebase import ALLOCATIONS

PROBLEM = Problem("p", "1 + 2?")
ROOT = Path(__file__).parents[1]
STOPS = {"!": StopReason.EOS, "~": StopReason.LENGTH, "": StopReason.STEP_END}
COMMON = {"missing", "budget", "seed"}
"""Fields that belong to a run, not to a system."""


@dataclass
class Tree:
    """Answers questions from a tree that is written down as `{id: ("70!", "its words")}`.

    A path's words are its id where none are written; what is not written down is `1!`. `20>99!` is
    `20` as a step and `99!` when it is drawn to the end. The verdict of a step is that of the
    prefix which it ended.
    """

    nodes: Callable[[str], tuple[str, str]]
    told: dict[str, str] = field(default_factory=dict)
    judged: set[str] = field(default_factory=set)
    levels: list[int] = field(default_factory=list)

    def play(self, flow: Flow) -> Result:
        reply: Reply | None = None
        while True:
            try:
                question = flow.send(reply)
            except StopIteration as stop:
                result: Result = stop.value
                return result
            reply = self.answer(question)

    def answer(self, question: Question) -> Reply:
        spent = Spending()
        match question:
            case Extend():
                return Extended(self.rows(question.paths, question), spent)
            case Judge():
                return Judged(tuple(map(self.judge, question.paths)), spent)
            case Grow():
                rows = self.rows(question.paths, question)
                return Grown(rows, tuple(tuple(map(self.judge, row)) for row in rows), spent)
            case Fork():
                return Forked(tuple(map(self.play, question.flows)), spent)
            case Clock():
                raise AssertionError("a search without a budget of time looked at the clock")

    def rows(
        self, paths: tuple[Prefix, ...], question: Extend | Grow
    ) -> tuple[tuple[Prefix, ...], ...]:
        to_end = isinstance(question, Extend) and question.until is Until.END
        children = range(question.first, question.first + question.n)
        return tuple(tuple(self.draw(path, child, to_end) for child in children) for path in paths)

    def draw(self, path: Prefix, child: int, to_end: bool) -> Prefix:
        assert not path.stopped, f"{path.id} cannot be extended"
        place = "/".join(map(str, (*path.place, child)))
        assert place not in self.told, f"{place} is drawn twice"
        said, words = self.nodes(place)
        step, _, end = said.partition(">")
        ends = end or (step if step[-1] in STOPS else f"{step}!")
        self.told[place] = said if to_end and end else ends if to_end else step
        self.levels += [0] * (len(path.place) + 1 - len(self.levels))
        self.levels[len(path.place)] += 1
        stop = STOPS[(ends if to_end else step).lstrip("0123456789?")]
        return path.grow(child, [Step(f"{words}\n", (1,), stop)])

    def probability(self, place: tuple[int, ...]) -> float | None:
        told = self.told["/".join(map(str, place))].rpartition(">")[2].rstrip("!~")
        return None if told == "?" else int(told) / 100

    def judge(self, path: Prefix) -> Judgement:
        self.judged.add(path.id)
        steps = [self.probability(path.place[: end + 1]) for end in range(len(path.place))]
        *_, last = steps
        if last is None:
            return Judgement.missing("unreadable")
        missing, read = VerdictStatus.MISSING, VerdictStatus.READ
        verdicts = (StepVerdict(one, missing if one is None else read) for one in steps)
        return Judgement(tuple(verdicts), last)


@dataclass(frozen=True)
class Golden:
    """A search as it is written down: what is drawn, in order, and what becomes of each path."""

    preset: str
    title: str
    sizes: dict[str, Any]
    ends: str | None
    rows: tuple[tuple[str, str, str], ...]
    words: dict[str, str]

    @property
    def strategy(self) -> Any:
        return make(self.preset, **self.sizes)

    def nodes(self, path_id: str) -> tuple[str, str]:
        told = {place: said for place, said, _ in self.rows}
        return told.get(path_id, "1!"), self.words.get(path_id, path_id)

    def outcome(self, strategy: Any) -> tuple[str | None, tuple[tuple[str, str, str], ...]]:
        """The same, as `strategy` searches the tree."""
        tree = Tree(self.nodes)
        result = tree.play(strategy(PROBLEM))
        fates = dict(fates_of(result, strategy.steering.score))
        rows = (
            (place, said if place in tree.judged else "unjudged", fates.pop(place, "lost"))
            for place, said in tree.told.items()
        )
        found = (str(result.exhausted) if result.exhausted else None, tuple(rows))
        assert not fates, f"never drawn: {fates}"
        return found


def fates_of(result: Result, score: Callable[[Candidate], Any]) -> Iterator[tuple[str, str]]:
    """What became of each path; of several fates the last, so candidates before their ancestors."""
    places = [candidate.path.place for candidate in result.candidates]
    for place in places:
        yield from (("/".join(map(str, place[:end])), "kept") for end in range(1, len(place)))
    for given_up in result.pruned:
        yield given_up.path_id, given_up.reason
    for number, candidate in enumerate(result.candidates, start=1):
        scored = score(candidate)
        shown = "none" if isinstance(scored, Missing) else f"{scored:.4f}"
        yield candidate.path.id, f"candidate {number}: {shown}"


def read(preset: str) -> list[Golden]:
    """The golden trees of a preset, in the notation that each file explains."""
    text = (ROOT / f"tests/golden/presets/{preset}.txt").read_text("utf-8")
    lines = "\n".join(line for line in text.splitlines() if line and not line.startswith("#"))
    return [golden(preset, block.splitlines()) for block in lines.split("tree: ")[1:]]


def golden(preset: str, lines: list[str]) -> Golden:
    title, *rest = lines
    head = dict(line.split(": ", 1) for line in rest if line.startswith(("sizes: ", "ends: ")))
    sizes = dict(pair.split("=") for pair in head["sizes"].split())
    cells = [re.split(r" {2,}", line.strip(), maxsplit=3) for line in rest if line[0].isdigit()]
    return Golden(
        preset,
        title,
        {name: float(size) if "." in size else int(size) for name, size in sizes.items()},
        head.get("ends"),
        tuple((place, said, exact(fate)) for place, said, fate, *_ in cells),
        {place: words[0].strip('"') for place, _, _, *words in cells if words},
    )


def exact(fate: str) -> str:
    """The same fate, a score in it with four decimals."""
    return re.sub(r"(?<=: )\d\.\d+", lambda found: f"{float(found[0]):.4f}", fate)


GOLDEN = {name: read(name) for name in PRESETS}


@pytest.mark.parametrize(
    "golden",
    [
        pytest.param(one, id=f"{name}: {one.title}")
        for name, trees in GOLDEN.items()
        for one in trees
    ],
)
def test_a_tree_worked_out_by_hand(golden: Golden) -> None:
    assert golden.outcome(golden.strategy) == (golden.ends, golden.rows)


def test_each_golden_file_is_a_preset_s() -> None:
    assert {file.stem for file in (ROOT / "tests/golden/presets").iterdir()} == set(PRESETS)


LEGAL: dict[str, tuple[Any, ...]] = {
    **{name: get_args(choices) for name, choices in RULES.items()},
    "siblings": get_args(Siblings),
    "allocation": tuple(ALLOCATIONS),
    "lookahead": (0, 1, 2),
    "score_every": (1, 2),
}
CHANGES = [
    (name, rule, value)
    for name, preset in PRESETS.items()
    for rule, pinned in preset.rules.items()
    for value in LEGAL[rule]
    if value != pinned
]
REFUSED = {
    ("snell", "slots", "shrink"),
    ("its_hub", "slots", "shrink"),
    ("openr", "finish", "compete"),
    ("compute_optimal_tts", "finish", "compete"),
}
"""Beam itself refuses these beside the other rules, and there is no third value to change to."""
SAME_SEARCH = {("openr", "final", "first"), ("compute_optimal_tts", "final", "first")}
"""No more than N / M finished paths win a slot: `all` of them are the `first` N (a law below)."""


def changed(golden: Golden, rule: str, value: Any) -> Any:
    """The preset with one rule changed; None where the strategy refuses it."""
    try:
        return replace(golden.strategy, **{rule: value})
    except ValueError:
        return None


@pytest.mark.parametrize(
    ("name", "rule", "value"), [change for change in CHANGES if change not in SAME_SEARCH | REFUSED]
)
def test_changing_any_rule_breaks_a_golden_tree(name: str, rule: str, value: Any) -> None:
    strategies = [(golden, changed(golden, rule, value)) for golden in GOLDEN[name]]
    assert any(
        golden.outcome(strategy) != (golden.ends, golden.rows)
        for golden, strategy in strategies
        if strategy is not None
    )


def test_what_is_refused_is_listed_and_every_rule_has_another_value_or_is_listed() -> None:
    refused = {
        (name, rule, value)
        for name, rule, value in CHANGES
        if all(changed(golden, rule, value) is None for golden in GOLDEN[name])
    }
    assert refused == REFUSED
    for name, rule, _ in REFUSED:
        assert [change for change in CHANGES if change[:2] == (name, rule)] == [
            change for change in REFUSED if change[:2] == (name, rule)
        ]


def sprouting(seed: int) -> Callable[[str], tuple[str, str]]:
    """A tree in which anything may happen anywhere."""

    def node(path_id: str) -> tuple[str, str]:
        rng = random.Random(f"{seed}:{path_id}")
        score = rng.choice(["?", *map(str, range(0, 101, 10))])
        return f"{score}{rng.choice(['', '', '!', '~'])}", rng.choice("abcdef")

    return node


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["openr", "compute_optimal_tts"]), st.integers(1, 3), st.integers(0, 9999))
def test_where_slots_shrink_the_first_n_to_finish_are_all(
    name: str, children: int, seed: int
) -> None:
    strategy: Any = make(name, paths=3 * children, children=children, depth=4)
    everything = Tree(sprouting(seed)).play(strategy(PROBLEM))
    assert Tree(sprouting(seed)).play(replace(strategy, final="first")(PROBLEM)) == everything


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_something_of_every_field(name: str) -> None:
    preset, strategy = PRESETS[name], strategy_class(PRESETS[name].kind)
    said = {*preset.rules, *preset.sizes}
    sizes = {"paths", "children", "width", "depth", "temperature", "aggregate"}
    known = {one.name for one in fields(strategy)}  # type: ignore[arg-type]  # all are dataclasses
    assert known - COMMON - {"width"} <= said <= known
    assert set(preset.sizes) <= sizes
    assert not set(preset.rules) & sizes


def test_make_takes_sizes_and_repeated_rules() -> None:
    assert make("snell", paths=8, children=2, refill="none") == Beam(
        8, 2, finish="compete", refill="none", dedup="none"
    )


@pytest.mark.parametrize(
    ("name", "given_fields", "message"),
    [
        ("snel", {}, "preset: 'snel' is none; did you mean 'snell'"),
        ("beams", {}, "preset: 'beams' is none; .*choose from snell, search_and_learn"),
        (
            "search_and_learn",
            {"refill": "even"},
            "refill: 'even' contradicts preset search_and_learn, whose rule is 'cyclic'; "
            "nearest 'cyclic'",
        ),
        ("openr", {"dedup": "open"}, "dedup: 'open' contradicts preset openr, whose rule is 'all'"),
        ("snell", {"path": 8}, "path: beam has no such field; did you mean 'paths'"),
        ("snell", {"paths": 10}, "paths: 10 must be a multiple of children .*nearest 8"),
    ],
)
def test_what_a_preset_does_not_allow_is_refused(
    name: str, given_fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make(name, **given_fields)


def test_a_last_level_that_is_drawn_to_the_end_leaves_nothing_open() -> None:
    """All first steps go on; at depth 1 the only level is the last."""
    nodes = {"0": ("60>70!", "0"), "1": ("50>40!", "1")}
    ended = make("search_and_learn", paths=2, children=2, depth=1)
    result = Tree(nodes.__getitem__).play(ended(PROBLEM))
    assert [candidate.path.finished for candidate in result.candidates] == [True, True]
    assert result.exhausted is None


def search(strategy: Strategy, memory: DictMemory) -> Searched:
    policy = ScriptedPolicy(ScriptedPolicyConfig(steps=4))
    scorer = ScriptedScorer(ScriptedScorerConfig())
    return asyncio.run(drive(strategy(PROBLEM), policy, scorer, memory, 0))


@pytest.mark.parametrize("name", PRESETS)
def test_a_search_killed_anywhere_resumes_to_the_same_tree(name: str) -> None:
    """The depth is too small for some paths, so that the last level is drawn by its rule."""
    small = {"depth": 3} | ({} if PRESETS[name].kind == "rebase" else {"paths": 4, "children": 2})
    strategy = make(name, **small)
    whole = DictMemory()
    live = search(strategy, whole)
    for kept in range(0, len(whole.replies), 5):
        assert search(strategy, DictMemory(dict(list(whole.replies.items())[:kept]))) == live


@pytest.mark.parametrize("name", PRESETS)
def test_what_make_gives_pickles(name: str) -> None:
    assert pickle.loads(pickle.dumps(make(name))) == make(name)


PAGE = (ROOT / "docs/presets.md").read_text("utf-8")


def tables() -> list[list[list[str]]]:
    """The cells of each table of the page, without the line of dashes."""
    blocks = re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        for block in blocks
    ]


def plain(value: Any) -> str:
    """A value as the page writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_the_page_tells_every_rule_and_size_as_it_is() -> None:
    told: dict[str, dict[str, str]] = {}
    for header, _, *rows in tables():
        if header[0] == "rule":
            for row in rows:
                name = re.findall("`(.+?)`", row[0])[0]
                for preset, cell in zip(header[1:], row[1:], strict=True):
                    told.setdefault(preset.strip("`"), {})[name] = cell
    assert told == {
        name: {rule: plain(value) for rule, value in {**preset.rules, **preset.sizes}.items()}
        for name, preset in PRESETS.items()
    }


def test_the_page_names_every_source() -> None:
    (sources,) = [rows for header, _, *rows in tables() if header == ["preset", "source"]]
    assert {name.strip("`"): source for name, source in sources} == {
        name: preset.source for name, preset in PRESETS.items()
    }


def falling(path_id: str) -> tuple[str, str]:
    """Earlier paths are better; the best of level 2 has finished, all others go on."""
    *_, number = places = [int(part) for part in path_id.split("/")]
    return f"{99 - number - sum(places)}{'!' if path_id == '0/0' else ''}", path_id


def test_the_page_counts_the_steps_of_width_four_as_they_are_drawn() -> None:
    (rows,) = [rows for header, _, *rows in tables() if "slots" in header]
    assert {row[0].strip("`") for row in rows} == {
        name for name, preset in PRESETS.items() if preset.kind == "beam"
    }
    for name, _, words, slots, *levels in rows:
        sizes = {key: int(size) for key, size in re.findall(r"(\w+): (\d+)", words)}
        beam: Any = make(name.strip("`"), depth=4, **sizes)
        tree = Tree(falling)
        tree.play(beam(PROBLEM))
        assert [beam.keep, *[*tree.levels, 0][:3]] == [int(slots), *map(int, levels)], name
