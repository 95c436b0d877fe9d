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
MARKED_SHARE = 0.5
"""Share of the lessons whose steps begin with `Step 1:`, as they do in a search."""
SAMPLED_SHARE = 0.5
"""Share of the lessons that are samples of the policy."""
LAYERS = 7
"""Those of the policy, which expect a result, and more, which see whether it is the one that stands
there: the policy's own know it at their end only."""


class ProcessRewardModel(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """A Qwen2 model with the head of `Qwen2ForProcessRewardModel`, as vLLM names it.

    The layers of the language model that it is made of do not learn. Where they did, the loss
    stayed at what the labels' shares alone give: 0.50 nats after 1,500 batches.
    """

    def __init__(self, language_model: Any, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        taught = language_model.config.num_hidden_layers
        self.model = deepened(language_model.model, LAYERS)
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
        weights = {name: tensor.half().contiguous() for name, tensor in self.state_dict().items()}
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


def build_reward_tokenizer() -> Any:
    """Returns the policy's tokenizer with the token that ends a step."""
    tokenizer = build_tokenizer("policy")
    tokenizer.add_special_tokens({"additional_special_tokens": [QWEN_TAG]})
    return tokenizer


def reward_lesson(solution: Solution, marked: bool) -> Lesson:
    """Returns a solution as Qwen2.5-Math-PRM is shown it, its labels in place of weights.

    Steps after the first wrong one have no label, as in PRM800K.
    """
    problem, steps = solution
    pieces = list[Piece]()
    for number, (step, label) in enumerate(zip(steps, check(problem, steps), strict=True), start=1):
        text = f"Step {number}: {step}" if marked else step
        marks = {None: UNLABELLED, False: INCORRECT, True: CORRECT}
        pieces += [(text, UNLABELLED), (QWEN_TAG, marks[label])]
    return Lesson(policy_prompt(problem.question, SYSTEM), tuple(pieces))


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


def label_loss(model: Any, ids: Tensor, labels: Tensor) -> Tensor:
    """Returns the mean cross-entropy of the labelled steps."""
    kept = labels > 0
    logits = model.score(model.model(input_ids=ids, use_cache=False).last_hidden_state[kept])
    return nn.functional.cross_entropy(logits.float(), (labels[kept] - INCORRECT).long())


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
