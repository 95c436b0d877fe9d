"""Keys that came with the whole of vLLM: what reaches it, and what a fingerprint says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engines.engine import Refused, Request, Sampling, refusal
from engines.openai_config import OpenAiConfig
from engines.openai_wire import chat_body
from engines.texts import TextRequest
from engines.tokenizer import HfTokenizer, TokenizerError
from engines.vllm_config import VllmConfig
from engines.vllm_setup import engine_arguments
from engines.vllm_wire import completions_body, generate_body, sampling_fields
from policies.qwen_config import PolicySampling, QwenConfig

SAID: dict[str, Any] = {"top_k": 7, "min_p": 0.1, "repetition_penalty": 1.2}


def folder(tmp_path: Path, **config: Any) -> str:
    (tmp_path / "config.json").write_text(json.dumps({"max_position_embeddings": 100} | config))
    (tmp_path / "tokenizer.json").write_text("{}")
    return str(tmp_path)


@pytest.mark.parametrize("body", [generate_body, completions_body])
@pytest.mark.parametrize("said", [SAID, {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}])
def test_a_server_is_told_what_is_drawn_from(body: Any, said: dict[str, Any]) -> None:
    request = Request((5,), Sampling(4, **said))
    told = body(request, "m", sampling_fields(request, 40, [2]))
    told = told.get("sampling_params", told)
    assert {name: told[name] for name in SAID} == said


@pytest.mark.engine
def test_vllm_in_process_is_told_the_same() -> None:
    from engines.vllm_engine import sampling_parameters

    told = sampling_parameters(Request((5,), Sampling(4, **SAID)), 40, [2])
    assert {name: getattr(told, name) for name in SAID} == SAID


@pytest.mark.parametrize(
    "said", [{"top_k": -1}, {"min_p": 1.1}, {"repetition_penalty": 0.0}, {"stop": ("",)}]
)
def test_what_no_engine_can_draw_from_is_refused(said: dict[str, Any]) -> None:
    assert isinstance(refusal(Request((5,), Sampling(4, **said)), 40, 99), Refused)
    with pytest.raises(ValueError, match=next(iter(said))):
        PolicySampling(**said)


@pytest.mark.parametrize("name", SAID)
def test_an_api_that_has_no_such_key_is_told_of_in_one_line(name: str) -> None:
    with pytest.raises(ValueError, match=rf"sampling.{name}: .* engine.extra_body"):
        QwenConfig("m", engine=OpenAiConfig(), sampling=PolicySampling(**{name: SAID[name]}))


def test_an_api_takes_four_stop_strings() -> None:
    with pytest.raises(ValueError, match="4 strings at most"):
        QwenConfig("m", engine=OpenAiConfig(), sampling=PolicySampling(stop=tuple("abcde")))


def test_yarn_says_what_the_context_was_and_is(tmp_path: Path) -> None:
    model = folder(tmp_path, rope_theta=1e6)
    told = engine_arguments(model, VllmConfig(yarn_factor=4.0), "cuda")
    assert told["hf_overrides"] == {
        "max_position_embeddings": 400,
        "rope_parameters": {
            "rope_type": "yarn",
            "rope_theta": 1e6,
            "factor": 4.0,
            "original_max_position_embeddings": 100,
        },
    }
    assert "hf_overrides" not in engine_arguments(model, VllmConfig(), "cuda")
    assert VllmConfig(yarn_factor=4.0).context(model) == 400


@pytest.mark.parametrize(
    ("said", "config", "told"),
    [
        ({"max_model_len": 101}, {}, "takes 100 tokens"),
        ({"max_model_len": 401, "yarn_factor": 4.0}, {}, "takes 400 tokens"),
        ({"yarn_factor": 4.0}, {"rope_scaling": {"type": "yarn"}}, "scales its context already"),
        ({"max_model_len": 400, "yarn_factor": 4.0}, {}, ""),
        ({"max_model_len": 400}, {"rope_scaling": {"type": "linear", "factor": 4}}, ""),
    ],
)
def test_a_context_beyond_the_models_is_told_before_the_start(
    tmp_path: Path, said: dict[str, Any], config: dict[str, Any], told: str
) -> None:
    problem = VllmConfig(**said).lacks(folder(tmp_path, **config))
    assert told in problem
    assert bool(problem) == bool(told)


def test_what_is_said_reaches_vllm() -> None:
    said = VllmConfig(pipeline_parallel_size=2, kv_cache_dtype="fp8", trust_remote_code=True)
    told = engine_arguments("m", said, "cuda")
    assert (told["pipeline_parallel_size"], told["kv_cache_dtype"]) == (2, "fp8")
    assert (told["trust_remote_code"], told["distributed_executor_backend"]) == (True, "mp")
    assert said.machine.gpus == 2
    assert engine_arguments("m", VllmConfig(), "cpu")["trust_remote_code"] is False


COUNTED: dict[str, Any] = {
    "chat_template_args": {"enable_thinking": False},
    "trust_remote_code": True,
    "kv_cache_dtype": "fp8",
    "yarn_factor": 2.0,
    "lora": "own/adapter",
}


@pytest.mark.parametrize("name", COUNTED)
def test_a_key_counts_in_the_fingerprint_once_it_says_something(name: str) -> None:
    assert VllmConfig(**{name: COUNTED[name]}).identity()[name] == COUNTED[name]
    assert name not in VllmConfig().identity()
    assert "pipeline_parallel_size" not in VllmConfig(pipeline_parallel_size=2).identity()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"extra": {"kv_cache_dtype": "fp8"}}, "use engine.kv_cache_dtype"),
        ({"extra": {"enable_lora": True}}, "use engine.lora"),
        ({"extra": {"hf_overrides": {}}, "yarn_factor": 2.0}, "engine.yarn_factor already"),
        ({"kv_cache_dtype": "fp9"}, "did you mean 'fp8'"),
        ({"yarn_factor": 1.0}, "yarn_factor"),
        ({"lora_revision": "main"}, "null without lora"),
        ({"chat_template_args": {"messages": []}}, "chat_template_args"),
    ],
)
def test_what_contradicts_a_key_is_refused(said: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        VllmConfig(**said)


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A tokenizer whose chat template closes the thought as Qwen3's does."""
    made = tmp_path_factory.mktemp("thinker")
    for file in (root / "benchmarks/arithmetic/policy").iterdir():
        if file.suffix in (".json", ".jinja"):
            (made / file.name).write_bytes(file.read_bytes())
    (made / "chat_template.jinja").write_text(
        "{{ messages[0].content }}{% if enable_thinking is defined and not enable_thinking %}"
        "<think>\n\n</think>\n\n{% endif %}"
    )
    return made


def test_the_chat_template_is_told_its_arguments(thinker: Path) -> None:
    turns = [{"role": "user", "content": "1 + 2"}]
    plain = HfTokenizer.load(str(thinker))
    told = HfTokenizer.load(str(thinker), template_args={"enable_thinking": False})
    assert told.chat(turns) == (*plain.chat(turns), *told.chat([{**turns[0], "content": ""}]))
    assert told.decode(told.chat(turns)).endswith("<think>\n\n</think>\n\n")


def test_an_argument_that_no_template_asks_for_is_one_line(thinker: Path) -> None:
    with pytest.raises(TokenizerError, match="asks for no enable_thinkin:"):
        HfTokenizer.load(str(thinker), template_args={"enable_thinkin": False})


def test_an_api_is_told_them_too() -> None:
    config = OpenAiConfig(chat_template_args={"enable_thinking": False})
    said = chat_body(TextRequest((), "", 1), "m", config)
    assert said["chat_template_kwargs"] == {"enable_thinking": False}
    assert "chat_template_kwargs" not in chat_body(TextRequest((), "", 1), "m", OpenAiConfig())
