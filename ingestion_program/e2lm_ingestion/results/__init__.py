"""The results folder: written so that a sweep can be resumed, rescored under another metric, sealed."""
