"""What the page says of the family; formulas use the letters of the code."""
from __future__ import annotations

from typing import Any

from pipelines.family import About, FamilySpec, Term, samplers_in
from pipelines.flow import pretrained, sampler
from pipelines.flow.options import NetworkOptions

ABOUT = About(
    network=Term(
        "What the network stands for",
        "A velocity field: at every time $t$ it says where a point $x$ should move so that a cloud of noise at $t = 0$ becomes "
        "the cloud of pictures at $t = 1$. Here time runs from noise to data; in the diffusion tabs it runs the other way. "
        "In: $x$ (3 × 32 × 32), $t$, caption states (24 × 128). Out: $v_\\theta$, shaped like $x$.",
        r"\begin{aligned} \frac{dx}{dt} &= v_\theta(x, t, c) \\ x_0 &\sim \mathcal N(0, I),\quad x_1 \sim \text{data} \end{aligned}",
        "pipelines/flow/network.py"),
    objective=Term(
        "How it is trained",
        "Join a picture $x_1$ and a noise $\\epsilon$ by a path, pick a time, and ask for the velocity of that path. Many paths "
        "cross at one point; the mean squared error makes the network answer with their average, and that average is exactly "
        "the field that is wanted. On the straight path the velocity is just picture minus noise.",
        r"\begin{aligned} x_t &= \alpha(t)\,x_1 + \sigma(t)\,\epsilon \\ L &= \mathbb{E}\left\|v_\theta(x_t, t, c) - \left(\alpha'(t)\,x_1 "
        r"+ \sigma'(t)\,\epsilon\right)\right\|^2 \end{aligned}", "pipelines/flow/objective.py"),
    sampling=Term(
        "How it is sampled",
        "Draw noise and follow the field with any solver of ordinary differential equations. Nothing is random after the first "
        "draw. The straighter the paths, the fewer steps are needed.",
        r"x_1 = x_0 + \int_0^1 v_\theta(x_t, t, c)\,dt", "pipelines/flow/sampler.py"),
    more=(
        Term("The two paths",
             "Given a picture, the path is a Gaussian that shrinks around it: $\\mu_t = \\alpha(t) x_1$ with spread $\\sigma(t)$. Optimal "
             "transport goes along straight lines; the other path is that of VP diffusion, its time turned round.",
             r"\begin{aligned} \text{OT: } \alpha &= t,\; \sigma = 1 - (1 - \sigma_{min})\,t \\ \text{VP: } \alpha &= "
             r"e^{-\frac12 T(1 - t)},\; \sigma = \sqrt{1 - \alpha^2},\; T(s) = \textstyle\int_0^s \beta \end{aligned}",
             "pipelines/flow/paths.py"),
        Term("Which noise goes with which picture",
             "Any, in the paper. Within a batch one can pair those that are nearest in sum, minibatch optimal transport (Pooladian et "
             "al. 2023; Tong et al. 2024), so that paths cross less. The rectified model learnt the pairs that the first model makes: "
             "its own noises and the pictures they flow to (reflow, Liu et al. 2023), guidance included. Its ways are nearly straight, "
             "so four steps of one call each are enough.",
             r"(\epsilon, x_1) = \left(\epsilon,\; \epsilon + \int_0^1 v_{first}(x_t, t, c)\,dt\right)", "pipelines/flow/reflow.py"),
        Term("Likelihood, and back to noise",
             "Followed backwards the field carries a picture to its noise, and its divergence says how the density changes on the way "
             "(Chen et al. 2018), estimated with random signs $e$.",
             r"\log p(x_1) = \log p(x_0) - \int_0^1 \nabla\cdot v\;dt,\quad \nabla\cdot v = \mathbb{E}\,e^\top \nabla v\; e",
             "pipelines/numerics/likelihood.py"),
    ),
)


def _defaults(config: dict[str, Any]) -> dict[str, Any]:
    """A rectified model has learnt guidance along with the pictures and needs few steps."""
    rectified = config["training"].get("coupling") == "reflow"
    return {"sampler": "euler", "steps": 4, "guidance_scale": 1.0} if rectified else {}


SPEC = FamilySpec("flow", "Flow", "#009E73", "Lipman et al. 2023, arXiv:2210.02747", samplers_in(sampler), ABOUT, NetworkOptions,
                  ("euler", "midpoint", "rk4"), field="|v| velocity", estimate="x̂1", predicts_velocity=True, invertible=True,
                  defaults=_defaults, pretrained=samplers_in(pretrained))
