"""The home page's facts in edition.yaml: what is read, what is left out, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from e2lm.cli.main import main
from e2lm.leaderboard.edition_page import MAX_LOGO, read_home
from e2lm.leaderboard.site.pages import home_page
from e2lm_ingestion.errors import OrganizerError
from tests.e2lm.codabench.competition_folder import EDITION
from tests.e2lm.command_line import PROJECT_ROOT
from tests.e2lm.leaderboard.summaries import write_run

HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{7*7}}"


def write_edition(folder: Path, page: dict[str, Any], **keys: Any) -> Path:  # noqa: ANN401 (keys of edition.yaml)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "edition.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(EDITION), **keys, "page": page}, allow_unicode=True))
    return path


def test_the_page_of_2025_has_its_facts() -> None:
    home = read_home(PROJECT_ROOT / "edition.yaml")
    page = home_page(home, with_board=False)
    for fact in (
        "From noise to knowledge",
        "26 May 2025",
        "7 July 2025",
        "4 November 2025",
        "6 or 7 December",
        "6,000 USD",
        "Student award 2",
        "Georgia Gkioxari",
        "Oxford University",
        "https://arxiv.org/abs/2506.07731",
    ):
        assert fact in page, fact
    assert home.prize_total == 16_000
    assert [(one.name, str(one.last)) for one in home.phases][-1] == ("Final", "2025-11-03")
    assert "Discussion" not in page
    assert "leaderboard.html" not in page
    assert 'href="leaderboard.html"' in home_page(home, with_board=True)


def test_what_an_edition_does_not_say_is_left_out(tmp_path: Path) -> None:
    page = home_page(read_home(write_edition(tmp_path, {})), with_board=False)
    for heading in ("Overview", "Announcements", "Institutions"):
        assert f">{heading}</h2>" not in page
    assert ">Timeline</h2>" in page


def test_texts_are_escaped_and_the_latest_news_comes_first(tmp_path: Path) -> None:
    keys = dict.fromkeys(("title", "short_name", "motto", "conference"), HOSTILE)
    more = {"links": {HOSTILE: "mailto:a@example.org"}, "organizers": {HOSTILE: [HOSTILE]}}
    page_keys = {
        "overview": HOSTILE,
        "announcements": [{"date": "2025-01-02", "text": "old"}, {"date": "2025-02-01", "text": HOSTILE}],
        "institutions": [{"name": HOSTILE, "link": "https://example.org/\"onclick='x"}],
        "special_prizes": [{"name": HOSTILE, "amount": 500, "text": HOSTILE}],
    }
    page = home_page(read_home(write_edition(tmp_path, page_keys, **keys, **more)), with_board=False)
    assert page.count("<script") == 1
    assert "<img" not in page
    assert "onclick='x" not in page
    assert page.index("1 February 2025") < page.index("2 January 2025")
    assert "500 USD" in page


@pytest.mark.parametrize(
    ("page", "part"),
    [
        ({"registraton": "x"}, "page.registraton: not a key of this file; did you mean registration?"),
        ({"announcements": [{"dat": "2025-01-01"}]}, "page.announcements.0.dat: not a key of this file; did you mean"),
        ({"zzz": 1}, "page.zzz: not a key of this file; remove it; the keys there are registration"),
        ({"institutions": [{"name": "two\nlines"}]}, "page.institutions.0.name: empty, or with line breaks"),
        ({"discussion": "javascript:alert(1)"}, "page.discussion: 'javascript:alert(1)' is not an address; write one"),
        ({"registration": "data:text/html,x"}, "is not an address"),
        ({"registration": "//example.org"}, "is not an address"),
        ({"announcements": [{"date": "soon", "text": "x"}]}, "page.announcements.0.date: "),
        ({"special_prizes": [{"name": "x", "amount": -1}]}, "page.special_prizes.0.amount: "),
        ({"institutions": [{"name": "x", "logo": "../secret.png"}]}, "logo '../secret.png': outside of"),
        ({"institutions": [{"name": "x", "logo": "/etc/logo.png"}]}, "outside of"),
        ({"institutions": [{"name": "x", "logo": "link.png"}]}, "outside of"),
        ({"institutions": [{"name": "x", "logo": "edition.yaml"}]}, "not an image; give one of .png"),
        ({"institutions": [{"name": "x", "logo": "none.png"}]}, "unreadable (No such file or directory)"),
        ({"institutions": [{"name": "x", "logo": "large.png"}]}, "the page embeds it, so at most 500,000"),
    ],
)
def test_a_mistake_is_one_line_with_the_key_and_the_remedy(page: dict[str, Any], part: str, tmp_path: Path) -> None:
    folder = tmp_path / "edition"
    path = write_edition(folder, page)
    (tmp_path / "secret.png").write_bytes(b"x")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "large.png").write_bytes(b"x" * (MAX_LOGO + 1))
    with pytest.raises(OrganizerError) as caught:
        read_home(path)
    assert part in str(caught.value)
    assert str(caught.value).startswith(f"{path}: page")
    assert "\n" not in str(caught.value)


def test_a_logo_beside_the_edition_is_embedded(tmp_path: Path) -> None:
    (tmp_path / "logos").mkdir()
    (tmp_path / "logos/a.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    institution = {"name": "Institute A", "logo": "logos/a.svg", "link": "https://example.org"}
    page = home_page(read_home(write_edition(tmp_path, {"institutions": [institution]})), with_board=False)
    assert 'src="data:image/svg+xml;base64,' in page
    assert 'href="https://example.org"' in page


def test_the_page_stands_alone_and_then_beside_the_board(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    edition = write_edition(tmp_path / "edition", {}, title="Another edition", short_name="AE")
    write_run(tmp_path / "runs/one", 0.5)
    site = tmp_path / "site"
    assert main(["edition", "site", "-o", str(site), "--edition", str(edition.parent)]) == 0
    assert sorted(path.name for path in site.iterdir()) == ["index.html", "site.json"]
    assert f"edition: AE 2025, {edition}" in capsys.readouterr().out
    monkeypatch.chdir(edition.parent)
    assert main(["leaderboard", str(tmp_path / "runs"), "-o", str(site)]) == 0
    assert "Another edition" in (site / "index.html").read_text()
    assert 'href="leaderboard.html"' in (site / "index.html").read_text()
    for page in ("leaderboard.html", "compare.html"):
        assert '<a href="index.html">AE</a>' in (site / page).read_text()
    assert '<a href="../index.html">AE</a>' in (site / "submissions/one.html").read_text()
    write_edition(tmp_path / "edition", {}, title="Changed")
    assert main(["edition", "site", "-o", str(site)]) == 0
    assert "Changed" in (site / "index.html").read_text()
    assert (site / "leaderboard.html").is_file()


def test_without_an_edition_the_board_is_the_first_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "runs/one", 0.5)
    monkeypatch.chdir(tmp_path)
    assert main(["leaderboard", "runs", "-o", "site"]) == 0
    assert "<h1>Leaderboard</h1>" in (tmp_path / "site/index.html").read_text()
    capsys.readouterr()
    assert main(["edition", "site", "-o", "home"]) == 2
    assert "no edition.yaml in the working directory or above; give one with --edition" in capsys.readouterr().err
    edition = write_edition(tmp_path / "edition", {})
    assert main(["edition", "site", "-o", "site", "--edition", str(edition)]) == 2
    assert "build it again with e2lm leaderboard" in capsys.readouterr().err
