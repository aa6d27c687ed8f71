"""Statistics: z², partial correlation, groups of models, quadratic fits. Knows no stage."""
