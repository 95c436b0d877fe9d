"""A verifier alone, on solutions whose steps are labelled: the verb `verify`."""
