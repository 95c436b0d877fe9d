"""Every kind of scorer: the `kind` of a config, and where its configuration class lives.

The module of the class also has `async def build(config) -> Scorer`. To add a scorer, write such a
module and one line here.
"""

from __future__ import annotations

SCORERS = {
    "thinkprm": "scorers.thinkprm_config:ThinkPrmConfig",
    "prm": "scorers.prm_config:PrmConfig",
    "orm": "scorers.orm:OrmConfig",
    "judge": "scorers.judge_config:JudgeConfig",
    "confidence": "scorers.confidence:ConfidenceConfig",
    "http": "scorers.http_config:HttpConfig",
    "ensemble": "scorers.ensemble:EnsembleConfig",
    "cascade": "scorers.cascade:CascadeConfig",
    "scripted": "scorers.scripted:ScriptedScorerConfig",
    "simulated": "scorers.simulated:SimulatedScorerConfig",
    "none": "scorers.no_scorer:NoScorerConfig",
}
