"""The names of the files that the two programs write: spelled here, and for scoring in e2lm_scoring, alone."""

from __future__ import annotations

RESULTS = "results.json"
JOURNAL = "progress.jsonl"
ITEMS = "items.npz"
SEAL = "seal.json"
ORGANIZERS_LOG = "organizers.log"  # what participants may not read of a run on a platform
CHECKPOINTS = "checkpoints"  # the folder of the arrays
# Scoring's, and what Codabench takes for scores. Workers copy a submission to where these are looked for.
OF_SCORING = ("scores.json", "scores.txt", "detailed_results.html")
