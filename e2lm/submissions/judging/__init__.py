"""What a language model is asked about the items of a submission, how, and what its verdicts say together."""
