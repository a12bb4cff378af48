"""Which submissions a folder holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2lm.submissions.paths import submission_paths
from e2lm_ingestion.errors import OrganizerError


def test_a_folder_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OrganizerError, match="holds no submission"):
        submission_paths([tmp_path])
