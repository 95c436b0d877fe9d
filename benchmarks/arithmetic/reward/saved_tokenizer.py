"""The class that a stand-in's tokenizer_config.json names under `auto_map`.

`AutoTokenizer` rebuilds the tokenizer of every model of type qwen2 with Qwen's own split, whatever
`tokenizer_class` says, and so gives other ids; only where an `auto_map` is named does it go by
`tokenizer_class` and read tokenizer.json as it is. With `trust_remote_code` it takes the class from
the copy of this file that lies in the checkpoint.
"""

from transformers import PreTrainedTokenizerFast


class SavedTokenizer(PreTrainedTokenizerFast):  # type: ignore[misc]
    """The tokenizer exactly as tokenizer.json has it."""
