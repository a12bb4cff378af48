"""Scoring: the results of a sweep in, the leaderboard scores and a report out."""
