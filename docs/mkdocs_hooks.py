"""Hooks of mkdocs.yml: which files of the repository are pages of the site, at the paths that they have there.

So a link between two documents is the same in the repository and on the site. The competition's pages and the documents
of its kit are shown as `e2lm bundle` fills them in.
"""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from e2lm.codabench.sources import sources
from e2lm.codabench.starting_kit import FILLED
from e2lm.edition.reader import read_edition
from e2lm.edition.template import filled_in
from e2lm.edition.values import values
from e2lm.suites.registry import find_suite

PROJECT_ROOT = Path(__file__).resolve().parents[1]
SHOWN = ("*.md", "logo.*", "docs/*.md", "docs/*.svg", "docs/*.png", "docs/*.json", "pages/*.md", "docker/*.md")
SHOWN += ("starting_kit/*.md",)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The theme's files and those of SHOWN, instead of what lies under docs/."""
    theme = [file for file in files if file.src_dir != config.docs_dir]
    paths = sorted(path for pattern in SHOWN for path in PROJECT_ROOT.glob(pattern))
    return Files(
        [
            *theme,
            *(File.generated(config, str(path.relative_to(PROJECT_ROOT)), abs_src_path=str(path)) for path in paths),
        ]
    )


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """A page's text; those of the competition and its kit are filled in as for the bundle."""
    if not (page.file.src_uri.startswith("pages/") or page.file.src_uri in FILLED):
        return markdown
    edition = read_edition(PROJECT_ROOT / "edition.yaml")
    found = sources(PROJECT_ROOT, PROJECT_ROOT, edition, find_suite(edition.suite))
    return filled_in(markdown, values(found.scored), page.file.src_uri)
