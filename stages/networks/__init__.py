"""timm's networks: how they are built, trained, kept, and read at the penultimate layer."""
