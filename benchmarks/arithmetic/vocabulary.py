"""One tokenizer for both checkpoints, and the chat template of each.

Byte-level, so that any text round-trips; single digits; a word that the domain or ThinkPRM's fixed
prompt uses is one token with and without a leading space, any other word falls back to its bytes.
As in Qwen's vocabulary, `{correct}` is the brace, one token, the brace.
"""

import json
import shutil
import string
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.arithmetic import wording

PAD, IM_START, IM_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
BOS, EOS = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
USER, ASSISTANT = "<｜User｜>", "<｜Assistant｜>"
SPECIAL = (PAD, IM_START, IM_END, BOS, EOS, USER, ASSISTANT)
THINK = ("<think>", "</think>")
"""Not special, as in R1-Distill: they survive a decode that skips special tokens."""

CLASS_FILE = Path(__file__).with_name("saved_tokenizer.py")
"""A copy of it lies in every checkpoint."""
LONGEST = {"policy": 2048, "verifier": 2560}
"""Tokens that a model of the role may read and write together."""
SPLIT = r" ?\\?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]|\n+|\s"
FORMAT_WORDS = r"""
system user assistant Step The answer is \boxed Let verify step by correct incorrect claimed final
Is the solution Yes No You are given a math problem and proposed Math Problem Solution Review
critique each in to determine whether If incomplete only provided steps
Please reason put your within
"""

POLICY_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
VERIFIER_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ '<｜User｜>' + message['content'] }}"
    "{% elif message['role'] == 'assistant' %}"
    "{{ '<｜Assistant｜>' + message['content'] + eos_token }}"
    "{% else %}{{ message['content'] }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<｜Assistant｜><think>\\n' }}{% endif %}"
)


def domain_words(more: str = "") -> list[str]:
    """Returns every word of the problem texts, of the two fixed formats and of `more`, sorted."""
    texts = [
        *wording.OPENINGS, *wording.ENDINGS, *wording.FORMULAS,
        *(sentence for group in wording.SENTENCES.values() for sentence in group),
        *wording.THINGS, *wording.NAMES, *wording.NAMES.values(), FORMAT_WORDS, more,
    ]  # fmt: skip
    cleaned = " ".join(texts).translate(str.maketrans("", "", ".,?:")).split()
    return sorted({word for word in cleaned if "{" not in word})


def token_texts(more: str = "") -> list[str]:
    """Returns the text of every ordinary token beyond the 256 bytes, in id order."""
    words = [space + word for word, space in product(domain_words(more), ("", " "))]
    spaced = [f" {character}" for character in string.digits + string.punctuation]
    single = [text for text in (*words, *spaced, "\n\n") if len(text) > 1]
    return list(dict.fromkeys(single))


def build_tokenizer(role: str, words: str = "", tags: Sequence[str] = ()) -> Any:
    """Returns the tokenizer of `policy` or `verifier`: one vocabulary, the role's own template.

    Args:
        role: `policy` or `verifier`.
        words: a text whose words are tokens too.
        tags: more tags that are one token each.

    Returns:
        A `transformers.PreTrainedTokenizerFast`; it adds no token by itself: the template does.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    texts = [byte_level.pre_tokenize_str(text)[0][0] for text in token_texts(words)]
    vocabulary = {token: index for index, token in enumerate([*alphabet, *texts])}
    # ignore_merges makes a piece that is in the vocabulary one token, without a merge table.
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"), byte_level]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in SPECIAL])
    tokenizer.add_tokens(
        [AddedToken(text, normalized=False, special=False) for text in (*THINK, *tags)]
    )
    policy = role == "policy"
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=None if policy else BOS,
        eos_token=IM_END if policy else EOS,
        clean_up_tokenization_spaces=False,
        model_max_length=LONGEST[role],
    )
    fast.chat_template = POLICY_TEMPLATE if policy else VERIFIER_TEMPLATE
    return fast


def save_tokenizer(tokenizer: Any, directory: Path) -> None:
    """Writes the tokenizer files, so that `AutoTokenizer` reads them as they are.

    The class is the one that every transformers release knows; `saved_tokenizer` says why it does
    not suffice.
    """
    tokenizer.save_pretrained(directory)
    shutil.copyfile(CLASS_FILE, directory / CLASS_FILE.name)
    path = directory / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["tokenizer_class"] = "PreTrainedTokenizerFast"
    config["auto_map"] = {"AutoTokenizer": [None, f"{CLASS_FILE.stem}.SavedTokenizer"]}
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
