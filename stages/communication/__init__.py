"""The communication game: Alice answers triplet queries, Bob hears some of them flipped."""
