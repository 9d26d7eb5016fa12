"""What the page says of the family; formulas use the letters of the code."""
from __future__ import annotations

from pipelines.family import About, FamilySpec, Term, samplers_in
from pipelines.sde import sampler
from pipelines.sde.options import T_MIN, NetworkOptions

ABOUT = About(
    network=Term(
        "What the network stands for",
        "Noise is poured in continuously, for a time $t$ from 0 to 1, as a stochastic differential equation with drift $f$ "
        "and strength $g$. The network is the score: for a noisy picture $x$ at time $t$ it gives the direction in which "
        "such pictures become more likely. In: $x$ (3 × 32 × 32), $t$, caption states (24 × 128). Out: $s_\\theta$, shaped "
        "like $x$.",
        r"\begin{aligned} dx &= f(x, t)\,dt + g(t)\,dw \\ s_\theta(x, t, c) &\approx \nabla_x \log p_t(x \mid c) \end{aligned}",
        "pipelines/sde/network.py"),
    objective=Term(
        "How it is trained",
        "The score of all pictures is unknown, but that of one noisy picture is simply its noise turned round, "
        "$-z / \\sigma(t)$. Regressing on it, averaged over pictures, noise and times, gives the score of all. Sliced score "
        "matching needs not even that: a random direction $v$ and a second derivative stand in for the unknown density.",
        r"\begin{aligned} L &= \mathbb{E}\;\lambda(t)\left\|s_\theta(x_t, t) + \frac{z}{\sigma(t)}\right\|^2 \\ "
        r"L_{sliced} &= \mathbb{E}\;\lambda(t)\left[v^\top \nabla_x s_\theta\, v + \tfrac12\|s_\theta\|^2\right] \end{aligned}",
        "pipelines/sde/objective.py"),
    sampling=Term(
        "How it is sampled",
        "Run time backwards from the prior: the reverse of the process is again an SDE, and the only unknown in it is the "
        "score. An ordinary differential equation has the same distribution at every time; it adds no noise, so it can "
        "be run forwards too, from a picture to its noise.",
        r"\begin{aligned} dx &= \left[f - g^2 s_\theta\right]dt + g\,d\bar w \\ dx &= \left[f - \tfrac12 g^2 s_\theta\right]dt "
        r"\end{aligned}", "pipelines/sde/sampler.py"),
    more=(
        Term("The three processes",
             "Variance preserving (VP) shrinks the picture while noise comes in; sub-VP does the same with less noise; variance "
             "exploding (VE) leaves the picture alone and adds ever more noise. They differ in $\\alpha$ and $\\sigma$ alone, "
             "$x_t = \\alpha(t) x_0 + \\sigma(t) z$, so one network serves all three.",
             r"\begin{aligned} \text{VP: } f &= -\tfrac12\beta x,\; g = \sqrt{\beta} \\ \text{sub-VP: } f &= -\tfrac12\beta x,\; g = "
             r"\sqrt{\beta\,(1 - e^{-2\int_0^t \beta})} \\ \text{VE: } f &= 0,\; g = \sigma\sqrt{2\ln(\sigma_{max}/\sigma_{min})} "
             r"\end{aligned}", "pipelines/sde/processes.py"),
        Term("The weights of the objective",
             "With $\\lambda = \\sigma(t)^2$ every noise level counts alike, which gives the best pictures; with $\\lambda = g(t)^2$ the "
             "loss bounds the likelihood (Song, Durkan, Murray & Ermon 2021).",
             r"\lambda(t) = \sigma(t)^2 \quad\text{or}\quad \lambda(t) = g(t)^2", "pipelines/sde/objective.py"),
        Term("Likelihood, and back to noise",
             "The ODE carries a picture to its noise and changes its log-density by its divergence on the way, "
             f"here from $t = {T_MIN:.5f}$, as training did: where drawing stops the noise is wider than a grey level. "
             "The divergence is estimated with random signs $e$ (Hutchinson 1990).",
             r"\log p(x_0) = \log p(x_1) + \int_0^1 \nabla\cdot u\;dt,\quad \nabla\cdot u = \mathbb{E}\,e^\top \nabla u\; e",
             "pipelines/numerics/likelihood.py"),
    ),
)

SPEC = FamilySpec("sde", "SDE", "#56B4E9", "Song et al. 2021, arXiv:2011.13456", samplers_in(sampler), ABOUT, NetworkOptions,
                  ("ode_heun", "reverse_diffusion", "predictor_corrector"), field="|s| score", invertible=True)
