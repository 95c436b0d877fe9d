"""The embedded domain: arithmetic that is hard for a small model, its policy and its verifier."""
