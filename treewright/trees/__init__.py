"""The tree of a search, as a person or another program reads it."""
