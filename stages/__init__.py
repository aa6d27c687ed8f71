"""The stages of the experiment (`python -m stages.NAME`) and the packages that they share."""

import sys

import stages.runtime.instructions  # noqa: F401  (before any library of numbers is loaded)
from stages.runtime.door import listen

if sys.argv[0] == "-m":  # Python is about to run one of them, and no other program's signals
    listen()
