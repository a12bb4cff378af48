"""Open a submission and render its items, as every program begins. test_corpus.py runs it."""

from __future__ import annotations

import sys
from pathlib import Path

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.evaluation import evaluation_of
from e2lm_ingestion.submission import open_submission


def main() -> int:
    """Returns 0 when the submission is tolerated, 2 when it is refused in one line."""
    try:
        with open_submission(Path(sys.argv[1])) as submission:
            evaluation_of(submission)
    except SubmissionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
