"""`make bench`: how fast and how small the gateway is, beside what else could be used, in one run."""
