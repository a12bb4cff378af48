"""Judging by a language model: the prompt, the endpoint, and the accept rate of its verdicts."""
