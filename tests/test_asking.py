"""`ask`: one question in the terminal, with the doubles."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from their_rows import Treewright

CONFIG = """
name: doubles
dataset: {path: data.jsonl}
policy: {kind: scripted, accuracy: 1.0}
scorer: {kind: scripted, skill: 0.9}
strategy: {kind: best_of_n, n: 4}
cluster: {backend: inline}
grading: {kind: numeric}
"""
QUESTION = "What is 1 + 3?"


@pytest.fixture(autouse=True)
def config(treewright: Treewright) -> Path:
    """In the folder that the commands run in; the data are asked for nothing."""
    Path("data.jsonl").write_text('{"problem": "What is 2 + 2?", "answer": "4"}\n')
    file = Path("config.yaml")
    file.write_text(CONFIG)
    return file


def test_a_question_gets_its_answer_and_its_tree(treewright: Treewright) -> None:
    code, out, err = treewright("ask", QUESTION, "--config", "config.yaml")
    assert code == 0, err
    assert re.search(r"^answer \S+, score [01]\.\d{3} \(.* of 4 candidates\)$", out, re.MULTILINE)
    assert out.count("[candidate ") == 4
    assert QUESTION in out


def test_what_a_long_tree_leaves_out_is_shown_by_the_command_that_it_names(
    treewright: Treewright,
) -> None:
    _, out, _ = treewright("ask", QUESTION, "--config", "config.yaml", "strategy.n=40")
    hint = re.search(r"^… \d+ more lines: treewright (tree .*)$", out, re.MULTILINE)
    assert hint is not None
    code, drawn, err = treewright(*shlex.split(hint[1]))
    assert code == 0, err
    assert drawn.count("[candidate ") == 40


def test_as_json_it_is_what_a_server_would_send(treewright: Treewright) -> None:
    code, out, _ = treewright("ask", QUESTION, "--config", "config.yaml", "--json")
    sent = json.loads(out)
    assert code == 0
    assert sent["object"] == "chat.completion"
    assert len(sent["treewright"]["candidates"]) == 4
    assert sent["usage"]["completion_tokens"] > 0


def test_what_is_no_text_is_one_line_before_anything_starts(treewright: Treewright) -> None:
    code, out, err = treewright("ask", "caf\udce9?", "--config", "config.yaml")
    assert (code, out) == (2, "")
    assert "half a character" in err
    assert err.count("\n") == 1


def test_a_search_that_fails_is_one_line_and_exit_code_3(treewright: Treewright) -> None:
    failing = "policy.faults.fail=1.0"
    code, out, err = treewright("ask", QUESTION, "--config", "config.yaml", failing)
    assert (code, out) == (3, "")
    assert len([said for said in err.splitlines() if said.startswith("error: ")]) == 1
