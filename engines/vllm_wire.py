"""What is said to a vLLM server and what it says: requests and generations as JSON.

vLLM 0.32 takes token ids and whole sampling parameters at `/inference/v1/generate`, where it was
started with `--enable-scale-out`. Without that, on an older server and behind a gateway there is
`/v1/completions`, which takes prompts of token ids, and gives token ids back since 0.10.2.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from engines.engine import Finish, Generation, Request, room
from engines.stop_strings import few
from engines.sureness import sureness, told_logprob
from search.core import Sureness

Json: TypeAlias = Mapping[str, Any]
Ending: TypeAlias = tuple[Finish, int | str | None]

GENERATE, COMPLETIONS = "/inference/v1/generate", "/v1/completions"
FINISHES = {"length": Finish.LENGTH, "repetition": Finish.LOOP, "abort": Finish.ABORT}
ENDS = ("stop", *FINISHES)
"""vLLM's finish reasons whose tokens count. All others (`error`, and what a later vLLM may add) are
faults of the engine that hit this request alone."""
MAX_LOGPROBS = 20
"""So many log-probabilities a server gives at `/inference/v1/generate`, unless it was started with
another `--max-logprobs`; at `/v1/completions` the limit does not hold for given tokens."""
FLOOR = -9999.0
"""What JSON has for a log-probability of minus infinity."""
TOKEN = "token_id:"


class Unlike(Exception):
    """An answer of another shape. A few words: what is wrong with it."""


def sampling_fields(
    request: Request, max_model_len: int, eos_ids: Collection[int]
) -> dict[str, Any]:
    """The fields of vLLM's `SamplingParams` that a request sets. Text only for stop strings."""
    asked = request.sampling
    return {
        "max_tokens": room(request, max_model_len),
        "temperature": asked.temperature,
        "top_p": asked.top_p,
        # Said even where they say nothing: a server has the checkpoint's own defaults.
        "top_k": asked.top_k,
        "min_p": asked.min_p,
        "repetition_penalty": asked.repetition_penalty,
        "seed": asked.seed,
        "ignore_eos": True,  # the ends of a turn are among the stop tokens
        "stop_token_ids": [*eos_ids, *asked.stop_token_ids],
        "stop": list(asked.stop),
        "detokenize": bool(asked.stop),
        "skip_special_tokens": False,
        "spaces_between_special_tokens": False,
        "logprob_token_ids": list(asked.logprob_ids) or None,
        "allowed_token_ids": list(asked.allowed_ids) or None,
        "repetition_detection": {
            "max_pattern_size": asked.loop_ngram,
            "min_pattern_size": asked.shortest_pattern,
            "min_count": asked.loop_repeats,
        }
        if asked.loop_ngram
        else None,
    }


def generate_body(request: Request, model: str, fields: dict[str, Any]) -> dict[str, Any]:
    """For `/inference/v1/generate`."""
    fields = dict(fields)
    if ids := fields["logprob_token_ids"]:
        # Of the tokens asked for and the one sampled it gives as many as were asked for: one more
        # is asked for, and may be the one that is left out.
        fields["logprob_token_ids"] = ids = [*ids, spare(ids)]
        fields["logprobs"] = len(ids)
    body = {"model": model, "token_ids": list(request.prompt), "sampling_params": fields}
    return body | ({"cache_salt": request.cache} if request.cache else {})


def spare(ids: Sequence[int]) -> int:
    """A token that is not among these."""
    return next(token for token in range(len(ids) + 1) if token not in ids)


def completions_body(request: Request, model: str, fields: dict[str, Any]) -> dict[str, Any]:
    """For `/v1/completions`."""
    body = {
        "model": model,
        "prompt": list(request.prompt),
        "return_token_ids": True,
        **{name: value for name, value in fields.items() if name != "detokenize"},
        "stop": few(fields["stop"]),
    }
    if asked := len(fields["logprob_token_ids"] or ()) or request.sampling.likeliest:
        body |= {"logprobs": asked, "return_tokens_as_token_ids": True}
    return body | ({"cache_salt": request.cache} if request.cache else {})


def path_of(request: Request, preferred: str) -> str:
    """Where a request is sent: to the preferred path, unless that does not serve it.

    Of the sampled token and the likeliest `/inference/v1/generate` tells one too few.
    """
    asked = request.sampling
    spared = asked.likeliest or len(asked.logprob_ids) >= MAX_LOGPROBS
    return COMPLETIONS if spared else preferred


def generation(
    answer: Json, path: str, request: Request, eos_ids: Collection[int]
) -> Generation | str:
    """The port's view of an answer, or why vLLM gave up this request. Raises `Unlike`."""
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and len(choices) == 1 else None
    if not isinstance(choice, dict):
        raise Unlike("it has not one choice")
    reason = choice.get("finish_reason")
    if reason not in ENDS:
        return f"vLLM ended the request with {reason!r}"
    ids = token_ids(choice)
    if len(ids) > request.sampling.max_tokens:
        raise Unlike(f"it has {len(ids)} tokens and was asked for {request.sampling.max_tokens}")
    prompt, cached = counted(answer.get("usage"), len(request.prompt), len(ids))
    finish, stop = ending(reason, choice.get("stop_reason"), ids, eos_ids)
    if likeliest := request.sampling.likeliest:
        sure = surenesses(completions_logprobs(choice), likeliest, len(ids))
        logprob = math.fsum(each.logprob for each in sure)
        return Generation(ids, finish, stop, (), logprob, prompt, cached, sure)
    if not request.sampling.logprob_ids:
        return Generation(ids, finish, stop, prompt_tokens=prompt, cached_tokens=cached)
    read = generate_logprobs if path == GENERATE else completions_logprobs
    own, asked = logprobs(read(choice), request.sampling.logprob_ids, len(ids))
    return Generation(ids, finish, stop, asked, own, prompt, cached)


def token_ids(choice: Json) -> tuple[int, ...]:
    """What was generated."""
    ids = choice.get("token_ids")
    if not isinstance(ids, list) or not all(map(is_token, ids)):
        raise Unlike("it has no token_ids: vLLM gives them since 0.10.2")
    return tuple(ids)


def is_token(token: object) -> bool:
    """Whether it may be the id of a token."""
    return type(token) is int and 0 <= token < 2**31


def ending(reason: str, stop: object, ids: Sequence[int], eos_ids: Collection[int]) -> Ending:
    """Why it ended, of vLLM's `finish_reason` and `stop_reason`."""
    if reason != "stop":
        return FINISHES[reason], None
    if isinstance(stop, str):
        return Finish.STOP, stop
    if not ids:
        raise Unlike("it stopped at a token and has none")
    return (Finish.EOS, None) if ids[-1] in eos_ids else (Finish.STOP, ids[-1])


def counted(usage: object, prompt: int, generated: int) -> tuple[int, int | None]:
    """Tokens of the prompt and those of them that were cached, None where that is not told.

    Raises `Unlike` where the counts are not those of the tokens that were sent and came.
    """
    said = usage if isinstance(usage, dict) else {}
    told = said.get("prompt_tokens"), said.get("completion_tokens")
    if told != (prompt, generated):
        raise Unlike(f"its usage says {told[0]} + {told[1]} tokens, it had {prompt} + {generated}")
    details = said.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    if cached is not None and not (type(cached) is int and 0 <= cached <= prompt):
        raise Unlike(f"its usage says that {cached!r} of {prompt} tokens were cached")
    return prompt, cached


Position: TypeAlias = tuple[float, Mapping[int, float]]
"""The sampled token's log-probability, and those of tokens by their ids."""


def generate_logprobs(choice: Json) -> list[Position]:
    """Those of `/inference/v1/generate`."""
    said = choice.get("logprobs")
    try:
        return [
            (
                told_logprob(at["logprob"]),
                {each["token_id"]: told_logprob(each["logprob"]) for each in at["top_logprobs"]},
            )
            for at in (said or {})["content"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise Unlike("it has no log-probabilities") from error


def completions_logprobs(choice: Json) -> list[Position]:
    """Those of `/v1/completions`."""
    said = choice.get("logprobs")
    try:
        said = said or {}
        pairs = zip(said["token_logprobs"], said["top_logprobs"], strict=True)
        return [
            (
                told_logprob(own),
                {int(name.removeprefix(TOKEN)): told_logprob(v) for name, v in top.items()},
            )
            for own, top in pairs
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unlike("it has no log-probabilities by token id") from error


def logprobs(
    positions: Sequence[Position], ids: Sequence[int], generated: int
) -> tuple[float, tuple[Mapping[int, float], ...]]:
    """The sum of those of the sampled tokens, and at each position those that were asked for."""
    if len(positions) != generated:
        raise Unlike(f"it has log-probabilities of {len(positions)} of {generated} tokens")
    lacking = [token for _, top in positions for token in ids if token not in top]
    if lacking:
        raise Unlike(
            f"it has no log-probability of token {lacking[0]}: the server does not know "
            "logprob_token_ids, vLLM 0.32 does"
        )
    asked = tuple({token: open_ended(top[token]) for token in ids} for _, top in positions)
    return math.fsum(open_ended(own) for own, _ in positions), asked


def surenesses(
    positions: Sequence[Position], likeliest: int, generated: int
) -> tuple[Sureness, ...]:
    """How sure it was of each token. Where the sampled one is no likely one, k + 1 are told."""
    if len(positions) != generated:
        raise Unlike(f"it has log-probabilities of {len(positions)} of {generated} tokens")
    fewest = min((len(top) for _, top in positions), default=likeliest)
    if fewest < likeliest:
        raise Unlike(f"it tells {fewest} of the {likeliest} likeliest tokens at a position")
    return tuple(
        sureness(own, sorted(top.values(), reverse=True)[:likeliest]) for own, top in positions
    )


def open_ended(logprob: float) -> float:
    """Minus infinity where it stands for that."""
    return logprob if logprob > FLOOR else -math.inf
