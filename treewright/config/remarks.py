"""What the reference says of a key in words of its own, by dataclass and field.

Only where the docstring says nothing of the field, or says it to those who read the code.
"""

from __future__ import annotations

from collections.abc import Mapping

REMARKS: Mapping[tuple[str, str], str] = {
    ("Config", "name"): "Names the folder of the runs; left out, it is the config file's name.",
    ("Config", "seed"): "Every call's own seed is a hash of it, of the problem and of the path.",
    ("Config", "output_dir"): "The folder in which runs are kept, `output_dir/name/…`.",
    ("Config", "policy"): "Who proposes solutions.",
    ("Config", "scorer"): "Who judges them; `kind: none` is nobody.",
    ("Config", "strategy"): "How solutions are searched for.",
    ("Config", "aggregate"): (
        "How step probabilities become a score: `min` over the steps, `history.min` over the "
        "prefixes (`treewright ls aggregations`). Left out, `min`, `product` and `last` are "
        "reported, `history.last` where the scorer judges no steps, and none where no verifier is "
        "asked."
    ),
    ("Config", "select"): (
        "How candidates become an answer (`treewright ls selections`). Left out, all of them; "
        "where no verifier is asked, those that need no score."
    ),
    ("ClusterConfig", "policy_replicas"): "How many times the policy is loaded.",
    ("ClusterConfig", "scorer_replicas"): "How many times the verifier is loaded.",
    ("QwenConfig", "few_shots"): "Worked examples, shown before the question.",
    ("QwenConfig", "feedback_template"): (
        "The user turn that tells a verifier's `{verdicts}` on an earlier attempt, in searches "
        "that give feedback."
    ),
    ("FewShot", "question"): "What is asked; `prompt_template` makes a user turn of it.",
    ("FewShot", "solution"): "The answer, word for word.",
    ("EngineConfig", "max_num_seqs"): "The most requests that vLLM computes side by side.",
    ("EngineConfig", "tensor_parallel_size"): "Over how many GPUs one replica is spread.",
    ("EngineConfig", "enforce_eager"): "Do without CUDA graphs: it starts sooner and runs slower.",
    ("EngineConfig", "quantization"): "A method by vLLM's name; null is what the checkpoint says.",
    ("EngineConfig", "revision"): "A branch, tag or commit of a model on the Hugging Face hub.",
    ("PolicySampling", "temperature"): "0 is greedy.",
    ("PolicySampling", "top_p"): "Only the likeliest tokens that have this probability together.",
    ("ThinkPrmConfig", "model"): "A folder or a name on the Hugging Face hub.",
    ("ThinkPrmConfig", "prefill"): (
        "How the verifier's turn begins: `none` with `<think>` alone; `verify_step` with the first "
        "line of its training chains and `Step 1:`, about half the tokens; `card` as the model "
        "card has it, for comparison."
    ),
    ("ThinkPrmConfig", "top_p"): "Only the likeliest tokens that have this probability together.",
    ("ThinkPrmConfig", "retry_temperature"): "The temperature of a retry.",
    ("Faults", "exit_on"): (
        "A question that contains this text ends the process at once, as a segmentation fault does "
        "(for actors only)."
    ),
    ("Budget", "policy_tokens"): "Of the policy.",
    ("Budget", "verifier_tokens"): "Of the verifier.",
    ("Budget", "total_tokens"): "Of both together.",
    ("Mcts", "widen"): "Fewer children at first; null for none of it.",
    ("Mcts", "selection"): (
        "The bound: `uct` (Kocsis & Szepesvári 2006) or `puct` (Silver et al. 2017)."
    ),
    ("Mcts", "exploration"): "The weight of the bound's second term; with 0 it never explores.",
    ("Mcts", "value"): (
        "A node is worth the verifier's judgement of its prefix (`judge`), or that of ends drawn "
        "from it (`rollout`)."
    ),
    ("Mcts", "rollout"): "How ends are drawn: `sampled`, or `greedy`, which is one.",
    ("Mcts", "backup"): "Q of a node is the `mean` of the values below it, or their `max`.",
    ("Widening", "c"): "The factor, above 0.",
    ("Widening", "alpha"): "The exponent, above 0 and at most 1.",
}
