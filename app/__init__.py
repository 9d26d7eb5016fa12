"""What a person sees: command line, page, and the one service under both."""
import os

# OpenMP's threads by default spin while they wait. As soon as anything else needs a core (a browser on the same two, a
# training) that costs up to 30 times the speed (measured: 5 instead of 160 rows/s); a short spin costs about 5 %.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
