"""What vLLM is given with a request, in whatever process it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from engines.engine import Request
from engines.scoring import ScoreRequest

Asked = TypeVar("Asked", Request, ScoreRequest)
Told = TypeVar("Told")


def prompt_of(request: Request | ScoreRequest) -> Any:
    """VLLM's input of these tokens."""
    from vllm.inputs.engine import tokens_input

    return tokens_input(list(request.prompt), cache_salt=request.cache or None)


def adapted(adapter: Path | None) -> dict[str, Any]:
    """What vLLM is told with every request that an adapter answers."""
    if adapter is None:
        return {}
    from vllm.lora.request import LoRARequest

    return {"lora_request": LoRARequest("adapter", 1, str(adapter))}
