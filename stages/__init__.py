"""The stages of the experiment (`python -m stages.NAME`) and the packages that they share."""
