"""The report's words, which stand in templates/report.yaml, and numbers as readers want them."""

import re
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from stages.analysis.facts import HEAD_WORDS, MEASURE_WORDS, capital

TEMPLATES = Path(__file__).parent / "templates"
WORDS: dict[str, Any] = yaml.safe_load((TEMPLATES / "report.yaml").read_text(encoding="utf-8"))
"""Words of the report's sections, figures and tables."""


def decimal(value: float, digits: int = 2, signed: bool = False) -> str:
    """A number as text, with a true minus, and no sign before zero."""
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    return re.sub(r"[+-](?=0\.0*(?!\d))", "", text).replace("-", "−")


_PLAIN = Environment(undefined=StrictUndefined)  # noqa: S701  # plain text, no HTML
_PLAIN.globals |= {"capital": capital, "decimal": decimal}
_PLAIN.globals |= {"MEASURE_WORDS": MEASURE_WORDS, "HEAD_WORDS": HEAD_WORDS}


def fill(template: str, **values: Any) -> str:
    """A text with its values, as `facts` say it; runs of white space become one space."""
    text = " ".join(_PLAIN.from_string(template).render(values).split())
    return str(values["facts"].say(text)) if "facts" in values else text
