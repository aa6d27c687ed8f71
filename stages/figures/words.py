"""Numbers and captions as readers want them."""

from __future__ import annotations

import re


def together(caption: str) -> str:
    """The caption with spaces that no line breaks at between a number and what it belongs to."""
    return re.sub(r"(?<=Figure) |(?<=Section) |(?<=Appendix) |(?<=[<±]) | (?=%)", "\u00a0", caption)


def minus(number: str) -> str:
    """Numbers as text, with a true minus, and no sign before zero."""
    return re.sub(r"[+-](?=0\.0*(?!\d))", "", number).replace("-", "−")
