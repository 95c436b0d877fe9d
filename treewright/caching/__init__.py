"""A cache over runs: replies by what was asked and of whom, so that none is made twice."""
