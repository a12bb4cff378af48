"""Checks of a valid submission for `e2lm check`: each module takes questions and returns warnings or numbers."""
