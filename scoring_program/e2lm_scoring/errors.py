"""The two errors that people read: one line each, never a traceback."""


class SubmissionError(Exception):
    """A participant can mend this: the message names the file, the line or item, what is wrong and what to do."""


class OrganizerError(Exception):
    """An organizer can mend this: a checkpoint, a configuration file or the machine, and what to do."""
