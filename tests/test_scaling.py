"""Scaling: a smaller run of the benchmark, and the bound that it is measured against."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.speed.bound import Side, bound
from benchmarks.speed.overlap import BASE
from benchmarks.speed.scaling import STRATEGIES, main, parts, run
from engines.token_clock import Timing
from search.driver import Searched


@pytest.fixture(scope="module")
def found() -> list[dict[str, Any]]:
    """The rows of a small run."""
    from contextlib import redirect_stdout
    from io import StringIO

    with redirect_stdout(StringIO()) as out:
        asked = ["--strategies", "best_of_n", "--pairs", "1", "2", "--problems", "6"]
        status = main(["--json", "--pooled", *asked])
    assert status == 0
    rows: list[dict[str, Any]] = json.loads(out.getvalue())["rows"]
    return rows


def test_every_search_comes_out_the_same_on_any_number_of_replicas(
    found: list[dict[str, Any]],
) -> None:
    assert len(found) == 4
    assert all(row["same"] for row in found)


def test_no_run_is_faster_than_the_bound(found: list[dict[str, Any]]) -> None:
    assert all(row["over_bound"] >= 1.0 for row in found)


def test_more_replicas_with_more_problems_take_hardly_longer(found: list[dict[str, Any]]) -> None:
    weak = {row["pairs"]: row for row in found if row["scaling"] == "weak"}
    assert weak[2]["problems"] == 2 * weak[1]["problems"]
    assert weak[2]["in_flight"] == 2 * weak[1]["in_flight"]
    assert weak[2]["efficiency"] > 0.8


def test_more_replicas_for_the_same_problems_are_faster(found: list[dict[str, Any]]) -> None:
    strong = {row["pairs"]: row for row in found if row["scaling"] == "strong"}
    assert strong[2]["problems"] == strong[1]["problems"]
    assert strong[2]["seconds"] < strong[1]["seconds"]


def test_one_replica_is_all_there_is_and_many_lose_little(found: list[dict[str, Any]]) -> None:
    pooled = {(row["scaling"], row["pairs"]): row["over_pooled"] for row in found}
    assert pooled["weak", 1] == pooled["strong", 1] == 1.0
    assert 0.95 < pooled["weak", 2] < 1.25


def test_the_bound_is_the_busier_sides_work_or_the_longest_chain() -> None:
    searched: list[Searched] = list(run(BASE, STRATEGIES["beam"], 1, 1).searched)
    policy, scorer = (part.timing for part in parts(BASE))
    alone = bound(searched, Side(policy, 1000), Side(scorer, 1000))
    assert alone == bound(searched, Side(policy, 2000), Side(scorer, 2000))
    slow = Timing(decode_seconds=1.0, batch_seconds=0.0, slots=1)
    spent = searched[0].costs.verifier.values()
    work = sum(each.generated for each in spent)
    assert bound(searched, Side(policy, 1), Side(slow, 1)) == pytest.approx(work, rel=0.01)


def test_one_kind_of_scaling_alone_is_told_row_by_row(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--strategies", "beam", "--pairs", "1", "--problems", "1", "--scaling", "weak"]
    assert main([*asked, "--json"]) == 0
    out, err = capsys.readouterr()
    assert [row["scaling"] for row in json.loads(out)["rows"]] == ["weak"]
    assert err.startswith("beam, weak, 1 + 1, 1, ")
