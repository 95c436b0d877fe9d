"""Every checkpoint's tokenizer gives the same ids, whoever loads it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast, dynamic_module_utils

from benchmarks.arithmetic.corpus import SYSTEM, policy_prompt, verifier_prompt
from benchmarks.arithmetic.critique import critique
from benchmarks.arithmetic.problems import write_solution
from benchmarks.arithmetic.splits import read_split
from benchmarks.arithmetic.structured.choices import offer
from benchmarks.arithmetic.structured.reasoning import solve
from benchmarks.arithmetic.structured.responses import prompt, write_response
from benchmarks.arithmetic.vocabulary import CLASS_FILE
from engines.tokenizer import HfTokenizer

DOMAIN = Path(__file__).parent.parent / "benchmarks" / "arithmetic"
CHECKPOINTS = sorted(path.parent for path in DOMAIN.glob("**/tokenizer.json"))
NAMES = [str(path.relative_to(DOMAIN)) for path in CHECKPOINTS]
OTHER = "Unknown words, d'accord?\n\n\n x  =\t3.50 (naïve…) <think>12345</think>\r\n"

TURNS = [{"role": "user", "content": "What is 12 + 3.5, then 7 \u00d7 8?"}]


@cache
def texts() -> list[str]:
    """Texts of every kind that the domain has, and one that it has not."""
    found = [OTHER, policy_prompt("What is 1 + 2?", SYSTEM)]
    for problem in read_split("validation")[:15]:
        steps = problem.solution()
        chain = "".join(piece for piece, _ in critique(problem, steps))
        found += [policy_prompt(problem.question) + write_solution(steps)]
        found += [verifier_prompt(problem.question, steps) + chain]
    for plain in read_split("validation")[:4]:
        choice = offer(plain, 0)
        found.append(prompt(choice.question) + write_response(solve(choice)))
    return found


def ids(tokenizer: Any) -> list[list[int]]:
    return [tokenizer.encode(text, add_special_tokens=False) for text in texts()]


def chat_ids(tokenizer: Any) -> list[int]:
    """As `vllm serve` and plain transformers render a turn."""
    text = tokenizer.apply_chat_template(TURNS, tokenize=False, add_generation_prompt=True)
    return list(tokenizer.encode(text, add_special_tokens=False))


@cache
def saved(folder: Path) -> list[list[int]]:
    return ids(PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json")))


def test_there_are_checkpoints() -> None:
    assert {"policy", "verifier", "reward", "structured/policy", "structured/verifier"} == {*NAMES}


def test_all_checkpoints_together_are_at_most_24_megabytes() -> None:
    files = [file for folder in CHECKPOINTS for file in folder.iterdir() if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 24e6


@pytest.mark.parametrize("folder", CHECKPOINTS, ids=NAMES)
def test_auto_tokenizer_gives_the_ids_that_are_saved(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert ids(tokenizer) == saved(folder)
    known = PreTrainedTokenizerFast.from_pretrained(folder)
    assert tokenizer.chat_template == known.chat_template
    assert tokenizer.special_tokens_map == known.special_tokens_map
    assert chat_ids(tokenizer) == list(HfTokenizer.load(str(folder)).chat(TURNS))


def test_it_is_the_map_that_leads_auto_tokenizer_there(tmp_path: Path) -> None:
    """If this fails, transformers reads saved tokenizers as they are: the map can go."""
    for file in CHECKPOINTS[0].iterdir():
        if file.suffix in (".json", ".jinja"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    del config["auto_map"]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    assert ids(AutoTokenizer.from_pretrained(tmp_path)) != saved(CHECKPOINTS[0])


@pytest.mark.parametrize("folder", CHECKPOINTS, ids=NAMES)
def test_with_trust_it_runs_the_copy_in_the_checkpoint(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    assert type(tokenizer).__name__ == "SavedTokenizer"
    assert ids(tokenizer) == saved(folder)
    assert (folder / CLASS_FILE.name).read_bytes() == CLASS_FILE.read_bytes()


@pytest.mark.engine
@pytest.mark.parametrize("folder", CHECKPOINTS, ids=NAMES)
def test_vllm_gives_the_ids_that_are_saved(folder: Path) -> None:
    from vllm.tokenizers import get_tokenizer

    tokenizer = get_tokenizer(str(folder))
    assert ids(tokenizer) == saved(folder)
    assert chat_ids(tokenizer) == list(HfTokenizer.load(str(folder)).chat(TURNS))
