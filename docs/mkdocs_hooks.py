"""Hooks of mkdocs.yml: which files of the repository are pages of the site, at the paths that they have there.

So a link between two documents is the same in the repository and on the site. The competition's pages are shown as
`e2lm bundle` fills them in.
"""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from e2lm.codabench.edition import filled_in, read_edition

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
    """A page's text; in those of the competition, what edition.yaml says stands where a name follows a dollar sign."""
    if not page.file.src_uri.startswith("pages/"):
        return markdown
    return filled_in(markdown, read_edition(PROJECT_ROOT / "edition.yaml"), page.file.src_uri)
