"""The server behind `view`: this machine only, two addresses, and a page that follows its run."""

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from browsers import chromium_program
from treewright.cli import main
from treewright.errors import ConfigError
from treewright.report.view import Follower, serve
from treewright.running.run_folder import RunFolder, Status

CONFIG = """
name: viewed
dataset: {path: data.jsonl}
policy: {kind: scripted}
scorer: {kind: scripted}
strategy: {kind: best_of_n, n: 2}
cluster: {backend: inline}
grading: {kind: numeric}
"""

Ask = Callable[..., tuple[int, dict[str, str], bytes]]


@pytest.fixture
def follower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Follower:
    """Of a run whose journal lost its last problem, as if it were still going."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TREEWRIGHT_RUNS", raising=False)
    rows = [json.dumps({"problem": f"What is {n} + 1?", "answer": str(n + 1)}) for n in range(3)]
    Path("data.jsonl").write_text("\n".join(rows))
    Path("config.yaml").write_text(CONFIG)
    assert main(["run", "config.yaml"]) == 0
    (run,) = Path("runs/viewed").iterdir()
    journal = run / "journal" / "driver.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    (tmp_path / "whole.jsonl").write_bytes(b"".join(lines))
    journal.write_bytes(b"".join(lines[:5]))
    RunFolder(run).set_status(Status.RUNNING)
    follower = Follower(run)
    asyncio.run(follower.begin())
    return follower


@pytest.fixture
def ask(follower: Follower) -> Iterator[Ask]:
    """Asks the server for a path; status, headers and body."""
    server = serve(follower, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    host, port = server.server_address[:2]

    def get(path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        link = http.client.HTTPConnection(str(host), int(port), timeout=10)
        link.request("GET", path, headers=headers)
        reply = link.getresponse()
        found = reply.status, dict(reply.getheaders()), reply.read()
        link.close()
        return found

    assert host == "127.0.0.1"
    yield get
    server.shutdown()
    thread.join()
    server.server_close()


def state(follower: Follower) -> Any:
    return json.loads(follower.edition.state)


def test_it_serves_the_page_and_where_the_run_is(ask: Ask) -> None:
    status, headers, body = ask("/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert headers["Cache-Control"] == "no-store"
    assert b"connect-src &#39;self&#39;" in body
    status, _, body = ask("/state")
    assert status == 200
    assert json.loads(body)["told"].endswith("of 3 problems, going on")


def test_it_serves_nothing_else(ask: Ask) -> None:
    for path in ("/config.yaml", "/../manifest.json", "/state/x", "/%2e%2e/STATUS"):
        assert ask(path)[0] == 404


def test_it_answers_to_no_other_name(ask: Ask) -> None:
    """A page elsewhere could give its own name this machine's address, and read the run."""
    assert ask("/", Host="evil.test:80")[0] == 421
    assert ask("/state", Host="evil.test")[0] == 421
    assert ask("/state", Host="localhost:80")[0] == 200


def test_a_run_that_goes_on_gets_a_new_page(follower: Follower, tmp_path: Path) -> None:
    before = state(follower)
    asyncio.run(follower.look())
    assert state(follower) == before
    journal = follower.path / "journal" / "driver.jsonl"
    journal.write_bytes((tmp_path / "whole.jsonl").read_bytes())
    RunFolder(follower.path).set_status(Status.COMPLETE)
    asyncio.run(follower.look())
    assert state(follower)["told"] == "3 of 3 problems"
    assert state(follower)["version"] != before["version"]
    assert state(follower)["version"].encode() in follower.edition.page


def test_an_open_page_takes_the_new_one_by_itself(follower: Follower, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    browser = chromium_program()
    server = serve(follower, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        with playwright.sync_playwright() as driver:
            page = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page()
            page.goto(f"http://127.0.0.1:{server.server_address[1]}/")
            page.wait_for_selector("#live:has-text('going on')")
            journal = follower.path / "journal" / "driver.jsonl"
            journal.write_bytes((tmp_path / "whole.jsonl").read_bytes())
            RunFolder(follower.path).set_status(Status.COMPLETE)
            looking = threading.Thread(  # playwright has this thread's loop
                target=lambda: asyncio.run(follower.look())
            )
            looking.start()
            looking.join()
            page.wait_for_selector("li:has-text('3 of 3 problems')")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_run_that_cannot_be_read_any_more_keeps_its_last_page(follower: Follower) -> None:
    page = follower.edition.page
    (follower.path / "config.yaml").unlink()
    RunFolder(follower.path).set_status(Status.COMPLETE)
    asyncio.run(follower.look())
    assert follower.edition.page == page
    assert state(follower)["told"].startswith("not renewed: ")


def test_a_port_that_is_taken_gets_one_line(follower: Follower) -> None:
    with serve(follower, 0) as first, pytest.raises(ConfigError, match="cannot be had") as caught:
        serve(follower, first.server_address[1])
    assert "\n" not in str(caught.value)


def test_a_run_that_is_not_there_gets_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["view", "no/such/run"]) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert "no such run" in told
