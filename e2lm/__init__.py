"""The command line of the competition: it drives the ingestion and the scoring program."""

__version__ = "0.1.0"
