"""An answer as the chat API says it: whole, or in chunks."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TypeAlias

from search.core import Spent, total
from treewright.hiding import hide, hide_in
from treewright.ledger import Ledger, known, summed
from treewright.serving.answer import Answer
from treewright.serving.chat import Chat

Json: TypeAlias = dict[str, object]
EXTENSION = "treewright"


def completion(chat: Chat, answer: Answer) -> Json:
    """The whole answer."""
    choice: Json = {
        "index": 0,
        "message": {"role": "assistant", "content": text_of(answer), "refusal": None},
        "logprobs": None,
        "finish_reason": reason(answer),
    }
    return {
        **_head(chat, answer, "chat.completion"),
        "choices": [choice],
        "usage": usage(answer),
        EXTENSION: extension(chat, answer),
    }


def chunks(chat: Chat, answer: Answer) -> Iterator[str]:
    """The events of a stream: the solution, why it ended, what it cost where that is asked."""
    head = _head(chat, answer, "chat.completion.chunk")
    asked = chat.stream_options is not None and chat.stream_options.include_usage
    beside: Json = {"usage": None} if asked else {}

    def chunk(delta: Json, ended: str | None, **more: object) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": ended}
        return event({**head, "choices": [choice], **beside, **more})

    yield chunk({"role": "assistant", "content": ""}, None)
    yield chunk({"content": text_of(answer)}, None)
    yield chunk({}, reason(answer), **{EXTENSION: extension(chat, answer)})
    if asked and (cost := usage(answer)) is not None:
        yield event({**head, "choices": [], "usage": cost})
    yield DONE


DONE = "data: [DONE]\n\n"


def event(said: Json) -> str:
    """One server-sent event."""
    return f"data: {json.dumps(said, allow_nan=False)}\n\n"


def comment(text: str) -> str:
    """What a client of the API passes over."""
    return f": {' '.join(text.split())}\n\n"


def text_of(answer: Answer) -> str:
    """The chosen solution; no secret is in it."""
    return hide(answer.found.solution or "")


def reason(answer: Answer) -> str:
    """`stop`, or `length` where the solution is not finished."""
    chosen = answer.found.chosen
    whole = chosen is not None and answer.found.candidates[chosen].path.finished
    return "stop" if whole else "length"


def usage(answer: Answer) -> Json | None:
    """Tokens of policy and verifier together; `verifier_tokens` are among the completion's.

    None where the tokens of a call are unknown: it was cut, or nobody told them.
    """
    ledger = Ledger.of([answer.found.searched])
    both = summed([ledger.policy, ledger.verifier])
    if both.prompt is None or both.generated is None:
        return None
    return {
        "prompt_tokens": both.prompt,
        "completion_tokens": both.generated,
        "total_tokens": both.prompt + both.generated,
        "prompt_tokens_details": {
            "cached_tokens": both.cached,
            "verifier_tokens": ledger.verifier.prompt,
        },
        "completion_tokens_details": {"verifier_tokens": ledger.verifier.generated},
    }


def counted(answer: Answer) -> Json:
    """What is known to have been spent, by side; calls whose tokens are unknown are `uncounted`."""
    costs = answer.found.searched.costs
    sides = {"policy": costs.policy.values(), "verifier": costs.verifier.values()}
    return {side: _counted(list(spent)) for side, spent in sides.items()}


def _counted(spent: list[Spent]) -> Json:
    told = total(each for each in spent if known(each))
    return {
        "calls": total(spent).calls,
        "uncounted": sum(each.calls for each in spent if not known(each)),
        "prompt_tokens": told.prompt,
        "completion_tokens": told.generated,
    }


def extension(chat: Chat, answer: Answer) -> Json:
    """What a search knows beyond the API."""
    found = answer.found
    score = found.score
    told: Json = {
        "answer": found.answer,
        "score": score if isinstance(score, float) else None,
        "chosen": found.chosen,
        "chosen_by": f"{found.aggregate} {found.select}" if found.aggregate else found.select,
        "candidates": [
            {
                "path": candidate.path.id,
                "text": candidate.path.text,
                "finished": candidate.path.finished,
                "answer": said,
                "score": rated,
                "vote_share": share,
            }
            for candidate, said, rated, share in zip(
                found.candidates, answer.answers, answer.scores, answer.shares, strict=True
            )
        ],
        "best_so_far": answer.ended_by is not None,
        "ended_by": answer.ended_by,
        "counted": counted(answer),
        "tree": answer.kept.id,
        "ignored": list(chat.ignored),
    }
    hidden = hide_in(told)
    assert isinstance(hidden, dict)
    return hidden


def _head(chat: Chat, answer: Answer, kind: str) -> Json:
    return {
        "id": f"chatcmpl-{answer.kept.folder.path.name.rpartition('-')[2]}",
        "object": kind,
        "created": int(time.time()),
        "model": chat.model,
    }
