"""The docs say what is so: a current reference, commands that parse, real keys, whole links."""

from __future__ import annotations

import doctest
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml  # type: ignore[import-untyped]  # PyYAML ships no types

from search.aggregation import AGGREGATIONS, MissingRule
from search.selection import SELECTIONS
from treewright.arms.comparison import Comparison
from treewright.cli import app
from treewright.config.checks import check_told
from treewright.config.kinds import SECTIONS
from treewright.config.load import KEYS, load_config
from treewright.config.location import find_config
from treewright.config.reference import COMMAND, page
from treewright.ledger import Account
from treewright.sweeping.cell import load_cells
from treewright.verbs.checking import LISTED

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
LINKED = [*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"]
REFERENCE = ROOT / "docs/configs.md"
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PLACEHOLDER = re.compile(r"[A-Z_]+|.*….*")
"""RUN, CONFIG, runs/quickstart/…: what a reader fills in."""
WRITTEN_BY_A_STUDY = re.compile(r"benchmarks/\w+\.md")
"""Pages of hours of computing: they come with their numbers."""


def name(path: Path) -> str:
    """For the title of a test."""
    return path.relative_to(ROOT).as_posix()


# --- The reference --------------------------------------------------------------------------------


def test_the_reference_of_configs_is_current() -> None:
    current = REFERENCE.read_text("utf-8") == page()
    assert current, f"a field or its docstring has changed; run this one command: {COMMAND}"


def test_the_reference_has_every_key_of_every_kind() -> None:
    """Counted by hand: sections, kinds that derive from others, mappings in mappings."""
    text = REFERENCE.read_text("utf-8")
    for heading in ("## The file", "## `dataset`", "### `strategy`: `beam`", "### `policy.engine`"):
        assert heading in text
    assert text.count("| `max_num_seqs` |") == 1
    told = "of qwen, thinkprm, prm, orm and judge; structured has qwen's"
    assert text.count("| `model`\\* |") == 5, told


# --- Commands -------------------------------------------------------------------------------------


def commands(path: Path) -> list[str]:
    """What a reader is told to type: lines of code blocks, and code within a line."""
    text = path.read_text("utf-8")
    blocks = [
        block
        for language, block in FENCE.findall(text)
        if language in ("", "bash", "console", "sh")
    ]
    lines = [
        re.split("  +", line.strip())[0].removeprefix("$ ")  # what follows is a remark
        for block in blocks
        for line in block.splitlines()
    ]
    found = [*lines, *CODE.findall(FENCE.sub("", text))]
    return [line for line in found if re.match(r"(treewright|make|python -m) ", line)]


def commands_of_a_config(path: Path) -> Iterator[str]:
    """Those of its comments that change keys; test_configs.py loads each as it is."""
    for line in path.read_text("utf-8").splitlines():
        if found := re.match(r"#\s+(treewright .*=.*)", line):
            yield re.split("  +", found[1])[0]


CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
COMMANDS = [
    *((name(path), command) for path in PAGES for command in commands(path)),
    *((name(path), command) for path in CONFIGS for command in commands_of_a_config(path)),
]


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) >= 20
    assert ("README.md", "treewright ls presets") in COMMANDS
    assert (
        "configs/quickstart.yaml",
        "treewright run quickstart --limit 8 strategy.n=4",
    ) in COMMANDS


READERS = ("compare", "export", "report", "resume", "score", "tree", "view")
"""Verbs whose first words are runs."""


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_a_command_of_the_docs_is_one(
    page: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder with the configs that the page shows, and a folder for each run that is meant."""
    monkeypatch.chdir(tmp_path)
    for file, text in shown_files(ROOT / page):
        Path(file).write_text(text, "utf-8")
    tool, *words = shlex.split(command, comments=True)
    if tool == "make":
        assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    elif tool == "python":
        assert find_spec(words[1]) is not None
    else:
        for word in words[1:] if words[0] in READERS else ():
            if not word.startswith("-"):
                Path(word).mkdir(parents=True, exist_ok=True)
        check(*words)


def shown_files(path: Path) -> Iterator[tuple[str, str]]:
    """The configs of a page, by the name that their first line gives; not those of custom parts."""
    for language, block in FENCE.findall(path.read_text("utf-8")):
        named = re.match(r"# (\S+\.yaml)\n", block)
        if language == "yaml" and named:
            yield named[1], block


def check(verb: str, *arguments: str) -> None:
    """Raise for what `treewright` refuses before it looks at any run."""
    group: Any = typer.main.get_command(app)
    assert verb in group.commands, f"no such verb: {verb}"
    if not arguments:
        return  # a sentence that speaks of the verb
    said = group.commands[verb].make_context(verb, list(arguments)).params
    if verb == "ls":
        assert said["what"] in LISTED
    if verb == "score":
        check_told(names(said["aggregate"]), names(said["select"]) or None, said["missing"])
    if said.get("config"):
        check_config(said["config"], said["overrides"] or [], sweep=verb == "sweep")


def check_config(config: str, overrides: list[str], *, sweep: bool) -> None:
    """Load it, but for what a reader fills in, and custom parts: test_custom.py runs those."""
    if any(map(PLACEHOLDER.fullmatch, (config, *overrides))):
        return
    text = find_config(config).read_text("utf-8")
    if "my_" in text + " ".join(overrides):
        return
    if sweep:
        load_cells(config, overrides)
    else:
        load_config(config, overrides)


def names(listed: str | None) -> list[str]:
    """Of an option, but what a reader fills in."""
    said = listed.split(",") if listed else []
    return [name for name in said if not PLACEHOLDER.fullmatch(name)]


# --- Keys in YAML ---------------------------------------------------------------------------------


def shown(path: Path) -> Iterator[list[tuple[str, Any]]]:
    """What the page's YAML says, block by block; one by one where a block has alternatives."""
    for language, block in FENCE.findall(path.read_text("utf-8")):
        if language == "yaml":
            texts = re.split(r"^(?=[a-z_]+:)", block, flags=re.MULTILINE)
            said = [pair for text in texts for pair in (yaml.safe_load(text) or {}).items()]
            alternatives = len({key for key, _ in said}) < len(said)
            yield from ([[pair] for pair in said] if alternatives else [said])


SHOWN = [(name(path), said) for path in PAGES if path != REFERENCE for said in shown(path)]


@pytest.mark.parametrize(("page", "said"), SHOWN)
def test_keys_that_the_docs_show_are_keys(page: str, said: list[tuple[str, Any]]) -> None:
    """Loaded over the quickstart, but for parts that the page itself defines."""
    for key, _ in said:
        assert key in (*KEYS, "extends", "sweep"), page
    load_config("quickstart", [each for key, value in said for each in overrides(key, value)])


def overrides(key: str, value: Any) -> list[str]:
    """A key as a command line says it."""
    if key not in KEYS or "my_" in json.dumps(value):
        return []
    if key in SECTIONS:
        return [f"{key}.{name}={told(value[name])}" for name in value]
    return [f"{key}={told(value)}"]


def told(value: Any) -> str:
    """A text as it is, all else in YAML."""
    return value if isinstance(value, str) else json.dumps(value)


# --- Links ----------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """Where GitHub puts the headings of a page."""
    seen: Counter[str] = Counter()
    found = set()
    for title in re.findall(r"^#+ (.*)", FENCE.sub("", path.read_text("utf-8")), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", LINK.sub("", title).lower()).strip().replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def links(path: Path) -> list[str]:
    """To other places of the repository."""
    text = CODE.sub("", FENCE.sub("", path.read_text("utf-8")))
    return [target for target in LINK.findall(text) if "://" not in target]


@pytest.mark.parametrize("path", LINKED, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in links(path):
        file, _, anchor = target.partition("#")
        if WRITTEN_BY_A_STUDY.fullmatch(file):
            continue
        led = (path.parent / file).resolve() if file else path
        assert led.exists(), f"{target}: no such file"
        assert led.is_relative_to(ROOT), f"{target} lies outside"
        assert not anchor or anchor in anchors(led), f"{target}: no such heading"


def test_the_index_has_every_page() -> None:
    index = ROOT / "docs/README.md"
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {index.name}
    assert not pages - set(links(index)), "give each a line in docs/README.md"


# --- Metrics --------------------------------------------------------------------------------------

METRICS = ROOT / "docs/metrics.md"


def test_the_examples_of_the_metrics_are_right() -> None:
    (block,) = (text for language, text in FENCE.findall(METRICS.read_text("utf-8")) if language)
    examples = doctest.DocTestParser().get_doctest(block, {}, METRICS.name, None, None)
    failed, tried = doctest.DocTestRunner().run(examples)
    assert tried >= 6
    assert not failed


def test_the_metrics_have_every_aggregation_with_its_number() -> None:
    text = METRICS.read_text("utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \| .*? \| (\d[\d.]*) \|", text, re.MULTILINE))
    assert set(told) == set(AGGREGATIONS)
    for known, number in told.items():
        assert AGGREGATIONS[known].reduce([0.9, 0.5, 0.8]) == pytest.approx(float(number), abs=5e-4)


def test_the_metrics_have_every_selection_count_and_figure() -> None:
    figures = [
        f.name
        for kind in (Account, Comparison)
        for f in fields(kind)
        if f.name not in ("ours", "theirs", "problems", "undecided")
    ]
    text = METRICS.read_text("utf-8")
    lacking = [word for word in (*SELECTIONS, *MissingRule, *figures) if f"`{word}`" not in text]
    assert not lacking
