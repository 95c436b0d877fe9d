"""The embedded domain with levels: steps that are hard for a small model, and its policy.

A verifier that it pays to select by is not there yet; `train verifier` makes one.
"""
