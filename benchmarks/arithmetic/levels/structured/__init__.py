"""The domain with levels as multiple choice, answered in sections.

Its models are not there yet; `train policy`, then `train verifier`, make them.
"""
