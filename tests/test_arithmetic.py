"""The embedded domain: generator, splits, checker, training texts and tokenizers."""

import random
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.arithmetic import splits
from benchmarks.arithmetic.checker import check, is_solved, read_steps
from benchmarks.arithmetic.corpus import (
    DECISIVE,
    SYSTEM,
    critique,
    policy_prompt,
    synthetic_solution,
    verifier_lesson,
    verifier_prompt,
)
from benchmarks.arithmetic.errors import LARGEST, corrupt, slip
from benchmarks.arithmetic.problems import (
    ArithmeticProblem,
    Operation,
    draw_problem,
    problems,
    write_solution,
)
from benchmarks.arithmetic.vocabulary import build_tokenizer
from scorers.prompt import user_message

SEEDS = st.integers(min_value=0, max_value=2**32)

PROBLEM = ArithmeticProblem(
    kind="expression",
    start=12,
    operations=(
        Operation("+", 7),
        Operation("*", 3),
        Operation("-", 9),
        Operation("/", 4),
        Operation("+", 5),
    ),
    question="What is ((12 + 7) * 3 - 9) / 4 + 5?",
)
RIGHT = [
    "12 + 7 = 19",
    "19 * 3 = 57",
    "57 - 9 = 48",
    "48 / 4 = 12",
    r"12 + 5 = 17. The answer is \boxed{17}",
]


def edited(index: int, text: str) -> list[str]:
    return [*RIGHT[:index], text, *RIGHT[index + 1 :]]


# --- Generator ----------------------------------------------------------------------------------


@given(SEEDS)
def test_a_drawn_problem_has_4_to_10_exact_steps_with_values_in_1_to_99(seed: int) -> None:
    problem = draw_problem(random.Random(seed))
    assert 4 <= len(problem.operations) <= 10
    for value, operation in zip(problem.values, problem.operations, strict=False):
        assert 1 <= operation.apply(value) <= 99
        assert operation.symbol != "/" or value % operation.operand == 0


@given(SEEDS)
def test_the_formula_of_an_expression_evaluates_to_the_answer(seed: int) -> None:
    """Python reads the formula by the usual precedence, an independent way to the answer."""
    rng = random.Random(seed)
    problem = next(p for p in iter(lambda: draw_problem(rng), None) if p.kind == "expression")
    formula = "".join(c for c in problem.question if c in "0123456789+-*/() ")
    assert eval(formula) == problem.answer


@given(SEEDS)
def test_a_story_states_every_number_of_the_chain_in_order(seed: int) -> None:
    rng = random.Random(seed)
    problem = next(p for p in iter(lambda: draw_problem(rng), None) if p.kind == "word")
    numbers = [int(w) for w in problem.question.replace(".", " ").split() if w.isdigit()]
    assert numbers == [problem.start, *(o.operand for o in problem.operations)]


@given(SEEDS)
def test_the_reference_solution_is_right_by_the_checker(seed: int) -> None:
    problem = draw_problem(random.Random(seed))
    assert check(problem, problem.solution()) == [True] * len(problem.operations)
    assert is_solved(problem, problem.solution())


def test_the_same_seed_gives_the_same_problems_and_another_seed_others() -> None:
    first, again, other = (list(islice(problems(seed), 20)) for seed in (1, 1, 2))
    assert first == again
    assert not {p.key for p in first} & {p.key for p in other}


def test_the_stream_never_draws_an_excluded_problem() -> None:
    banned = frozenset(p.key for p in islice(problems(1), 10))
    assert not banned & {p.key for p in islice(problems(1, banned), 200)}


def test_two_wordings_of_one_chain_have_the_same_key() -> None:
    assert replace(PROBLEM, kind="word", question="A story.").key == PROBLEM.key


# --- Splits -------------------------------------------------------------------------------------


def test_the_committed_splits_are_what_the_command_writes() -> None:
    assert splits.main(["--check"]) == 0


def test_a_changed_split_is_reported(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(splits, "FOLDER", tmp_path)
    assert splits.main([]) == 0
    path = tmp_path / "test.jsonl"
    path.write_text(path.read_text().replace("12", "13", 1))
    assert splits.main(["--check"]) == 1
    assert "test.jsonl" in capsys.readouterr().err


def test_no_chain_and_no_id_is_in_two_splits() -> None:
    rows = [p for split in splits.SIZES for p in splits.read_split(split)]
    assert len({p.key for p in rows}) == len({p.id for p in rows}) == sum(splits.SIZES.values())


def test_the_test_split_has_at_least_500_problems_whose_rows_read_back() -> None:
    rows = splits.read_split("test")
    assert len(rows) >= 500
    assert all(splits.read_row(splits.write_row(p)) == p for p in rows)


def test_training_excludes_the_validation_and_the_test_problems() -> None:
    keys = splits.held_out_keys()
    assert {p.key for p in splits.read_split("test")} <= keys
    assert {p.key for p in splits.read_split("validation")} <= keys
    assert not {p.key for p in splits.read_split("train")} & keys


# --- Checker ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "text"),
    [
        pytest.param(1, "19 * 3 = 47", id="arithmetic"),
        pytest.param(1, "19 * 4 = 76", id="operand"),
        pytest.param(1, "19 + 3 = 22", id="operation"),
        pytest.param(2, "56 - 9 = 47", id="copied value"),
        pytest.param(1, "3 * 19 = 57", id="not in the domain's form of the product"),
        pytest.param(3, r"48 / 4 = 12. The answer is \boxed{12}", id="answer too early"),
        pytest.param(4, r"12 + 5 = 17. The answer is \boxed{16}", id="box differs from the result"),
        pytest.param(2, "fifty-seven minus nine is 48", id="unreadable"),
        pytest.param(2, "", id="empty"),
    ],
)
def test_each_kind_of_wrong_step_is_the_first_error_and_what_follows_is_not_judged(
    index: int, text: str
) -> None:
    labels = check(PROBLEM, edited(index, text))
    assert labels == [True] * index + [False] + [None] * (len(RIGHT) - index - 1)


def test_a_skipped_step_is_wrong_where_the_next_one_took_its_place() -> None:
    steps = ["12 + 7 = 19", "19 - 9 = 10", "10 / 4 = 2", r"2 + 5 = 7. The answer is \boxed{7}"]
    assert check(PROBLEM, steps) == [True, False, None, None]


def test_honest_steps_after_an_error_are_not_called_right() -> None:
    steps = ["12 + 7 = 18", "18 * 3 = 54", "54 - 9 = 45"]
    assert check(PROBLEM, steps) == [False, None, None]


def test_an_extra_step_after_the_last_operation_is_wrong() -> None:
    steps = [*RIGHT[:4], "12 + 5 = 17", "17 + 5 = 22"]
    assert check(PROBLEM, steps) == [True] * 5 + [False]


def test_an_unfinished_right_solution_has_no_wrong_step_and_is_not_solved() -> None:
    assert check(PROBLEM, RIGHT[:3]) == [True] * 3
    assert not is_solved(PROBLEM, RIGHT[:3])


def test_a_lucky_answer_is_solved_although_a_step_is_wrong() -> None:
    steps = [*edited(3, "48 / 4 = 13")[:4], r"13 + 4 = 17. The answer is \boxed{17}"]
    assert is_solved(PROBLEM, steps)
    assert False in check(PROBLEM, steps)


def test_no_steps_have_no_labels() -> None:
    assert check(PROBLEM, []) == []
    assert not is_solved(PROBLEM, [])


@given(SEEDS)
def test_a_written_solution_splits_back_into_its_steps(seed: int) -> None:
    steps = draw_problem(random.Random(seed)).solution()
    assert read_steps(write_solution(steps)) == steps


def test_text_before_the_first_marker_is_a_step_of_its_own() -> None:
    assert read_steps("Sure.\nStep 1: 1 + 1 = 2") == ["Sure.", "1 + 1 = 2"]


# --- Wrong solutions ----------------------------------------------------------------------------


@given(SEEDS)
def test_a_corrupted_solution_has_a_wrong_step(seed: int) -> None:
    rng = random.Random(seed)
    problem = draw_problem(rng)
    assert False in check(problem, corrupt(rng, problem))


@given(SEEDS)
def test_a_solution_without_slips_is_the_reference(seed: int) -> None:
    rng = random.Random(seed)
    problem = draw_problem(rng)
    assert slip(rng, problem, 0.0) == problem.solution()


@given(SEEDS)
def test_slipping_solutions_stay_readable_and_in_range(seed: int) -> None:
    rng = random.Random(seed)
    problem = draw_problem(rng)
    steps = slip(rng, problem, 0.3)
    numbers = [int(s.split(" = ")[1].split(".")[0]) for s in steps]
    assert all(0 <= number <= LARGEST for number in numbers)
    assert r"\boxed{" in steps[-1]


def test_slips_are_of_all_three_kinds() -> None:
    rng = random.Random(0)
    lengths, firsts = set(), set()
    for _ in range(300):
        steps = slip(rng, PROBLEM, 0.2)
        lengths.add(len(steps))
        firsts.add(steps[0])
    assert {4, 5} <= lengths
    assert {"12 + 7 = 19", "12 + 7 = 18", "12 + 3 = 15"} <= firsts


# --- Training texts -----------------------------------------------------------------------------


def test_the_critique_of_a_wrong_step_shows_both_results_and_then_stops() -> None:
    steps = edited(1, "19 * 3 = 47")
    text = "".join(piece for piece, _ in critique(PROBLEM, steps, check(PROBLEM, steps)))
    assert text == (
        "Let's verify step by step:\n\n"
        "Step 1: 12 + 7 = 19, claimed 19. The step is \\boxed{correct}\n\n"
        "Step 2: 19 * 3 = 57, claimed 47. The step is \\boxed{incorrect}\n"
        "</think>\nIs the solution correct? No<｜end▁of▁sentence｜>"
    )


def test_an_unfinished_right_solution_is_judged_yes_step_by_step() -> None:
    pieces = verifier_lesson(PROBLEM, RIGHT[:2]).pieces
    assert [text for text, weight in pieces if weight == DECISIVE] == ["correct", "correct", " Yes"]


@given(SEEDS)
def test_lessons_say_no_exactly_where_the_checker_finds_an_error(seed: int) -> None:
    rng = random.Random(seed)
    problem = draw_problem(rng)
    steps = synthetic_solution(rng, problem)
    pieces = verifier_lesson(problem, steps).pieces
    verdicts = [text for text, weight in pieces if weight == DECISIVE]
    labels = [label for label in check(problem, steps) if label is not None]
    assert verdicts[:-1] == ["correct" if label else "incorrect" for label in labels]
    assert verdicts[-1] == (" No" if False in labels else " Yes")


# --- Tokenizers ---------------------------------------------------------------------------------


@cache
def build_once(role: str) -> Any:
    return build_tokenizer(role)


@pytest.fixture(scope="module", params=["policy", "verifier"])
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return build_once(request.param)


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_round_trips(text: str) -> None:
    tokenizer = build_once("policy")
    assert tokenizer.decode(tokenizer.encode(text)) == text


@settings(max_examples=50)
@given(SEEDS)
def test_a_text_and_its_pieces_have_the_same_tokens(seed: int) -> None:
    """Training encodes pieces, the scorer whole texts: both must see the same tokens."""
    tokenizer = build_once("verifier")
    rng = random.Random(seed)
    problem = draw_problem(rng)
    lesson = verifier_lesson(problem, synthetic_solution(rng, problem))
    texts = [lesson.prompt, *(text for text, _ in lesson.pieces)]
    assert tokenizer.encode("".join(texts)) == [i for t in texts for i in tokenizer.encode(t)]


@pytest.mark.parametrize("verdict", ["correct", "incorrect"])
def test_a_boxed_verdict_is_one_token_after_the_brace(tokenizer: Any, verdict: str) -> None:
    ids = tokenizer.encode(f" \\boxed{{{verdict}}}")
    assert [tokenizer.decode([i]) for i in ids] == [" \\boxed", "{", verdict, "}"]
    assert ids[2] != tokenizer.encode(f" {verdict}")[0]


@pytest.mark.parametrize("text", [" Yes", " No", "<think>", "</think>", "Step", "\n", "\n\n"])
def test_a_decisive_piece_is_one_token_that_survives_decoding(tokenizer: Any, text: str) -> None:
    ids = tokenizer.encode(text)
    assert len(ids) == 1
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_digits_are_single_tokens(tokenizer: Any) -> None:
    pieces = [tokenizer.decode([i]) for i in tokenizer.encode("12 * 305")]
    assert pieces == ["1", "2", " *", " 3", "0", "5"]


def test_the_words_of_problems_and_formats_are_single_tokens(tokenizer: Any) -> None:
    rng = random.Random(0)
    for _ in range(50):
        problem = draw_problem(rng)
        text = verifier_prompt(problem.question, problem.solution()) + SYSTEM
        pieces = [tokenizer.decode([i]) for i in tokenizer.encode(text)]
        whole = {word.strip("[].,:?-") for word in text.replace("-", " ").split() if word.isalpha()}
        assert whole <= {piece.strip() for piece in pieces}


def test_both_roles_share_one_vocabulary_of_at_most_640_tokens() -> None:
    policy, verifier = build_once("policy"), build_once("verifier")
    assert policy.get_vocab() == verifier.get_vocab()
    assert 256 < len(policy) <= 640


@pytest.mark.parametrize("system", ["", SYSTEM])
def test_the_policy_prompt_is_what_its_template_gives(system: str) -> None:
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": PROBLEM.question})
    rendered = build_once("policy").apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True
    )
    assert rendered == policy_prompt(PROBLEM.question, system)


def test_the_verifier_prompt_is_what_its_template_gives_with_one_bos() -> None:
    tokenizer = build_once("verifier")
    message = {"role": "user", "content": user_message(PROBLEM.question, RIGHT)}
    rendered = tokenizer.apply_chat_template([message], tokenize=False, add_generation_prompt=True)
    assert rendered == verifier_prompt(PROBLEM.question, RIGHT)
    assert tokenizer.encode(rendered).count(tokenizer.bos_token_id) == 1
    assert rendered.endswith("<｜Assistant｜><think>\n")
