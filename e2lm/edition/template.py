"""Fills a template: ${name} is replaced by a value of the edition, {% if %} and {% for %} are those of Jinja."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, StrictUndefined, TemplateSyntaxError, UndefinedError

from e2lm.edition.schema import day_text
from e2lm_ingestion.errors import OrganizerError

_ENVIRONMENT = Environment(
    variable_start_string="${",
    variable_end_string="}",
    comment_start_string="{##",
    comment_end_string="##}",
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # Markdown and YAML
)
_ENVIRONMENT.filters["day"] = day_text
_ENVIRONMENT.filters["quoted"] = lambda text: json.dumps(text, ensure_ascii=False)


def filled_in(text: str, values: Mapping[str, Any], name: str) -> str:
    """The text of a file with every value filled in. Raises OrganizerError for an unknown name, with the file's."""
    try:
        filled = _ENVIRONMENT.from_string(text).render(values)
    except TemplateSyntaxError as error:
        raise OrganizerError(f"{name}: line {error.lineno}: {error.message}; docs/codabench.md says how") from None
    except UndefinedError as error:
        unknown = (re.findall(r"'(\w+)'", str(error.message)) or ["?"])[-1]
        close = difflib.get_close_matches(unknown, values, n=1)
        remedy = f"did you mean {close[0]}?" if close else f"choose one of {', '.join(sorted(values))}"
        raise OrganizerError(f"{name}: {unknown} is not a value of the edition; {remedy}") from None
    if found := re.search(r"\$\w*", filled):
        raise OrganizerError(
            f"{name}: a dollar sign ({found[0]}), which starts a formula on Codabench; write ${{name}} for a value of "
            "the edition, and a currency such as USD in letters"
        )
    return filled
