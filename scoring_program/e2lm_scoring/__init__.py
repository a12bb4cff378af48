"""Scoring: computes the leaderboard scores and a report from the results of a sweep."""
