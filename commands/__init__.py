"""What make runs beside the pipeline: `python -m commands.NAME`."""

import stages  # noqa: F401  (before any library of numbers is loaded)
