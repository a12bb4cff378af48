"""The two errors that people read: one line each, never a traceback."""


class SubmissionError(Exception):
    """An error that the participant can fix: the message names the file and line or item, the fault and the remedy."""


class OrganizerError(Exception):
    """An error that an organizer can fix: the message names the checkpoint or file, the fault and the remedy."""
