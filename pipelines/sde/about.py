"""What the page says of the family and its samplers; formulas use the letters of the code."""
from __future__ import annotations

from pipelines.family import About, FamilySpec, Limit, SamplerSpec, Term, calls_a_step
from pipelines.sde.options import T_MIN, AdaptiveOptions, CorrectorOptions, NetworkOptions, ODEOptions, SDEOptions

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
_HERE, _ODE = "pipelines/sde/sampler.py", "pipelines/numerics/ode.py"
_SLOPE = r"k = f - \tfrac12 g^2 s_\theta,\quad h = s - t \\ "


def _corrected(options: CorrectorOptions) -> int:
    return options.steps + (options.steps - 1) * options.corrector_steps


_EQUATION = ("process", "t_end", "clip", "t_start", "start_seed", "source")
# Steps that shrink towards the picture: the drift of the reverse SDE grows without bound there.
ODE = Limit("ODE", "ode_heun", {"steps": 100}, _EQUATION)
SDE = Limit("SDE", "ancestral", {"steps": 500, "rho": 2.0}, (*_EQUATION, "denoise"))

_SPECS = (
    SamplerSpec("ode_heun", "ODE · Heun", "Deterministic and of second order; two calls a step, good from 10 steps on.",
                "Song et al. 2021, eq. 13", rf"{_SLOPE} x_s = x_t + \tfrac h2\left(k_t + k_s\right)", _ODE, ODEOptions, calls_a_step(2),
                limit=ODE.of),
    SamplerSpec("reverse_diffusion", "Reverse diffusion", "Undoes the forward step exactly in its linear part; wants about 100 "
                "steps.", "Song et al. 2021, eq. 46", r"x_s = (2 - a)\,x_t + G^2 s_\theta + G z", _HERE, SDEOptions, calls_a_step(1),
                limit=SDE.of),
    SamplerSpec("euler_maruyama", "Euler–Maruyama", "The plainest solver of the reverse SDE; wants many steps.",
                "Song et al. 2021, Appendix D; Maruyama 1955",
                r"x_s = x_t - \left[f - g^2 s_\theta\right](t - s) \\ {}+ g\sqrt{t - s}\;z", _HERE, SDEOptions, calls_a_step(1),
                limit=SDE.of),
    SamplerSpec("ancestral", "Ancestral", "Draws each step from the Gaussian that the estimate of the picture implies.",
                "Song et al. 2021, Appendix F",
                r"x_s \sim p(x_s \mid x_t, \hat x_0) \\ \hat x_0 = (x_t + \sigma(t)^2 s_\theta) / \alpha(t)",
                _HERE, SDEOptions, calls_a_step(1), limit=SDE.of),
    SamplerSpec("predictor_corrector", "Predictor–corrector", "Reverse diffusion, then Langevin steps that repair its error at the "
                "new noise level.", "Song et al. 2021, Algorithms 1, 4, 5",
                r"x_s = (2 - a)\,x_t + G^2 s_\theta + G z \\ x_s \leftarrow x_s + e\,s' + \sqrt{2e}\;z' \\ s' = s_\theta(x_s, s) \\ "
                r"e = 2a^2\left(r\,\min(\|z'\| / \|s'\|,\, 2\sigma(s))\right)^2",
                _HERE, CorrectorOptions, _corrected, limit=lambda options: None if options.corrector_steps else SDE),
    SamplerSpec("corrector_predictor", "Corrector–predictor", "The other order, as in the authors' code: Langevin steps at each "
                "noise level, then reverse diffusion to the next, and from the last to the estimate of the picture.",
                "Song et al. 2021, their code", r"x_t \leftarrow x_t + e\,s_\theta + \sqrt{2e}\;z \\ "
                r"x_s = (2 - a)\,x_t + G^2 s_\theta + G z' \\ x_0 = (x_t + \sigma(t)^2 s_\theta) / \alpha(t)\ \text{at the end}",
                _HERE, CorrectorOptions, lambda options: options.steps * (1 + options.corrector_steps)),
    SamplerSpec("heun_sde", "Stochastic Heun", "Averages drift and noise strength over both ends of a step; two calls a step.",
                "Kloeden & Platen 1992, section 15.1",
                r"k = g^2 s_\theta - f \\ x_s = x_t + \tfrac12\left(k_t + k_s\right)(t - s) \\ {}+ \tfrac12 (g_t + g_s)\sqrt{t - s}\;z",
                _HERE, SDEOptions,
                lambda options: 2 * options.steps - options.denoise, limit=SDE.of),
    SamplerSpec("ode_euler", "ODE · Euler", "The plainest solver of the probability-flow ODE; one call a step.",
                "Song et al. 2021, eq. 13", rf"{_SLOPE} x_s = x_t + h\,k_t", _ODE, ODEOptions, calls_a_step(1), limit=ODE.of),
    SamplerSpec("ode_rk4", "ODE · RK4", "Fourth order; four calls a step.", "Kutta 1901",
                rf"{_SLOPE} x_s = x_t + \tfrac h6\left(k_1 + 2k_2 + 2k_3 + k_4\right)", _ODE, ODEOptions, calls_a_step(4),
                limit=ODE.of),
    SamplerSpec("ode_rk45", "ODE · RK45", "Chooses its own steps, for each picture by its own error; stops at the tolerance you set.",
                "Dormand & Prince 1980", rf"{_SLOPE} x_s = x_t + h\sum_i b_i k_i \\ e = h \sum_i (b_i - b_i^*)\,k_i", _ODE,
                AdaptiveOptions, lambda options: 2 + 6 * options.steps, adaptive=True, limit=ODE.of),
)
SPEC = FamilySpec("sde", "SDE", "#56B4E9", "Song et al. 2021, arXiv:2011.13456", {spec.name: spec for spec in _SPECS}, ABOUT,
            NetworkOptions, ("ode_heun", "reverse_diffusion", "predictor_corrector"), field="|s| score", invertible=True)
