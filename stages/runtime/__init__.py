"""How work is run: artifact cache, parallel jobs, errors, files. Knows nothing of vision."""
