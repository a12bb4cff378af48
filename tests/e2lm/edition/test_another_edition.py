"""Another edition from an empty folder: no product of it knows of the project's own."""

from __future__ import annotations

import io
import json
import re
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from e2lm.codabench.starting_kit import DOCUMENTS
from e2lm.edition.reader import read_edition
from e2lm.edition.statements import TEXTS, check_statements
from e2lm.edition.values import Scored
from e2lm.project import PROJECT_ROOT
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.suite import load_suite
from e2lm_scoring.inputs.configuration import load_configuration
from tests.e2lm.command_line import EXAMPLES, e2lm

ANSWERS = {
    "title": "Signals of Young Models",
    "short-name": "SYM",
    "motto": "Soon is enough",
    "year": "2027",
    "conference": "ICML",
    "hosts": "Institute of Example",
    "organizers": "Ada Example, Bo Sample (Institute of Example); Cy Instance (Example University)",
    "phases": "Trial 2027-02-01, Open 2027-03-01, Selection 2027-05-01, Last 2027-06-01",
    "last-day": "2027-06-15",
    "results": "2027-06-30",
    "weights": "0.7, 0.3, 0",
    "prizes": "3000, 1000",
    "currency": "EUR",
    "submissions-a-day": "5",
    "step-hours": "6",
    "image": "registry.example.org/sym:1",
    "gpu": "A100",
}
SUITE = "sym-2027"


def new(folder: Path, suite: Path | str = "miniature", **changed: str) -> subprocess.CompletedProcess[str]:
    options = [part for key, value in (ANSWERS | changed).items() for part in (f"--{key}", value)]
    return e2lm("edition", "new", folder, "--suite", suite, *options, cwd=folder.parent)


@pytest.fixture(scope="module")
def edition(small_suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an edition without a web-only model, on models of the small suite."""
    folder = tmp_path_factory.mktemp("another") / "edition"
    done = new(folder, small_suite)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def bundle(edition: Path) -> dict[str, bytes]:
    """The files of its bundle, also those within the kit and its wheel."""
    done = e2lm("bundle", "-o", "out/bundle.zip", cwd=edition)
    assert done.returncode == 0, done.stderr
    assert f"edition: SYM 2027, {edition}/edition.yaml" in done.stdout
    assert "score:  0.7 SQ + 0.3 RC, on sym-2027" in done.stdout
    assert "no column cs: this suite has not a web-only model" in done.stdout
    return dict(unpacked("", (edition / "out/bundle.zip").read_bytes()))


@pytest.fixture(scope="module")
def products(edition: Path) -> dict[str, bytes]:
    """What the commands print and write from a run to results day."""
    printed = ""
    for arguments in (
        ("check", EXAMPLES / "science-cloze"),
        ("run", EXAMPLES / "science-cloze", "--suite", SUITE, "--out", "runs/one"),
        ("run", EXAMPLES / "noise", "--suite", SUITE, "--out", "runs/two"),
        ("compare", "runs/one", "runs/two", "--out", "out/comparison.html"),
        ("rank", "runs", "--out", "out/ranking"),
        ("leaderboard", "runs", "-o", "out/site"),
        ("suite", "show", SUITE),
        ("--help",),
    ):
        done = e2lm(*arguments, cwd=edition)
        assert done.returncode == 0, done.stderr
        printed += done.stdout
    paths = [path for folder in ("runs", "out") for path in (edition / folder).rglob("*") if path.is_file()]
    written = {str(path.relative_to(edition)): path.read_bytes() for path in paths if path.suffix != ".zip"}
    return {**written, "printed.txt": printed.encode()}


def unpacked(prefix: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            if name.endswith((".zip", ".whl")):
                yield from unpacked(f"{prefix}{name}/", archive.read(name))
            else:
                yield prefix + name, archive.read(name)


def texts(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: content.decode() for name, content in files.items() if name.endswith((*TEXTS, "METADATA"))}


def of_the_projects_edition() -> re.Pattern[str]:
    own = read_edition(PROJECT_ROOT / "edition.yaml")
    names = [own.title, *own.people, *own.organizers, *own.hosts, *own.links.values(), own.suite, "tiiuae"]
    year = rf"(?<![\w.]){own.year}(?!\w)"
    return re.compile("|".join([*map(re.escape, names), year, r"[Tt]rillion", r"\b1T\b", r"\bUSD\b"]))


def test_nothing_in_bundle_kit_and_wheel_is_of_the_projects_edition(bundle: dict[str, bytes]) -> None:
    found = {name: hit[0] for name, text in texts(bundle).items() if (hit := of_the_projects_edition().search(text))}
    assert found == {}
    programs = {name: content.decode() for name, content in bundle.items() if name.endswith(".py")}
    people = read_edition(PROJECT_ROOT / "edition.yaml").people
    assert [name for name, text in programs.items() if any(person in text for person in [*people, "tiiuae"])] == []
    assert bundle["logo.png"] == (PROJECT_ROOT / "logo-plain.png").read_bytes(), "the other logo has a name in it"


def test_nothing_that_commands_write_is_of_the_projects_edition(products: dict[str, bytes]) -> None:
    found = {name: hit[0] for name, text in texts(products).items() if (hit := of_the_projects_edition().search(text))}
    assert found == {}
    named = [name for name, text in texts(products).items() if name.endswith(".html") and "Signals of Young" in text]
    assert {"runs/one/detailed_results.html", "out/comparison.html", "out/site/index.html"} <= set(named)
    assert "SYM: Signals of Young Models" in products["printed.txt"].decode()
    ranking = json.loads(products["out/ranking/ranking.json"])
    assert {row["currency"] for row in ranking["runs"]} == {"EUR"}


def test_the_bundle_has_the_editions_figures(bundle: dict[str, bytes]) -> None:
    competition = yaml.safe_load(bundle["competition.yaml"])
    phases = [(phase["name"], phase["start"][:10], phase["max_submissions"]) for phase in competition["phases"]]
    assert phases == [
        ("Trial", "2027-02-01", 140),
        ("Open", "2027-03-01", 305),
        ("Selection", "2027-05-01", 155),
        ("Last", "2027-06-01", 75),
    ]
    assert {phase["execution_time_limit"] for phase in competition["phases"]} == {6 * 3600}
    assert b"--deadline 330 --gpu A100 --gpus 1" in bundle["ingestion_program/metadata.yaml"]
    keys = [column["key"] for column in competition["leaderboards"][0]["columns"]]
    assert keys == [
        "score",
        "sq",
        "rc",
        "monotonicity",
        "snr",
        "tau_last",
        "items",
        "minutes",
        "improvement_z",
        "eligible",
    ]
    assert "Score = 0.7 SQ + 0.3 RC\n" in bundle["pages/evaluation.md"].decode()
    assert "Domain alignment" not in "".join(texts(bundle)[f"pages/{name}.md"] for name in ("evaluation", "overview"))
    assert "| Selection | 1 May | 31 May |" in bundle["pages/timeline.md"].decode()
    assert "| 1 | 3,000 EUR |" in bundle["pages/prizes.md"].decode()
    assert bundle["reference_data/competition.txt"] == b"Signals of Young Models\n"


def test_the_kits_documents_are_all_there_with_the_editions_figures(bundle: dict[str, bytes]) -> None:
    kit = {name.removeprefix("starting_kit.zip/"): content for name, content in bundle.items()}
    assert {f"docs/{name}" for name in DOCUMENTS} <= set(kit)
    documents = {name: kit[name].decode() for name in kit if name.startswith("docs/") and name.endswith(".md")}
    assert [name for name, text in documents.items() if "${" in text] == []
    glossary = documents["docs/glossary.md"]
    assert "| **Score** | 0.7 SQ + 0.3 RC here;" in glossary
    assert "with its limits: Trial, Open, Selection, Last." in glossary
    assert "    Score = 0.7 SQ + 0.3 RC " in documents["docs/metrics.md"]
    assert "*early* (SYM 2027: every 4,000 iterations" in documents["docs/metrics.md"]


def test_the_kits_program_has_the_editions_suite_by_its_name(bundle: dict[str, bytes]) -> None:
    kit = {name.partition(".whl/")[2]: content for name, content in bundle.items() if ".whl/" in name}
    assert yaml.safe_load(kit["e2lm/_project/edition.yaml"])["short_name"] == "SYM"
    assert yaml.safe_load(kit[f"e2lm/_project/suites/{SUITE}/suite.yaml"])["suite"] == SUITE
    assert f"e2lm/_project/suites/{SUITE}/scoring.yaml" in kit
    assert "e2lm/suites/e2lm-2025/suite.yaml" not in kit


def test_a_total_without_the_web_only_model_is_told_without_contradiction(products: dict[str, bytes]) -> None:
    scores = json.loads(products["runs/one/scores.json"])
    assert scores["score"] == pytest.approx(0.7 * scores["sq"] + 0.3 * scores["rc"])
    assert "cs" not in scores
    report = products["runs/one/detailed_results.html"].decode()
    assert "0.7 SQ + 0.3 RC; submissions are ranked by it." in report
    assert not re.search(r"no total|Domain alignment|[Ww]eb.only|not measured", report)
    board = products["out/site/leaderboard.html"].decode()
    assert "Domain alignment" not in board
    assert "Ranked by score" in board


def test_a_run_of_another_folder_takes_the_edition_that_is_named(edition: Path, tmp_path: Path) -> None:
    done = e2lm("check", EXAMPLES / "science-cloze", "--edition", edition, "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["edition"] == f"SYM 2027, {edition}/edition.yaml"
    alone = e2lm("check", EXAMPLES / "science-cloze", cwd=tmp_path)
    assert "of this installation; --edition names another" in alone.stdout
    missing = e2lm("check", EXAMPLES / "science-cloze", "--edition", "nowhere.yaml", cwd=tmp_path)
    assert missing.stderr.startswith("error: --edition nowhere.yaml: there is no such file")


@pytest.mark.parametrize(
    ("page", "text", "said"),
    [
        ("overview.md", "By Mouadh Yagoubi.", "'Mouadh Yagoubi' is of the edition E2LM 2025; remove it"),
        ("overview.md", "At ICML 2025.", "2025 is the year of another edition; write ${year}"),
        ("overview.md", "At ICML 2026.", "2026 is not a year of this edition"),
        ("overview.md", "Begins on 2 March.", "2 March is not a date of edition.yaml"),
        ("prizes.md", "The best team gets 5,000 EUR.", "5,000 EUR is not a prize of edition.yaml"),
        ("prizes.md", "The best team gets 3,000 USD.", "3,000 USD is not a prize of edition.yaml"),
        ("evaluation.md", "Score = 0.5 SQ + 0.3 RC", "0.5 SQ: the weight is 0.7 in the suite's scoring.yaml"),
        ("rules.md", "At most 10 submissions a day.", "10 a day: the limits of edition.yaml say 5"),
        ("rules.md", "Each step takes 12 hours.", "12 hours: the limits of edition.yaml say 6"),
        ("data.md", "[one](https://huggingface.co/lab/other)", "lab/other is not a model of the suite sym-2027"),
        (
            "timeline.md",
            "Trial, Open and Last.",
            "the phase Open of edition.yaml is left out: no page has its first day",
        ),
    ],
)
def test_a_page_that_states_what_the_edition_does_not_is_refused(
    edition: Path, bundle: dict[str, bytes], page: str, text: str, said: str
) -> None:
    suite, scoring = load_suite(edition / "suite/suite.yaml"), load_configuration(edition / "suite/scoring.yaml")
    scored = Scored(read_edition(edition / "edition.yaml"), suite, scoring)
    others = read_edition(PROJECT_ROOT / "edition.yaml")
    check_statements(bundle, scored, others)
    with pytest.raises(OrganizerError) as caught:
        check_statements({**bundle, f"pages/{page}": f"# Page\n\n{text}\n".encode()}, scored, others)
    assert said in str(caught.value)
    assert f"pages/{page}: line 3: " in str(caught.value) or page == "timeline.md"


def test_a_page_of_the_editions_own_replaces_the_projects_and_is_checked(tmp_path: Path) -> None:
    assert new(tmp_path / "edition").returncode == 0
    (tmp_path / "edition/pages").mkdir()
    (tmp_path / "edition/pages/overview.md").write_text("By Mouadh Yagoubi.\n")
    done = e2lm("bundle", "-o", "bundle.zip", cwd=tmp_path / "edition")
    said = "error: pages/overview.md: line 1: 'Mouadh Yagoubi' is of the edition E2LM 2025; remove it\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
    assert not (tmp_path / "edition/bundle.zip").exists()
    (tmp_path / "edition/pages/overview.md").write_text("Take tiiuae/dense-1b-arch1 and look.\n")
    done = e2lm("bundle", "-o", "bundle.zip", cwd=tmp_path / "edition")
    assert "line 1: 'tiiuae/dense-1b-arch1' is of the edition E2LM 2025; remove it" in done.stderr


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"weights": "0.7, 0.2, 0"}, "--weights '0.7, 0.2, 0': three numbers that sum to 1"),
        ({"year": "2028"}, "is not in 2028, the year of this edition"),
        ({"last-day": "15 June"}, "--last-day: '15 June' is not a day; write YYYY-MM-DD"),
        ({"organizers": "Ada"}, "--organizers 'Ada': write NAME, NAME (AFFILIATION)"),
        ({"gpu": "V100"}, "no figures for 'V100'"),
    ],
)
def test_a_wrong_answer_is_one_line_and_leaves_nothing(tmp_path: Path, changed: dict[str, str], said: str) -> None:
    done = new(tmp_path / "edition", **changed)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "edition/edition.yaml").exists()
    (tmp_path / "edition").mkdir(exist_ok=True)
    assert new(tmp_path / "edition").returncode == 0


def test_without_a_terminal_a_missing_answer_names_its_option(tmp_path: Path) -> None:
    done = e2lm("edition", "new", "edition", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "error: --year is missing: year\n")
