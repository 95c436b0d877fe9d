"""The benchmark of deaths: what is found stays the same, and a poison prompt alone fails."""

import json

import pytest

from benchmarks.speed import death
from search.strategies.best_of_n import BestOfN


@pytest.fixture(scope="module")
def made() -> list[death.DeathRow]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(death.STRATEGIES, "best_of_n", BestOfN(n=4))
        return list(death.rows(4, ["best_of_n"]))


def test_each_way_to_die_is_a_row_and_changes_nothing_that_is_found(
    made: list[death.DeathRow],
) -> None:
    assert [row.death for row in made] == [death.UNDISTURBED, *death.DEATHS]
    assert all(row.same for row in made)
    assert made[0].ratio == 1


def test_a_poison_prompt_is_found_and_it_alone_fails(made: list[death.DeathRow]) -> None:
    assert {row.death.name: row.failed for row in made if row.failed} == {
        "a poison prompt": (death.POISON,)
    }


def test_a_row_beyond_its_limit_fails_the_command(
    made: list[death.DeathRow],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(death, "rows", lambda problems, names: iter(made))
    limits = [row.holds for row in made]
    assert death.main(["--json", "--problems", "4"]) == (0 if all(limits) else 1)
    assert len(json.loads(capsys.readouterr().out)["rows"]) == len(made)
