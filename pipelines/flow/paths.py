"""The conditional probability paths of Lipman et al. 2023, section 4, that this family offers; noise at t = 0, data at t = 1."""
from __future__ import annotations

from pipelines.numerics.paths import OptimalTransport, Path, Reversed, VariancePreserving

VP = VariancePreserving()
PATHS: dict[str, Path] = {"ot": OptimalTransport(), "vp": Reversed(VP, cut=1e-3)}                     # eq. 20 and eq. 18
# For likelihoods and inversions, which need less noise than drawing does: VP begins where Song et al. 2021 begin.
TWO_WAY: dict[str, Path] = {**PATHS, "vp": Reversed(VP, cut=1e-5)}
