"""Renders a ranking as HTML pages. Every text is escaped; each page embeds its style and script, and runs no other."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup

from e2lm.leaderboard.edition_page import Home
from e2lm.leaderboard.export import rank_text
from e2lm.leaderboard.ranking import SURE, RankedRun
from e2lm.leaderboard.scored_runs import ScoredRun, probability
from e2lm_scoring.columns import BY_KEY, TOTAL_AND_COMPONENTS
from e2lm_scoring.report.page import FOLDER as REPORT_FOLDER
from e2lm_scoring.report.page import environment
from e2lm_scoring.report.palette import custom_properties
from e2lm_scoring.summary import CurveRow
from e2lm_scoring.uncertainty import plausible_scores

FOLDER = Path(__file__).parent
HOME = "index.html"  # the page of the competition; without one, of the first suite's board
BOARD = "leaderboard.html"  # the first suite's board beside a home page
QUANTILES = 50  # number of quantiles of a score's draws, for comparing any two runs in the browser
LOWEST, SPAN, LEVELS = -1.0, 3.0, 65535  # quantiles are written as 16-bit steps from -1 to 2
NEIGHBORS = 3  # neighbors shown on either side in the ranking


@dataclass(frozen=True, slots=True)
class Board:
    """The ranking of one suite, and the URLs of its pages."""

    suite: str
    slug: str  # its name in URLs
    page: str
    compare: str
    ranked_runs: list[RankedRun]
    home: Home | None = None  # of the competition; its page is HOME
    competition: str = ""  # its name

    @property
    def keys(self) -> list[str]:
        """The scores that the suite allows, the one it is ranked by first."""
        return [key for key in TOTAL_AND_COMPONENTS if key in self.ranked_runs[0].run.draws]

    @property
    def metrics(self) -> list[str]:
        """The metrics of the runs, each once."""
        return sorted({one.run.summary.metric for one in self.ranked_runs})

    @property
    def has_dates(self) -> bool:
        """Whether the day of any submission is known."""
        return any(one.run.fact_sheet.created for one in self.ranked_runs)

    @property
    def has_earlier_scores(self) -> bool:
        """Whether the score on Codabench of any submission is known."""
        return any(one.run.fact_sheet.score is not None for one in self.ranked_runs)

    @property
    def has_curves(self) -> bool:
        """Whether any run has a curve."""
        return any(one.run.summary.curve for one in self.ranked_runs)


def sparkline(curve: CurveRow | None) -> str:
    """The points of a curve as the path of an SVG, 100 wide and 24 high, from its lowest to its highest score.

    >>> sparkline(CurveRow(tokens=(1, 2, 3), scores=(0.2, 0.3, 0.6)))
    'M0 22L50 17L100 2'
    """
    if curve is None or len(curve.tokens) < 2 or curve.tokens[0] == curve.tokens[-1]:
        return ""
    tokens, scores = np.asarray(curve.tokens), np.asarray(curve.scores)
    across = 100 * (tokens - tokens[0]) / (tokens[-1] - tokens[0])
    height = scores.max() - scores.min()
    down = 22 - 20 * (scores - scores.min()) / height if height else np.full(len(scores), 12.0)
    return "M" + "L".join(f"{x:.3g} {y:.3g}" for x, y in zip(across, down, strict=True))


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A run near another in the ranking."""

    ranked_run: RankedRun
    probability: float  # P(the page's run > this neighbor)


def home_page(home: Home, *, with_board: bool) -> str:
    """The competition's own page, which links to the board if there is one."""
    return _render("home.html.jinja", "home.js", "", board=None, home=home, board_page=BOARD if with_board else "")


def board_page(board: Board, boards: Sequence[Board]) -> str:
    """The sortable table of one suite, with the other suites as tabs."""
    return _render("board.html.jinja", "board.js", "", board=board, boards=boards, sure=SURE)


def compare_page(board: Board) -> str:
    """The comparison of any two runs of a suite: the page computes P(A > B) from quantiles of their draws."""
    data = {
        "keys": [BY_KEY[key].title for key in board.keys],
        "quantiles": QUANTILES,
        "runs": [
            {
                "id": ranked_run.run.identity,
                "name": ranked_run.run.summary.task,
                "team": ranked_run.run.team,
                "rank": rank_text(ranked_run),
                "metric": ranked_run.run.summary.metric,
                "curve": curve.model_dump() if (curve := ranked_run.run.summary.curve) else None,
                "scores": [round(ranked_run.run.summary.scores[key], 6) for key in board.keys],
                "low": [ranked_run.run.summary.intervals[key].low for key in board.keys],
                "high": [ranked_run.run.summary.intervals[key].high for key in board.keys],
            }
            for ranked_run in board.ranked_runs
        ],
        "draws": packed_draws([ranked_run.run for ranked_run in board.ranked_runs], board.keys),
        "sure": SURE,
    }
    return _render("compare.html.jinja", "compare.js", "", board=board, data=data)


def submission_page(board: Board, index: int) -> str:
    """The page of one run: its scores, fact sheet and neighbors, and the link to its report."""
    ranked_run = board.ranked_runs[index]
    return _render(
        "submission.html.jinja",
        "",
        "../",
        board=board,
        ranked_run=ranked_run,
        run=ranked_run.run,
        neighbors=_neighbors(board.ranked_runs, index),
        sure=SURE,
    )


def packed_draws(runs: Sequence[ScoredRun], keys: Sequence[str]) -> str:
    """Quantiles of each score's bootstrap draws, (runs, keys, QUANTILES) little-endian uint16, in base64."""
    packed = np.empty((len(runs), len(keys), QUANTILES), dtype="<u2")
    for row, run in enumerate(runs):
        for column, key in enumerate(keys):
            draws = np.sort(plausible_scores(run.summary.scores[key], run.draws[key], run.clusters))
            middle = ((np.arange(QUANTILES) + 0.5) / QUANTILES * len(draws)).astype(int)
            packed[row, column] = np.rint((draws[middle] - LOWEST) / SPAN * LEVELS).clip(0, LEVELS)
    return base64.b64encode(packed.tobytes()).decode()


def _neighbors(ranked_runs: Sequence[RankedRun], index: int) -> list[Neighbor]:
    ranked_run = ranked_runs[index]
    if ranked_run.position is None:
        return []
    near = range(max(0, index - NEIGHBORS), min(len(ranked_runs), index + NEIGHBORS + 1))
    return [
        Neighbor(ranked_runs[other], probability(ranked_run.run, ranked_runs[other].run, ranked_run.run.key))
        for other in near
        if other != index and ranked_runs[other].position is not None
    ]


def _render(template: str, script: str, root: str, *, board: Board | None, **values: object) -> str:
    code = (FOLDER / script).read_text(encoding="utf-8") if script else ""
    style = custom_properties() + (REPORT_FOLDER / "report.css").read_text(encoding="utf-8")
    page = ENVIRONMENT.get_template(template).render(
        **values,
        board=board,
        home_page=HOME if board and board.home else "",
        competition=board.competition if board else "",
        root=root,
        columns=BY_KEY,
        style=Markup(style + (FOLDER / "site.css").read_text(encoding="utf-8")),
        script=Markup(code),
        script_hash=base64.b64encode(hashlib.sha256(code.encode()).digest()).decode(),
    )
    # a lone surrogate in a participant's text would stop the file from being written
    return page.encode("utf-8", errors="replace").decode("utf-8")


ENVIRONMENT = environment(FOLDER)
ENVIRONMENT.filters["rank"] = rank_text
ENVIRONMENT.filters["sparkline"] = sparkline
ENVIRONMENT.filters["day"] = lambda day: f"{day.day} {day:%B}"
