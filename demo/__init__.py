"""`make demo`: a bank, six situations, real faces, over real HTTP; then a report that people can look at."""
