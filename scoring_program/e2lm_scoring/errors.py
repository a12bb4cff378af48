"""The two errors that people read: one line each, never a traceback."""


class SubmissionError(Exception):
    """A participant can fix this: the message names the file, the line or item, what is wrong and what to do."""


class OrganizerError(Exception):
    """An organizer can fix this: the message names the checkpoint, configuration file or machine and what to do."""
