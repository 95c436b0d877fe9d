"""Every kind of engine: the `engine.kind` of a policy or a scorer, and where its class lives.

The class derives from `engines.config.EngineConfig`. To add an engine, write such a module and one
line here.
"""

from __future__ import annotations

ENGINES = {
    "vllm": "engines.vllm_config:VllmConfig",
    "vllm_server": "engines.vllm_server_config:VllmServerConfig",
    "openai": "engines.openai_config:OpenAiConfig",
    "scripted": "engines.scripted:ScriptedConfig",
}
DEFAULT = "vllm"
"""The kind of an `engine:` that says none."""
