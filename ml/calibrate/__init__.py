"""From comparisons to what a score means: the false match rate at that score, with its upper bound."""
