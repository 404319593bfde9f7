"""Single jobs: detect, liveness, embed, compare and search, without a case around them."""
