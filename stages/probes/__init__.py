"""Few-shot learning on embeddings: sampling, the logistic probe, one- and two-layer heads."""
