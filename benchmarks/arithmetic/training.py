"""What the commands that train a stand-in share: options, progress figures, the checkpoint."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.arithmetic.learning import Schedule, set_threads
from benchmarks.arithmetic.vocabulary import save_tokenizer

Watch = Callable[[Any], str]
"""From a model to what a progress line says of it."""
JUDGED_EVERY = 6
"""A verifier's chains take long: an untrained model writes each as long as a chain may be."""
Role = tuple[Schedule, Callable[[Schedule], Any]]
"""How long a role learns by default, and what returns its trained model."""


def parser(
    module: str, threads: int | None = None, roles: Sequence[str] = ("policy", "verifier")
) -> argparse.ArgumentParser:
    """Returns the options that all these commands have."""
    made = argparse.ArgumentParser(prog=f"python -m {module}")
    made.add_argument("role", choices=roles)
    made.add_argument("--out", type=Path, help="checkpoint folder (default: beside this file)")
    made.add_argument("--seed", type=int, default=0)
    length = made.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="optimiser steps")
    length.add_argument("--minutes", type=float, help="train by the clock: not reproducible")
    made.add_argument("--resume", action="store_true",
                      help="go on with a stopped run from its last progress line")  # fmt: skip
    made.add_argument("--rate", type=float, help="peak learning rate")
    made.add_argument("--threads", type=int, default=threads,
                      help="CPU threads (default: PyTorch's choice)")  # fmt: skip
    return made


def make(
    options: argparse.Namespace,
    home: Path,
    roles: Mapping[str, Role],
    tokenizer: Callable[[str], Any],
) -> int:
    """Trains the model of the role that is asked for, writes its checkpoint and returns 0.

    Args:
        options: as `parser` reads them.
        home: the folder whose folder of the role's name is written by default.
        roles: how each role is trained.
        tokenizer: from a role to its tokenizer.
    """
    if options.threads:
        set_threads(options.threads)
    schedule, train = roles[options.role]
    steps, rate = options.steps or schedule.steps, options.rate or schedule.rate
    minutes, resume = options.minutes, options.resume
    model = train(replace(schedule, steps=steps, rate=rate, minutes=minutes, resume=resume))
    out = options.out or home / options.role
    save(model.cpu(), tokenizer(options.role), out)
    print(f"wrote {out}")
    return 0


def solving(solved: Callable[[Any, float], Sequence[bool]]) -> Watch:
    """Returns what watches a policy: its share of problems solved, sampled and greedy.

    Args:
        solved: from a model and a temperature to whether it solves each watched problem.
    """

    def watch(model: Any) -> str:
        parts = []
        for name, temperature in (("pass@1", 1.0), ("greedy", 0.0)):
            right = solved(model, temperature)
            parts.append(f"{name} {sum(right) / len(right):.2f}")
        return " ".join(parts)

    return watch


def rarely(watch: Watch, every: int = JUDGED_EVERY) -> Watch:
    """Returns `watch`, whose figures only each `every`th line then has."""
    lines = count(1)
    return lambda model: "" if next(lines) % every else watch(model)


def name_special_tokens(model: Any, tokenizer: Any) -> None:
    """Makes the model's configuration name this tokenizer's special tokens."""
    for config in (model.config, model.generation_config):
        config.bos_token_id = tokenizer.bos_token_id
        config.eos_token_id = tokenizer.eos_token_id
        config.pad_token_id = tokenizer.pad_token_id


def save(model: Any, tokenizer: Any, directory: Path) -> None:
    """Writes a Hugging Face checkpoint: weights and configuration, tokenizer, chat template."""
    model.save_pretrained(directory)
    (directory / "model.safetensors").chmod(0o644)
    save_tokenizer(tokenizer, directory)
