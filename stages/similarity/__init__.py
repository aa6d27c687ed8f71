"""Similarity matrices, triplets, and the measures of representational alignment."""
