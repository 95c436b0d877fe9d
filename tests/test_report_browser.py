"""The report in a real Chromium: hostile text is shown and never run, and the trees are at hand."""

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from benchmarks.datasets import load_dataset
from benchmarks.grading import open_grader
from browsers import chromium_program
from hostile_texts import HOSTILE
from search.core import (
    Judgement,
    Prefix,
    Spent,
    Step,
    StepVerdict,
    StopReason,
    VerdictStatus,
)
from search.ports import Failure, Policy, PolicyCall, PolicyReply, Scorer, ScorerCall, ScorerReply
from treewright.config.config import Config
from treewright.config.load import load_config
from treewright.journal.journal import Journal
from treewright.report.escaping import visible
from treewright.report.page import render
from treewright.report.report import measured
from treewright.running.controller import Controller, Grading
from treewright.running.job import Job
from treewright.running.memory import JournalMemory

NAME = "<img src=x onerror=pwned()>.jsonl"
CONFIG = """
name: hostile
dataset: {path: "<img src=x onerror=pwned()>.jsonl"}
python_path: ["</pre><script>pwned()</script>"]
policy: {kind: scripted}
scorer: {kind: scripted}
strategy: {kind: best_of_n, n: 3}
cluster: {backend: inline}
grading: {kind: exact}
"""


@dataclass(frozen=True)
class Saying(Policy, Scorer):
    """A policy and a scorer that say what they are told to: the text hidden in the problem's id."""

    texts: dict[str, str]
    steps: int = 2

    async def extend(self, batch: Sequence[PolicyCall]) -> list[PolicyReply | Failure]:
        """Solutions of hostile steps."""
        return [PolicyReply(self._child(call), Spent(1, 9, 0, 9)) for call in batch]

    async def judge(self, batch: Sequence[ScorerCall]) -> list[ScorerReply | Failure]:
        """Hostile critiques."""
        return [ScorerReply(self._judged(call.path), Spent(1, 9, 0, 9)) for call in batch]

    def _child(self, call: PolicyCall) -> Prefix:
        text = self.texts[call.path.problem.id]
        last = self.steps - 1
        steps = [
            Step(
                f"{text} ({call.child}.{at})" + rf" \boxed{{{text}}}" * (at == last),
                (call.child, at),
                StopReason.EOS if at == last else StopReason.STEP_END,
            )
            for at in range(self.steps)
        ]
        return call.path.grow(call.child, steps)

    def _judged(self, path: Prefix) -> Judgement:
        text = self.texts[path.problem.id]
        cut = r"\boxed{incorrect"  # where generation stops at the word
        critique = rf"{text} so it is \boxed{{correct}} and not \boxed{{incorrect}}, {cut}"
        verdict = StepVerdict(0.75, VerdictStatus.READ, critique)
        return Judgement((verdict,) * len(path.steps), 0.5, chains=1)


async def solve(config: Config, saying: Saying) -> Path:
    """A finished run whose replies are the saying's."""
    dataset = load_dataset(config.dataset)
    folder = Job.of(config, dataset).begun().run
    with Journal.open(folder.journal) as journal:
        async with open_grader(config.grading) as grader:
            controller = Controller(
                strategy=config.strategy,
                policy=saying,
                scorer=saying,
                memory=JournalMemory(journal, lambda spent: None),
                journal=journal,
                grading=Grading(config.grading, grader, journal),
                seed=config.seed,
                on_done=lambda item: None,
            )
            await controller.search_all(dataset.samples, 8, asyncio.Event())
    return folder.path


def made(folder: Path, texts: Sequence[str], changes: Sequence[str] = (), steps: int = 2) -> str:
    """The page of a run over one problem per text; each text is everywhere it can be."""
    folder.joinpath("config.yaml").write_text(CONFIG)
    ids = [f"{at}/{text[:80].encode('utf-8', 'replace').decode()}" for at, text in enumerate(texts)]
    rows = [
        {"id": id, "problem": f"{text.encode('utf-8', 'replace').decode()} {at}?", "answer": text}
        for at, (id, text) in enumerate(zip(ids, texts, strict=True))
    ]
    lines = [json.dumps({**row, "answer": "x"}) for row in rows]
    folder.joinpath(NAME).write_text("\n".join(lines))
    config = load_config(folder / "config.yaml", list(changes))
    loaded = [sample.problem.id for sample in load_dataset(config.dataset).samples]
    assert len(loaded) == len(texts)
    saying = Saying(dict(zip(loaded, texts, strict=True)), steps)
    with ThreadPoolExecutor(1) as apart:  # playwright has an event loop in this thread
        run = apart.submit(lambda: asyncio.run(solve(config, saying))).result()
        return apart.submit(lambda: render(asyncio.run(measured([run])))).result()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A real browser, or the reason why there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = chromium_program()
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass(frozen=True)
class Tab:
    """A page in the browser, with what it did that it should not."""

    page: Any
    sins: list[str]

    def opened(self, problem: int) -> None:
        """Open a problem's tree by a click and wait until it is there."""
        self.page.evaluate("document.getElementById('stage').removeAttribute('data-opened')")
        self.page.locator("#problems button").nth(problem).click()
        self.page.wait_for_selector("#stage[data-opened]")


def tab(browser: Any, file: Path, address: str = "", **how: Any) -> Tab:
    """Load a file and note every dialog, every request but the file itself, every error."""
    page, sins = browser.new_page(**how), list[str]()
    page.add_init_script("window.pwned = () => alert('pwned')")
    page.on("dialog", lambda dialog: dismissed(dialog, sins))
    page.on("request", lambda request: sins.append(request.url))
    page.on("pageerror", lambda error: sins.append(str(error)))
    page.on("console", lambda message: sins.append(message.text))
    page.goto(file.as_uri() + address)
    own = file.as_uri()
    sins[:] = [sin for sin in sins if sin.partition("#")[0] != own]
    return Tab(page, sins)


def dismissed(dialog: Any, sins: list[str]) -> None:
    """Note a dialog, and close it, or the page waits for ever."""
    sins.append(f"dialog {dialog.message}")
    dialog.dismiss()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run in which every text is an attack."""
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("TREEWRIGHT_RUNS", str(folder / "runs"))
        html = made(folder, HOSTILE)
    folder.joinpath("page.html").write_text(html, "utf-8")
    return folder / "page.html"


def test_there_are_more_than_forty_attacks() -> None:
    assert len(set(HOSTILE)) >= 40


def test_no_attack_runs_or_asks_for_anything(chromium: Any, hostile: Path) -> None:
    """Every problem is opened, every node of it shown with its critique."""
    here = tab(chromium, hostile)
    for number in range(len(HOSTILE)):
        here.opened(number)
        here.page.locator("#stage").press("c")
        assert here.page.locator("#node .step").count() == 2
    assert here.sins == []
    assert here.page.evaluate("document.querySelectorAll('#node img, #node script').length") == 0


def test_even_without_its_policy_the_page_runs_no_attack(
    chromium: Any, hostile: Path, tmp_path: Path
) -> None:
    """The policy is the second line of defence, not the first."""
    html, found = re.subn(r"<meta http-equiv[^>]*>", "", hostile.read_text("utf-8"))
    assert found == 1
    tmp_path.joinpath("bare.html").write_text(html, "utf-8")
    here = tab(chromium, tmp_path / "bare.html")
    for number in range(len(HOSTILE)):
        here.opened(number)
        here.page.locator("#stage").press("c")
    assert here.sins == []


def test_an_attack_is_shown_as_the_text_that_it_is(chromium: Any, hostile: Path) -> None:
    here = tab(chromium, hostile)
    for number, text in enumerate(HOSTILE):
        here.opened(number)
        here.page.locator("#stage").press("c")
        step = here.page.locator("#node .step .words").first.text_content()
        critique = here.page.locator("#node .critique").last.text_content()
        assert step.startswith(f"{visible(text)} (")
        assert critique.startswith(f"{visible(text)} so it is")
    listed = here.page.locator("#problems").text_content()
    assert "<script>pwned()</script>" in listed
    assert "onerror=pwned()>.jsonl" in here.page.locator(".chips").text_content()
    assert "</pre><script>" in here.page.locator("#config-A").text_content()


def test_the_verdict_in_a_critique_is_marked(chromium: Any, hostile: Path) -> None:
    here = tab(chromium, hostile)
    here.opened(0)
    here.page.locator("#stage").press("c")
    marked = here.page.locator("#node .critique").last
    assert marked.locator("mark.good").text_content() == r"\boxed{correct}"
    told = marked.locator("mark.bad").all_text_contents()
    assert told == [r"\boxed{incorrect}", r"\boxed{incorrect"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a small run over harmless problems."""
    folder = tmp_path_factory.mktemp("plain")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("TREEWRIGHT_RUNS", str(folder / "runs"))
        html = made(folder, ["alpha", "beta", "gamma"])
    folder.joinpath("page.html").write_text(html, "utf-8")
    return folder / "page.html"


def test_an_address_opens_its_node(chromium: Any, plain: Path) -> None:
    here = tab(chromium, plain, f"#{quote('1/beta', safe='')}/2")
    here.page.wait_for_selector("#stage[data-opened]")
    assert here.page.locator("#tree-title").text_content() == "1/beta"
    assert here.page.locator("#node h3").nth(1).text_content() == "Node 2"
    assert here.sins == []


def test_a_node_shows_what_the_caption_says(chromium: Any, plain: Path) -> None:
    """A judged solution the whole prefix (0.5), its first step the step (0.75)."""
    here = tab(chromium, plain, f"#{quote('1/beta', safe='')}/2")
    here.page.wait_for_selector("#stage[data-opened]")
    labels = here.page.evaluate(
        "document.getElementById('stage')._cyreg.cy.nodes().map((n) => [n.id(), n.data('label')])"
    )
    shown = {id: label[:4] for id, label in labels if id != "root:"}
    assert shown == {
        "0@1": "0.75",
        "0": "0.50",
        "1@1": "0.75",
        "1": "0.50",
        "2@1": "0.75",
        "2": "0.50",
    }
    heads = [head.inner_text() for head in here.page.locator("#node .step-head").all()]
    told = [" ".join(head.split()) for head in heads]
    assert told == [
        "Step 1 0.75 read from the verdict 2@1",
        "Step 2 0.75 read from the verdict whole prefix 0.50 2",
    ]
    here.page.locator("#stage").press("Escape")
    assert here.page.locator("#node .candidates .odds").all_text_contents() == ["0.50"] * 3
    assert here.sins == []


def test_an_address_of_nothing_opens_the_page(chromium: Any, plain: Path) -> None:
    here = tab(chromium, plain, "#%E0%A4%A/0")
    here.page.locator("#trees").scroll_into_view_if_needed()
    here.page.wait_for_selector("#stage[data-opened]")
    assert here.page.locator("#tree-title").text_content() == "0/alpha"


def test_keys_go_through_the_tree(chromium: Any, plain: Path) -> None:
    here = tab(chromium, plain)
    here.opened(0)
    seen = []
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "ArrowRight", "Escape", "n"):
        here.page.locator("#stage").press(key)
        seen.append(here.page.evaluate("decodeURIComponent(location.hash.slice(1))"))
    assert seen[:5] == ["0/alpha/0@1", "0/alpha/0", "0/alpha/0@1", "0/alpha/1@1", "0/alpha/"]
    here.page.wait_for_selector("#tree-title:has-text('1/beta')")


def test_problems_and_nodes_are_found_by_their_words(chromium: Any, plain: Path) -> None:
    here = tab(chromium, plain)
    here.page.locator("#problem-search").fill("GAMMA")
    assert here.page.locator("#problems li:visible").count() == 1
    here.page.locator("#problems li:visible button").click()
    here.page.wait_for_selector("#stage[data-opened]")
    here.page.locator("#node-search").fill("gamma (1.")
    assert here.page.locator("#node-hits").text_content() == "2 of 6 nodes"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_page_without_sideways_scrolling(
    chromium: Any, plain: Path, scheme: str
) -> None:
    size = {"width": 390, "height": 844}
    here = tab(chromium, plain, viewport=size, color_scheme=scheme)
    here.opened(0)
    assert here.page.evaluate("document.documentElement.scrollWidth") == 390
    assert here.sins == []


def test_the_theme_can_be_turned(chromium: Any, plain: Path) -> None:
    here = tab(chromium, plain, color_scheme="light")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = here.page.evaluate(paper)
    here.page.locator("#theme").click()
    assert here.page.evaluate(paper) != light


def test_a_tree_of_two_thousand_nodes_opens(
    chromium: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    html = made(tmp_path, ["large"], ["strategy.n=200"], steps=10)
    tmp_path.joinpath("page.html").write_text(html, "utf-8")
    here = tab(chromium, tmp_path / "page.html")
    here.opened(0)
    assert here.page.locator("#stage").get_attribute("data-nodes") == "2000"
    assert here.sins == []
