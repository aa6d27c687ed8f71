"""Static figures of a study's results. Records in, PNG files out."""
