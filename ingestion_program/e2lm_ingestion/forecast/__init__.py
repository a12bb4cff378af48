"""Forecasts how long a submission takes on a suite, from its prompts and tokens, and refuses what cannot fit."""
