"""`make bench`: what the whole path costs, measured here, as ratios within one run."""
