"""Facts on published models: made from the originals by `python -m record`."""
