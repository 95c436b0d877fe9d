"""More stop strings than an endpoint takes become endings of theirs."""

from __future__ import annotations

import pytest

from engines.byte_tokenizer import ByteTokenizer
from engines.stop_strings import MOST, few
from policies.segmentation import Segmentation, Segmenter


@pytest.mark.parametrize("kind", ["blank_line", "step_marker", "tagged"])
def test_every_rule_of_steps_has_few_enough_and_none_is_lost(kind: str) -> None:
    stops = Segmenter(Segmentation(kind), ByteTokenizer()).stops  # type: ignore[arg-type]
    found = few(stops)
    assert len(found) <= MOST
    assert all(stop.endswith(tuple(found)) for stop in stops)
    assert len(stops) > MOST or found == list(stops)


def test_markers_keep_what_makes_them_markers() -> None:
    stops = Segmenter(Segmentation("step_marker"), ByteTokenizer()).stops
    assert min(map(len, few(stops))) >= len("\nStep")


def test_stops_without_anything_in_common_are_refused() -> None:
    with pytest.raises(ValueError, match="5 stop strings have no common endings, 4 are taken"):
        few(["a", "b", "c", "d", "e"])
