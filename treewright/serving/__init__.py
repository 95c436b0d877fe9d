"""A search behind the endpoint that apps speak: one question, one answer, no run of many."""
