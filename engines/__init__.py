"""Engines: token ids in, token ids out. The Engine port, who serves it, and tokenizers."""
