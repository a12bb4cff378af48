"""The names of the files that scoring reads and writes."""

from __future__ import annotations

# In a results folder, as ingestion names them.
RESULTS, JOURNAL, SEAL = "results.json", "progress.jsonl", "seal.json"
ITEM_ARRAYS = "items.npz"
# In scoring's own folder; Codabench looks for the first and the third.
SCORES, SUMMARY, REPORT = "scores.json", "summary.json", "detailed_results.html"
ITEMS, SUBSETS = "items.parquet", "subsets.parquet"
# In the reference data: the competition's name, for the heads of pages.
COMPETITION = "competition.txt"
