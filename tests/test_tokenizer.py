"""The tokenizer of a checkpoint: what it makes of text that nobody vouches for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

from engines.tokenizer import HfTokenizer, TokenizerError

START, END, BOS = "<|im_start|>", "<|im_end|>", "<s>"
CONTROL = (START, END, BOS, "<think>", "</think>")
QWEN = """{%- if messages[0]['role'] != 'system' %}<|im_start|>system
Be brief.<|im_end|>
{% endif %}{%- for m in messages %}<|im_start|>{{ m['role'] }}
{{ m['content'] }}<|im_end|>
{% endfor %}{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
R1 = """{{ bos_token }}{% for m in messages %}{% if m['role'] == 'assistant' -%}
{{ m['content'].split('</think>')[-1] | trim }}{% else %}{{ m['content'] | trim }}{% endif %}
{%- endfor %}{{ '<think>\\n' }}"""
WORDS = [
    "add",
    "Step 1:",
    " the value",
    "\n\n",
    "im",
    "<",
    "|>",
    "think",
    "7",
    "é",
    "\N{GRINNING FACE}",
]
TEXTS = st.lists(st.sampled_from([*WORDS, *CONTROL]) | st.text(max_size=3), max_size=8).map("".join)
HARMLESS = (
    st.lists(st.sampled_from(WORDS), max_size=8)
    .map("".join)
    .filter(lambda text: not any(token in text for token in CONTROL))
)


def backend(template: str = QWEN, **options: Any) -> Any:
    """A byte-level BPE with some merges, special tokens and a tag that is not special."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=400,
        show_progress=False,
        special_tokens=["<|endoftext|>", START, END, BOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    made.train_from_iterator(
        ["Step 1: add the value. system user assistant think\n\n"] * 9, trainer
    )
    made.add_tokens([AddedToken("<think>", special=False), AddedToken("</think>", special=False)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token=END, bos_token=BOS, add_bos_token=True, **options
    )
    tokenizer.chat_template = template
    return tokenizer


@cache
def tokenizer(template: str = QWEN) -> HfTokenizer:
    return HfTokenizer(backend(template))


def control_ids(ids: tuple[int, ...]) -> list[str]:
    names = {tokenizer().token_id(token): token for token in CONTROL}
    return [names[token] for token in ids if token in names]


def user(content: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": content}]


@given(TEXTS)
def test_no_text_becomes_a_control_token(text: str) -> None:
    assert control_ids(tokenizer().encode(text)) == []


@given(TEXTS)
def test_decoding_gives_the_text_back(text: str) -> None:
    assert tokenizer().decode(tokenizer().encode(text)) == text


@given(HARMLESS)
def test_harmless_text_has_the_ids_that_the_tokenizer_gives_it(text: str) -> None:
    assert list(tokenizer().encode(text)) == backend().encode(text, add_special_tokens=False)


@given(st.lists(HARMLESS, min_size=1, max_size=3), st.sampled_from([QWEN, R1]))
def test_a_harmless_chat_has_the_ids_of_the_plain_template(contents: list[str], form: str) -> None:
    roles = ("user", "assistant", "user")
    messages = [{"role": r, "content": c} for r, c in zip(roles, contents, strict=False)]
    plain = tokenizer(form)._tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_dict=False
    )
    assert list(tokenizer(form).chat(messages)) == plain


@given(TEXTS, st.sampled_from([QWEN, R1]))
def test_a_chat_has_the_control_tokens_of_its_template_and_no_more(text: str, form: str) -> None:
    asked, harmless = tokenizer(form).chat(user(text)), tokenizer(form).chat(user("x"))
    assert control_ids(asked) == control_ids(harmless)


@given(TEXTS)
def test_a_chat_says_what_its_messages_say(text: str) -> None:
    said = tokenizer().decode(tokenizer().chat(user(text)))
    assert said == (f"{START}system\nBe brief.{END}\n{START}user\n{text}{END}\n{START}assistant\n")


def test_a_template_cannot_be_steered_by_a_content() -> None:
    """R1's template drops an assistant's text up to `</think>`."""
    said = tokenizer(R1).decode(
        tokenizer(R1).chat([{"role": "assistant", "content": "kept</think>also kept"}])
    )
    assert said == f"{BOS}kept</think>also kept<think>\n"


def test_the_only_bos_is_the_templates_own() -> None:
    assert control_ids(tokenizer(R1).chat(user("x"))).count(BOS) == 1
    assert control_ids(tokenizer(QWEN).chat(user("x"))).count(BOS) == 0
    assert BOS not in control_ids(tokenizer().encode("x"))


def test_private_use_characters_in_a_message_survive() -> None:
    content = f"\ue000{END}\ue0010\ue001"
    assert content in tokenizer().decode(tokenizer().chat(user(content)))


def test_a_token_that_is_matched_after_normalisation_is_no_control_token_either() -> None:
    made = backend()
    made.backend_tokenizer.normalizer = normalizers.Lowercase()
    made.add_tokens([AddedToken("<stop>", normalized=True)], special_tokens=True)
    shouting = HfTokenizer(made)
    assert shouting.token_id("<stop>") not in shouting.encode("a <STOP> b")


def test_a_saved_limit_or_padding_does_not_change_a_text() -> None:
    made = backend()
    made.backend_tokenizer.enable_truncation(3)
    made.backend_tokenizer.enable_padding(length=50)
    assert HfTokenizer(made).encode("add the value") == tokenizer().encode("add the value")


def test_a_token_is_found_by_its_exact_content() -> None:
    assert tokenizer().token_id(END) == 2
    assert tokenizer().token_id("<|im_en") is None


@pytest.mark.parametrize("act", [HfTokenizer.encode, lambda t, text: t.chat(user(text))])
def test_a_lone_surrogate_is_one_clear_error(act: Callable[[HfTokenizer, str], object]) -> None:
    with pytest.raises(TokenizerError, match="lone surrogate"):
        act(tokenizer(), "a\ud800b")


def test_a_template_that_refuses_is_one_clear_error() -> None:
    strict = HfTokenizer(backend("{{ raise_exception('roles must\nalternate') }}"))
    with pytest.raises(TokenizerError, match="refuses: roles must alternate"):
        strict.chat(user("x"))


# Loading.


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    backend().save_pretrained(tmp_path)
    return tmp_path


def write(folder: Path, name: str, **content: object) -> None:
    (folder / name).write_text(json.dumps(content))


def test_the_saved_tokenizer_is_loaded_as_it_is(folder: Path) -> None:
    """`AutoTokenizer` would rebuild it as Qwen's, with another way to cut words."""
    write(folder, "config.json", model_type="qwen2", architectures=["Qwen2ForCausalLM"])
    text = "Step 1: add 17 + 2\n\n\nthe value"
    assert HfTokenizer.load(str(folder)).encode(text) == tokenizer().encode(text)


def test_every_end_token_of_the_checkpoint_counts_once(folder: Path) -> None:
    write(folder, "generation_config.json", eos_token_id=[2, 0])
    write(folder, "config.json", eos_token_id=3)
    assert HfTokenizer.load(str(folder)).eos_ids == (2, 0, 3)


def test_the_configuration_files_may_be_missing_or_silent(folder: Path) -> None:
    write(folder, "config.json", eos_token_id=None)
    assert HfTokenizer.load(str(folder)).eos_ids == (2,)


def test_a_missing_folder_is_one_clear_error(tmp_path: Path) -> None:
    check_fault(tmp_path / "none", "there is no such folder")


def test_a_folder_without_a_tokenizer_is_one_clear_error(tmp_path: Path) -> None:
    check_fault(tmp_path, "no tokenizer.json")


def test_a_broken_tokenizer_is_one_clear_error(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{")
    check_fault(folder, "cannot be read")


def test_a_missing_template_is_one_clear_error(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    check_fault(folder, "no chat template")


def test_a_missing_end_token_is_one_clear_error(folder: Path) -> None:
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    write(folder, "tokenizer_config.json", **settings | {"eos_token": None})
    check_fault(folder, "ends a turn")


def test_an_unknown_name_on_the_hub_is_one_clear_error() -> None:
    check_fault("nobody/nothing", "cannot be read")


def check_fault(model: str | Path, what: str) -> None:
    with pytest.raises(TokenizerError, match=what) as error:
        HfTokenizer.load(str(model))
    assert str(error.value).startswith(f"{model}: ")
    assert "\n" not in str(error.value)


def test_the_port_alone_imports_no_heavy_library() -> None:
    code = (
        "import sys, engines.tokenizer; sys.exit(bool({'torch', 'transformers'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
