"""Facts on published models: made from the originals by `python -m record`, and model tables."""

import stages  # noqa: F401  (before any library of numbers is loaded)
