"""Names and reasons of strangers stand in one line of a table or page, and change nothing beside them."""

from __future__ import annotations

import pytest

from e2lm_scoring.one_line import one_line


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Team A", "Team A"),
        ("Équipe Ψ 日本 हिन्दी", "Équipe Ψ 日本 हिन्दी"),
        ("a\nb\r\nc\td", "a b c d"),
        ("a\u2028b\u2029c\u0085d", "a b c d"),
        ("\x1b[2Ja", "[2Ja"),
        ("winner\u202eresol", "winnerresol"),
        ("a\u2066b\u2069", "ab"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("tag\U000e0041", "tag"),
        ("half \ud800", "half"),
        ("z" + "\u0301" * 40, "z" + "\u0301" * 3),
    ],
)
def test_what_is_not_text_is_gone(written: str, shown: str) -> None:
    assert one_line(written) == shown
