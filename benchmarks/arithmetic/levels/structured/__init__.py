"""The domain with levels as multiple choice, answered in sections."""
