"""How a solution is cut into steps."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.byte_tokenizer import END, ByteTokenizer
from policies.segmentation import KINDS, STRIDE, Segmentation, Segmenter
from search.core import Step, StopReason

# Tokens with seams: separators glued to text, and halves of a four-byte character.
WORDS = (b".\n\n", b"\n\nSo", b"\n\n", b"\nStep", b"Step", b"\xf0\x9f", b"\x98\x80", b"\n\n\xf0")
EMOJI = "\N{GRINNING FACE}"


def segmenter(kind: str, pattern: str | None = None, words: tuple[bytes, ...] = ()) -> Segmenter:
    return Segmenter(Segmentation(kind, pattern), ByteTokenizer(words))  # type: ignore[arg-type]  # bad kinds too


def texts(kind: str, text: str, pattern: str | None = None) -> list[str]:
    steps = segmenter(kind, pattern).split(ByteTokenizer().encode(text), StopReason.EOS)
    return [step.text for step in steps]


def first(kind: str, text: str, pattern: str | None = None) -> str | None:
    step = segmenter(kind, pattern).first(ByteTokenizer().encode(text))
    return step.text if step else None


def test_a_blank_line_ends_a_step_and_belongs_to_it() -> None:
    assert texts("blank_line", "One.\n\nTwo.\nStill two.\n\nThree.") == [
        "One.\n\n",
        "Two.\nStill two.\n\n",
        "Three.",
    ]


def test_a_line_of_spaces_is_blank_and_the_next_indent_is_kept() -> None:
    assert texts("blank_line", "One.\n \t\n\n  Two.") == ["One.\n \t\n\n", "  Two."]


def test_a_step_marker_opens_a_step() -> None:
    text = "Step 1: a\n## Step 2: b\n**Step 3.** c\nStep 10 : d"
    assert texts("step_marker", text) == [
        "Step 1: a\n",
        "## Step 2: b\n",
        "**Step 3.** c\n",
        "Step 10 : d",
    ]


@pytest.mark.parametrize("line", ["Step by step", "Step 2.5 m", "as in Step 2:", "steps 2:"])
def test_what_only_resembles_a_marker_opens_no_step(line: str) -> None:
    assert texts("step_marker", f"Step 1: a\n{line} b") == [f"Step 1: a\n{line} b"]


def test_text_before_the_first_marker_is_a_step() -> None:
    assert texts("step_marker", "Let me see.\n\nStep 1: a") == ["Let me see.\n\n", "Step 1: a"]


def test_a_pattern_ends_a_step_and_a_lookahead_keeps_the_marker_with_the_next() -> None:
    assert texts("regex", "a;b;c", ";") == ["a;", "b;", "c"]
    assert texts("regex", "1. a\n2. b", r"\n(?=\d+\. )") == ["1. a\n", "2. b"]


def test_whole_is_one_step() -> None:
    assert texts("whole", "One.\n\nStep 2: two") == ["One.\n\nStep 2: two"]


def test_blank_runs_are_no_steps() -> None:
    assert texts("blank_line", "\n\n \n\nOne.\n\n\n\n") == ["\n\n \n\nOne.\n\n\n\n"]
    assert texts("regex", "a  b ", " ") == ["a ", " b "]


def test_the_end_token_is_in_the_last_steps_ids_and_not_in_its_text() -> None:
    tokenizer = ByteTokenizer()
    *_, last = segmenter("blank_line").split((*tokenizer.encode("a\n\nb"), END), StopReason.EOS)
    assert last == Step("b", (ord("b"), END), StopReason.EOS)


def test_a_turn_that_says_nothing_is_one_step_without_text() -> None:
    assert segmenter("blank_line").split((END,), StopReason.EOS) == (
        Step("", (END,), StopReason.EOS),
    )


def test_only_the_last_step_carries_the_reason_of_the_end() -> None:
    steps = segmenter("regex", ";").split(ByteTokenizer().encode("a;b;c"), StopReason.LENGTH)
    assert [step.stop for step in steps] == ["step_end", "step_end", "length"]


def test_a_token_over_a_boundary_goes_to_the_earlier_step() -> None:
    tokenizer = ByteTokenizer((b"\n\nSo",))
    steps = segmenter("blank_line", words=(b"\n\nSo",)).split(
        tokenizer.encode("One.\n\nSo two."), StopReason.EOS
    )
    assert [step.text for step in steps] == ["One.\n\nSo", " two."]


def test_a_character_begun_by_the_token_over_a_boundary_stays_whole() -> None:
    words = (b"\n\n\xf0",)
    ids = ByteTokenizer(words).encode(f"One.\n\n{EMOJI} two.")
    steps = segmenter("blank_line", words=words).split(ids, StopReason.EOS)
    assert [step.text for step in steps] == [f"One.\n\n{EMOJI}", " two."]


def test_bytes_that_are_no_text_become_replacement_characters() -> None:
    (step,) = segmenter("blank_line").split((0x61, 0xE2, 0x82), StopReason.LENGTH)
    assert step.text == "a\N{REPLACEMENT CHARACTER}"


def test_the_first_step_of_a_stopped_generation_drops_the_overshoot() -> None:
    assert first("step_marker", "Step 1: a\nStep") == "Step 1: a\n"
    assert first("step_marker", "Step 1: a\n\n### **Step") == "Step 1: a\n\n"
    assert first("blank_line", "One.\n\n") == "One.\n\n"
    assert first("blank_line", "One.\n \nTwo.\n\n") == "One.\n \n"


def test_a_stop_that_ends_no_step_is_none() -> None:
    assert first("blank_line", "\n\n") is None
    assert first("step_marker", "\n## Step") is None
    assert first("step_marker", "Step 1: a\nSteps and more") is None
    assert first("whole", "One.\n\nTwo") is None


@pytest.mark.parametrize(
    ("kind", "pattern", "stops", "stride"),
    [
        ("blank_line", None, ("\n\n",), None),
        ("regex", r"\n", ("\n",), None),
        ("regex", "\n", ("\n",), None),
        ("regex", "; ", ("; ",), None),
        ("regex", r"\.", (), STRIDE),
        ("regex", r"\n(?=\d)", (), STRIDE),
        ("whole", None, (), None),
    ],
)
def test_how_an_engine_is_told_to_stop(
    kind: str, pattern: str | None, stops: tuple[str, ...], stride: int | None
) -> None:
    made = segmenter(kind, pattern)
    assert (made.stops, made.stride) == (stops, stride)


@pytest.mark.parametrize("head", ["", "# ", "## ", "### ", "#### ", "**", "## **"])
def test_every_way_to_head_a_marker_has_its_stop(head: str) -> None:
    assert f"\n{head}Step" in segmenter("step_marker").stops


@pytest.mark.parametrize(
    ("kind", "pattern", "complaint"),
    [
        ("blankline", None, r"kind: 'blankline'.*did you mean 'blank_line'"),
        ("regex", None, "pattern: None must be a pattern"),
        ("regex", "(", r"pattern: '\(' must be a regular expression; missing \)"),
        ("regex", r"\n*", "pattern: .* must be a pattern that does not match the empty text"),
        ("whole", "x", "pattern: 'x' must be null with kind whole"),
    ],
)
def test_a_bad_segmentation_is_refused_in_one_line(
    kind: str, pattern: str | None, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint) as raised:
        segmenter(kind, pattern)
    assert "\n" not in str(raised.value)


FRAGMENTS = st.sampled_from(
    [
        "a",
        " ",
        "\n",
        "\n\n",
        ".\n\n",
        "\nStep",
        "\nStep 2: ",
        "## Step 3.",
        "é",
        EMOJI,
        "\n\nSo",
        ";",
    ]
)
SOLUTIONS = st.lists(FRAGMENTS, min_size=1, max_size=30).map("".join)
SEGMENTATIONS = st.sampled_from([(kind, ";" if kind == "regex" else None) for kind in KINDS])
VOCABULARIES = st.lists(st.sampled_from(WORDS), unique=True).map(tuple)


@settings(deadline=None)
@given(SOLUTIONS, SEGMENTATIONS, VOCABULARIES)
def test_steps_concatenate_to_the_generation(
    text: str, kind: tuple[str, str | None], words: tuple[bytes, ...]
) -> None:
    ids = (*ByteTokenizer(words).encode(text), END)
    steps = segmenter(*kind, words).split(ids, StopReason.EOS)
    assert tuple(token for step in steps for token in step.token_ids) == ids
    assert "".join(step.text for step in steps) == text


@settings(deadline=None)
@given(SOLUTIONS, SEGMENTATIONS, VOCABULARIES)
def test_each_text_is_the_decoding_of_its_tokens_and_none_is_blank(
    text: str, kind: tuple[str, str | None], words: tuple[bytes, ...]
) -> None:
    tokenizer = ByteTokenizer(words)
    steps = segmenter(*kind, words).split(tokenizer.encode(text), StopReason.LENGTH)
    assert [step.text for step in steps] == [tokenizer.decode(step.token_ids) for step in steps]
    assert len(steps) == 1 or all(step.text.strip() for step in steps)


@settings(deadline=None)
@given(SOLUTIONS, SEGMENTATIONS, VOCABULARIES)
def test_the_first_step_is_the_same_whether_cut_early_or_late(
    text: str, kind: tuple[str, str | None], words: tuple[bytes, ...]
) -> None:
    """Unless a marker that had only begun turns out to be none, or blank text follows."""
    made, ids = segmenter(*kind, words), ByteTokenizer(words).encode(text)
    whole = made.split(ids, StopReason.EOS)
    early = made.first(ids)
    if len(whole) > 1:
        assert early is not None
        assert early.token_ids == whole[0].token_ids[: len(early.token_ids)]


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=40))
def test_any_bytes_decode_as_they_do_at_once(data: bytes) -> None:
    steps = segmenter("blank_line").split(tuple(data), StopReason.LENGTH)
    assert "".join(step.text for step in steps) == data.decode("utf-8", "replace")
