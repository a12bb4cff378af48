"""Formulas of the scores and diagnostics: pure functions of arrays, one module for each."""
