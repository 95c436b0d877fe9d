"""The fields of a chat request that decide nothing: what passes, and what cannot be done for it.

Chat apps send more than they mean. What only says how tokens are drawn, or who asks, passes; a
field that asks for something is refused unless its value asks for nothing; so are all other names.
"""

from __future__ import annotations

from typing import Any

from treewright.serving.faults import bad

SAMPLING = (
    *("temperature", "top_p", "max_tokens", "max_completion_tokens", "presence_penalty"),
    *("frequency_penalty", "reasoning_effort", "top_k", "min_p", "repetition_penalty"),
    *("repeat_penalty", "repeat_last_n", "typical_p", "tfs_z", "top_a", "mirostat"),
    *("mirostat_eta", "mirostat_tau", "num_ctx", "num_predict", "verbosity", "reasoning"),
    *("include_reasoning", "think", "thinking", "chat_template_kwargs"),
)
"""What chat apps always send and a search does not use: how tokens are drawn, the config says."""
ASIDE = (
    *("user", "metadata", "store", "safety_identifier", "prompt_cache_key", "service_tier"),
    *("prompt_cache_retention", "chat_id", "session_id", "conversation_id", "message_id", "id"),
    *("ttl", "keep_alive", "cache_prompt"),
)
"""What says nothing about the answer."""
NO_TOOLS = "a search calls no tools"
NO_LOGPROBS = "a search gives no log-probabilities; the extension field has scores"
TEXT_ALONE = "a search answers in plain text"
NO_LOOKING_UP = "a search looks nothing up"
REFUSED = {
    "tools": NO_TOOLS,
    "tool_choice": NO_TOOLS,
    "tool_ids": NO_TOOLS,
    "parallel_tool_calls": NO_TOOLS,
    "functions": "a search calls no functions",
    "function_call": "a search calls no functions",
    "response_format": TEXT_ALONE,
    "logprobs": NO_LOGPROBS,
    "top_logprobs": NO_LOGPROBS,
    "logit_bias": "how tokens are drawn, the config says",
    "stop": "where a solution ends, the config says",
    "audio": TEXT_ALONE,
    "modalities": TEXT_ALONE,
    "prediction": "a search predicts nothing beforehand",
    "web_search_options": NO_LOOKING_UP,
    "web_search": NO_LOOKING_UP,
    "plugins": NO_LOOKING_UP,
    "files": "a search reads no files",
}
"""Fields of the API, and of those who extend it, that ask for something that a search cannot do."""
HARMLESS: dict[str, tuple[object, ...]] = {
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "tool_ids": ([],),
    "parallel_tool_calls": (True, False),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "stop": ([], ""),
    "modalities": (["text"],),
    "web_search": (False,),
    "plugins": ([],),
    "files": ([],),
}
"""Their values that ask for nothing."""
ECHOED = ("refusal", "annotations", "audio", "function_call", "tool_calls", "images")
"""What clients send back of an answer, beside its text; empty where there was none."""
THOUGHT = ("reasoning", "reasoning_content", "reasoning_details")
"""What a model thought before an answer is not in a prompt any more."""


def put_aside(said: dict[str, Any]) -> tuple[str, ...]:
    """Take out of a request what decides nothing; the names of those that the config decides.

    Raises `ApiFault` for what cannot be done.
    """
    for name, why in REFUSED.items():
        value = said.pop(name, None)
        if value is not None and value not in HARMLESS.get(name, ()):
            raise bad(name, f"{why}; leave it out", "unsupported_parameter")
    for name in ASIDE:
        said.pop(name, None)
    messages = said.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict):
            _tidy(message)
    return tuple(name for name in SAMPLING if said.pop(name, None) is not None)


def _tidy(message: dict[str, Any]) -> None:
    """The same of one message and its parts."""
    for name in ECHOED:
        if name in message and not message[name]:
            del message[name]
    if message.get("role") == "assistant":
        for name in THOUGHT:
            message.pop(name, None)
    content = message.get("content")
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict):
            part.pop("cache_control", None)
