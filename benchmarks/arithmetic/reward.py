"""The embedded process reward model: what Qwen2.5-Math-PRM is in large, a number on every step.

Zhang et al., "The Lessons of Developing Process Reward Models in Mathematical Reasoning"
(arXiv 2501.07301): a Qwen2 model whose head gives each `<extra_0>`, the token that ends a step, the
logits of incorrect and correct. It writes nothing: it sees at a glance what it sees at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.arithmetic.checker import check
from benchmarks.arithmetic.corpus import SYSTEM, Lesson, Piece, cut, policy_prompt
from benchmarks.arithmetic.judging import ReadChain
from benchmarks.arithmetic.learning import encode, pad
from benchmarks.arithmetic.lessons import CUT_SHARE, LEVELLED, new_problem, synthetic_solution
from benchmarks.arithmetic.sampling import Solution
from benchmarks.arithmetic.vocabulary import build_tokenizer
from scorers.prm_families import QWEN_TAG

UNLABELLED, INCORRECT, CORRECT = 0.0, 1.0, 2.0
"""Stands on a tag, where a lesson of a language model has a weight: the label of the step."""
DIFFERS, AGREES = 3.0, 4.0
"""Stands on each token of a step: whether the step so far is what a right one says. With labels
on tags alone the model learned how hard a step is, and hardly anything of its result."""
MARKED_SHARE = 0.5
"""Share of the lessons whose steps begin with `Step 1:`, as they do in a search."""
SAMPLED_SHARE = 0.5
"""Share of the lessons that are samples of the policy."""
LAYERS = 7
"""Those of the policy, which expect a result, and more, which see whether it is the one that stands
there: the policy's own know it at their end only."""


NEARBY = (30.0, 30.0, 20.0, 15.0)
"""What each of the fastest turning pairs of dimensions adds to the logit of the token before."""


class ProcessRewardModel(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """A Qwen2 model with the head of `Qwen2ForProcessRewardModel`, as vLLM names it.

    The layers of the language model that it is made of do not learn. Where they did, the loss
    stayed at what the labels' shares alone give: 0.50 nats after 1,500 batches. The first new one
    begins by looking at the token before: what was expected there is what stands here, or not.
    """

    def __init__(self, language_model: Any, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        taught = language_model.config.num_hidden_layers
        self.model = deepened(language_model.model, LAYERS)
        if taught < LAYERS:
            look_back(self.model.layers[taught].self_attn, self.model.rotary_emb.inv_freq)
        for known in (self.model.embed_tokens, *self.model.layers[:taught]):
            known.requires_grad_(False)
        self.config = self.model.config
        self.generation_config = language_model.generation_config
        hidden = self.config.hidden_size
        self.score = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 2))

    @classmethod
    def load(cls, directory: Path) -> ProcessRewardModel:
        """Returns what `save_pretrained` wrote, in float32 and evaluation mode on the CPU."""
        from safetensors.torch import load_file
        from transformers import Qwen2Config, Qwen2ForCausalLM

        made = cls(Qwen2ForCausalLM(Qwen2Config.from_pretrained(directory)), 0)
        made.load_state_dict(load_file(directory / "model.safetensors"))
        made.eval()
        return made

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.parameters()).device

    def forward(self, ids: Tensor) -> Tensor:
        """Returns the logits of incorrect and correct, (batch, length, 2), of (batch, length)."""
        hidden = self.model(input_ids=ids, use_cache=False).last_hidden_state
        scores: Tensor = self.score(hidden)
        return scores

    def save_pretrained(self, directory: Path) -> None:
        """Writes weights, in float16, and configuration as the authors of Qwen2.5-Math-PRM do."""
        from safetensors.torch import save_file

        directory.mkdir(parents=True, exist_ok=True)
        # What it has beside these is for learning alone: surprise.py.
        names = [name for name in self.state_dict() if name.startswith(("model.", "score."))]
        weights = {name: self.state_dict()[name].half().contiguous() for name in names}
        save_file(weights, directory / "model.safetensors", {"format": "pt"})
        config = {**self.config.to_dict(), "architectures": ["Qwen2ForProcessRewardModel"]}
        text = json.dumps(config, indent=2, sort_keys=True)
        (directory / "config.json").write_text(f"{text}\n", encoding="utf-8")


def deepened(model: Any, layers: int) -> Any:
    """Returns a Qwen2 model that says what `model` says, with so many layers in all.

    The new ones add nothing until they have learned: what they write is multiplied by 0.
    """
    from transformers import Qwen2Config, Qwen2Model

    known = model.config.to_dict()
    if known["num_hidden_layers"] >= layers:
        return model
    kinds = [known["layer_types"][0]] * layers
    made = Qwen2Model(Qwen2Config(**{**known, "num_hidden_layers": layers, "layer_types": kinds}))
    made.load_state_dict(model.state_dict(), strict=False)
    for layer in made.layers[known["num_hidden_layers"] :]:
        nn.init.zeros_(layer.self_attn.o_proj.weight)
        nn.init.zeros_(layer.mlp.down_proj.weight)
    return made


def look_back(attention: Any, turns: Tensor) -> None:
    """Makes all heads of an attention look at the token before, and read the whole of it.

    Queries and keys say the same at every place, a key one place behind, so that they agree best
    there. `turns` are the angles by which rotary embeddings turn from one place to the next; those
    of the first few pairs of dimensions tell nearby places apart. What is read is multiplied by the
    output's weights, which may be 0.
    """
    pairs, heads = len(turns), attention.q_proj.out_features // (2 * len(turns))
    strength = torch.zeros(pairs)
    strength[: len(NEARBY)] = torch.tensor(NEARBY).sqrt() * (2 * pairs) ** 0.25
    query = torch.cat([strength, torch.zeros(pairs)])
    key = torch.cat([strength * turns.cos(), strength * turns.sin()])
    with torch.no_grad():
        attention.q_proj.bias.copy_(query.repeat(heads))
        attention.k_proj.bias.copy_(key.repeat(heads))
        nn.init.eye_(attention.v_proj.weight)
        nn.init.zeros_(attention.v_proj.bias)


def build_reward_tokenizer() -> Any:
    """Returns the policy's tokenizer with the token that ends a step."""
    tokenizer = build_tokenizer("policy")
    tokenizer.add_special_tokens({"additional_special_tokens": [QWEN_TAG]})
    return tokenizer


def ends_steps(language_model: Any, tokenizer: Any) -> None:
    """Makes the tag that ends a step mean what a line end means to the policy."""
    tag, line_end = tokenizer.convert_tokens_to_ids([QWEN_TAG, *tokenizer.tokenize("\n")])
    with torch.no_grad():
        embedding = language_model.get_input_embeddings().weight
        embedding[tag] = embedding[line_end]


def reward_lesson(solution: Solution, marked: bool) -> Lesson:
    """Returns a solution as Qwen2.5-Math-PRM is shown it, its labels in place of weights.

    Steps after the first wrong one have no label, as in PRM800K.
    """
    problem, steps = solution
    asked, pieces = problem.solution(), list[Piece]()
    for number, (step, label) in enumerate(zip(steps, check(problem, steps), strict=True), start=1):
        lead = f"Step {number}: " if marked else ""
        marks = {None: UNLABELLED, False: INCORRECT, True: CORRECT}
        if label is False and number <= len(asked):
            at = first_difference(step, asked[number - 1])
            pieces += [(text, mark) for text, mark in ((lead + step[:at], AGREES),
                                                       (step[at:], DIFFERS)) if text]  # fmt: skip
        else:
            pieces.append((lead + step, AGREES if label else UNLABELLED))
        pieces.append((QWEN_TAG, marks[label]))
    return Lesson(policy_prompt(problem.question, SYSTEM), tuple(pieces))


def first_difference(step: str, asked: str) -> int:
    """Returns the place of the token at which a step becomes another than the one that is asked.

    A step that ends too early has no such token: its length is returned.
    """
    pairs = enumerate(zip(step, asked, strict=False))
    at = next((place for place, (one, other) in pairs if one != other), min(len(step), len(asked)))
    while at and at < len(step) and (step[at - 1] == " " or step[at - 1].isalpha()):
        at -= 1
    return at


def reward_lessons(
    seed: int, exclude: frozenset[str], samples: Sequence[Solution]
) -> Iterator[Lesson]:
    """Yields lessons without end, on `samples` of the policy and on made-up solutions."""
    rng, samples = Random(seed), [each for each in samples if each[1]]
    while True:
        if rng.random() < SAMPLED_SHARE:
            problem, steps = rng.choice(samples)
        else:
            problem = new_problem(rng, LEVELLED, exclude)
            steps = synthetic_solution(rng, problem)
        part = list(cut(rng, steps, CUT_SHARE))
        yield reward_lesson((problem, part), rng.random() < MARKED_SHARE)


def judge_steps(
    model: Any, tokenizer: Any, written: Sequence[Solution], marked: bool = True
) -> list[ReadChain]:
    """Returns the probability that each step is correct, of each solution, in order.

    The whole has that of its last step.
    """
    tag, found = tokenizer.convert_tokens_to_ids(QWEN_TAG), list[ReadChain]()
    rows = [encode(tokenizer, reward_lesson(each, marked)) for each in written]
    for first in range(0, len(rows), 64):
        ids, _ = pad(rows[first : first + 64], tokenizer.pad_token_id)
        with torch.inference_mode():
            shares = model(ids.to(model.device)).float().softmax(-1)[..., 1].cpu()
        for row, of_row in zip(ids, shares, strict=True):
            steps = tuple(of_row[row == tag].tolist())
            found.append(ReadChain("", steps, steps[-1] if steps else None))
    return found
