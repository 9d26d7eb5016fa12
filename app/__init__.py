"""What a person sees: command line, page, and the one service under both."""
import os

# OpenMP's threads by default spin while they wait. As soon as anything else needs a core (a browser on the same two, a
# training) that costs up to 30 times the speed; a short spin costs a quarter at batch 1 and next to nothing from batch 8
# on (tests/bench/RESULTS.md).
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
