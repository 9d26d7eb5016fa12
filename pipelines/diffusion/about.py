"""What the page says of the family and its samplers; formulas use the letters of the code."""
from __future__ import annotations

from pipelines.diffusion.options import DDIMOptions, DDPMOptions, DiffusionOptions, NetworkOptions, SolverOptions
from pipelines.family import About, FamilySpec, Limit, SamplerSpec, Term

ABOUT = About(
    network=Term(
        "What the network stands for",
        "Noise was added to a picture $x_0$ until only a share $\\bar\\alpha_t$ of its variance was left. The network "
        "looks at the result $x_t$, is told the step $t$ and the caption $c$, and names the noise. Knowing the noise is "
        "knowing the picture: one line turns the one into the other. In: $x_t$ (3 × 32 × 32), $t$, caption states "
        "(24 × 128). Out: $\\epsilon$, shaped like $x_t$.",
        r"\begin{aligned} \epsilon_\theta(x_t, t, c) &\approx \epsilon \\ x_t &= \sqrt{\bar\alpha_t}\,x_0 + "
        r"\sqrt{1-\bar\alpha_t}\;\epsilon \end{aligned}", "pipelines/diffusion/network.py"),
    objective=Term(
        "How it is trained",
        "Take a picture, a random step and fresh noise; mix them; ask the network for the noise; the loss is the mean "
        "squared error. Nothing else. The bundled weights were trained on the equivalent target $v$, which weighs the "
        "steps so that a small network learns composition sooner; $\\epsilon$ follows from $v$ by one line. A tenth of "
        "the captions is dropped, so that the same network also knows the picture without a caption.",
        r"\begin{aligned} L &= \mathbb{E}_{x_0, \epsilon, t \sim U(1..T)}\left\|\epsilon - \epsilon_\theta(x_t, t, c)"
        r"\right\|^2 \\ v &= \sqrt{\bar\alpha_t}\,\epsilon - \sqrt{1-\bar\alpha_t}\,x_0 \end{aligned}",
        "pipelines/diffusion/objective.py"),
    sampling=Term(
        "How it is sampled",
        "Start from white noise $x_T$. At each step ask the network with the caption and without it, lean $w$ times "
        "towards the caption, and move to the next lower noise level; the samplers differ only in how they move.",
        r"\begin{aligned} \hat\epsilon &= \epsilon_\theta(x_t, t, \varnothing) + w\left[\epsilon_\theta(x_t, t, c) - "
        r"\epsilon_\theta(x_t, t, \varnothing)\right] \\ \hat x_0 &= \frac{x_t - \sqrt{1-\bar\alpha_t}\;"
        r"\hat\epsilon}{\sqrt{\bar\alpha_t}} \end{aligned}", "pipelines/diffusion/sampler.py"),
    more=(
        Term("Orders of convergence",
             "Heun's method, DPM++ 2M, UniPC and DEIS are of second order: half as long steps, a quarter of the error. Karras "
             "spacing shows it. With the trailing one the last step goes to the picture from a noise level that shrinks only as "
             "the root of the count, and its error outweighs all others: the orders measured there are little above 1. The line "
             "of each solver says both.",
             r"\text{error} \propto N^{-p},\qquad \sigma_{last} \propto \sqrt{1 / N}", "pipelines/diffusion/solvers.py"),
        Term("Latent diffusion",
             "The second model works on latents: an autoencoder turns a picture of 3 × 64 × 64 into $z$ of 4 × 16 × 16, so that the same "
             "network draws 64 × 64 pictures at the cost of 32 × 32 ones, and a decoder $D$ turns the result back; that is no call. The "
             "autoencoder was trained first, for reconstruction, with a little pressure towards unit variance (Rombach et al. 2022).",
             r"\begin{aligned} z_0 &= E(x_0),\quad \hat x_0 = D(\hat z_0) \\ L_{AE} &= \|x - D(z)\|_1 + \lambda\,"
             r"KL\left(q(z \mid x) \,\|\, \mathcal N(0, I)\right) \end{aligned}", "pipelines/nets/autoencoder.py"),
    ),
)

_SIGMA = r"\sigma = \sqrt{(1-\bar\alpha_t)/\bar\alpha_t},\quad x = x_t/\sqrt{\bar\alpha_t}"
_HERE, _SOLVERS = "pipelines/diffusion/sampler.py", "pipelines/diffusion/solvers.py"


# Measured orders of convergence with trailing and with Karras spacing: of the error against the exact ODE, from 10 to 80 steps, on
# Gaussian data of widths from 0.05 to 1 under the linear schedule.
ORDERS = {"heun": (1.1, 2.2), "dpmpp_2m": (1.2, 1.9), "unipc": (1.2, 2.5), "deis": (1.3, 2.1), "lms": (1.8, 3.0),
          "kdpm2": (1.1, 2.2), "dpmpp_2s": (1.1, 1.7)}


def _order(name: str) -> str:
    trailing, karras = ORDERS[name]
    return f"Measured order {trailing:g} with trailing spacing, {karras:g} with Karras's."


def _one(options: DiffusionOptions) -> int:
    return options.steps - options.skipped


def _two(options: DiffusionOptions) -> int:
    return 2 * (options.steps - options.skipped) - 1


_EQUATION = ("clip", "strength", "source")
# Karras' levels, because a last step from a level that only shrinks as the root of the steps costs more than all others.
ODE = Limit("ODE", "heun", {"steps": 100, "karras": True}, _EQUATION)
# From a picture: part of those levels begins at another noise level than part of the times does, and so leads elsewhere.
ODE_OF_A_PICTURE = Limit("ODE", "dpmpp_2m", {"steps": 200}, _EQUATION)
SDE = Limit("SDE", "dpmpp_2m_sde", {"steps": 500}, _EQUATION)


def _ode(options: DiffusionOptions) -> Limit | None:
    return ODE if options.strength == 1 else None if getattr(options, "karras", False) else ODE_OF_A_PICTURE


def _sde(options: SolverOptions) -> Limit | None:
    return None if options.strength < 1 and options.karras else SDE


_SPECS = (
    SamplerSpec("ddim", "DDIM", "Deterministic at eta 0; smooth and reliable from 20 steps on.",
                "Song, Meng, Ermon 2021, eq. 12",
                r"x_s = \sqrt{\bar\alpha_s}\,\hat x_0 + \sqrt{1-\bar\alpha_s-\sigma_t^2}\;\hat\epsilon + \sigma_t z",
                _HERE, DDIMOptions, _one,
                limit=lambda options: None if options.eta else _ode(options)),
    SamplerSpec("ddpm", "DDPM ancestral", "The paper's own sampler; adds fresh noise at each step and wants many.",
                "Ho, Jain, Abbeel 2020, Algorithm 2",
                r"x_s = \frac{1}{\sqrt{\alpha_t}}\left(x_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\hat\epsilon\right) "
                r"+ \sigma_t z", _HERE, DDPMOptions, _one),
    SamplerSpec("euler", "Euler", "The plainest solver of the same ODE; one call a step, first order.",
                "Karras et al. 2022, Algorithm 1 without correction",
                rf"{_SIGMA},\\ x \leftarrow x + (\sigma_s - \sigma_t)\,\hat\epsilon", _SOLVERS, SolverOptions, _one,
                limit=_ode),
    SamplerSpec("euler_a", "Euler ancestral", "Euler with fresh noise at each step; never settles, more varied.",
                "k-diffusion, ancestral step",
                rf"{_SIGMA},\\ x \leftarrow x + (\sigma_\downarrow - \sigma_t)\,\hat\epsilon + \sigma_\uparrow z",
                _SOLVERS, DiffusionOptions, _one),
    SamplerSpec("heun", "Heun", f"Looks ahead and averages; two calls a step. {_order('heun')}",
                "Karras et al. 2022, Algorithm 1",
                rf"{_SIGMA},\\ x \leftarrow x + \tfrac12(\sigma_s - \sigma_t)\,(\hat\epsilon_t + \hat\epsilon_s)",
                _SOLVERS, SolverOptions, _two,
                limit=_ode),
    SamplerSpec("dpmpp_2m", "DPM++ 2M",
                f"Remembers the step before, one call a step; a good choice at 10 to 25 steps. {_order('dpmpp_2m')}",
                "Lu et al. 2022b, Algorithm 2",
                r"\lambda = \ln\frac{\sqrt{\bar\alpha}}{\sqrt{1-\bar\alpha}} \\ x_s = \tfrac{\sigma_s}{\sigma_t}x_t - "
                r"\sqrt{\bar\alpha_s}\,(e^{-h}-1) \\ \cdot \left[(1+\tfrac{1}{2r})\hat x_0 - \tfrac{1}{2r}"
                r"\hat x_0^{\,prev}\right]",
                _SOLVERS, SolverOptions, _one,
                limit=_ode),
    SamplerSpec("dpmpp_2m_sde", "DPM++ 2M SDE", "The same with noise from a fixed Brownian path; one call a step.",
                "Lu et al. 2022b, SDE form", r"x_s = e^{-h}\tfrac{\sigma_s}{\sigma_t}x_t + \sqrt{\bar\alpha_s}\,"
                r"(1-e^{-2h})\,D \\ {} + \sigma_s\sqrt{1-e^{-2h}}\;z", _SOLVERS, SolverOptions, _one,
                limit=_sde),
    SamplerSpec("dpmpp_sde", "DPM++ SDE", "Stochastic, with a midpoint; two calls a step.",
                "Lu et al. 2022b; k-diffusion", r"x_s \leftarrow \text{midpoint}(x_t,\hat x_0) \\ {}+ \sigma_\uparrow\,"
                r"\tfrac{W(\ln\sigma_s)-W(\ln\sigma_t)}{\sqrt{|\ln\sigma_s-\ln\sigma_t|}}", _SOLVERS, SolverOptions, _two,
                limit=_sde),
    SamplerSpec("unipc", "UniPC", f"Predictor and corrector for one call; strong below 10 steps. {_order('unipc')}",
                "Zhao et al. 2023, Algorithm 1", r"x_s^{c} = \tfrac{\sigma_s}{\sigma_t}x_t - \sqrt{\bar\alpha_s}\,(e^{-h}-1)"
                r"\hat x_0 \\ {}- \sqrt{\bar\alpha_s}\,B(h)\sum_m \tfrac{c_m}{r_m}D_m", _SOLVERS, SolverOptions, _one,
                limit=_ode),
    SamplerSpec("deis", "DEIS", f"Exponential integrator with a polynomial through past answers; one call a step. {_order('deis')}",
                "Zhang & Chen 2023", r"x_s = \Psi(s,t)\,x_t + \sum_j C_{j}\,\hat\epsilon_{t_j}", _SOLVERS,
                SolverOptions, _one,
                limit=_ode),
    SamplerSpec("lms", "LMS", f"Linear multistep: four past slopes, one call a step; sensitive at few steps. {_order('lms')}",
                "k-diffusion, Adams-Bashforth", rf"{_SIGMA},\\ x \leftarrow x + \sum_{{j=0}}^{{3}} b_j\,"
                r"\hat\epsilon_{t_j}", _SOLVERS, SolverOptions, _one,
                limit=_ode),
)
# For models of the Hub alone: what their makers save them with, and what distilled ones need.
_PRETRAINED = (
    SamplerSpec("pndm", "PNDM", "Linear multistep on the noise; what Stable Diffusion 1 was published with; one call more than steps.",
                "Liu et al. 2022", r"x_s = \phi(x_t,\ \tfrac{1}{24}(55\hat\epsilon_t - 59\hat\epsilon_{t_1} + 37\hat\epsilon_{t_2} - "
                r"9\hat\epsilon_{t_3}))", _SOLVERS, DiffusionOptions, lambda options: _one(options) + (options.steps > 1),
                limit=_ode),
    SamplerSpec("kdpm2", "DPM2", f"Asks again at a midpoint; two calls a step. {_order('kdpm2')}",
                "Karras et al. 2022, Algorithm 2 without noise",
                rf"{_SIGMA},\\ x \leftarrow x + (\sigma_s - \sigma_t)\,\hat\epsilon_{{mid}}", _SOLVERS, SolverOptions, _two,
                limit=_ode),
    SamplerSpec("kdpm2_a", "DPM2 ancestral", "The same with fresh noise at each step.", "k-diffusion, ancestral step",
                rf"{_SIGMA},\\ x \leftarrow x + (\sigma_\downarrow - \sigma_t)\,\hat\epsilon_{{mid}} + \sigma_\uparrow z", _SOLVERS,
                SolverOptions, _two),
    SamplerSpec("dpmpp_2s", "DPM++ 2S", f"No memory between its pairs of steps; one call a step. {_order('dpmpp_2s')}",
                "Lu et al. 2022b, Algorithm 1", r"x_s = \tfrac{\sigma_s}{\sigma_t}x_t - \sqrt{\bar\alpha_s}\,(e^{-h}-1)\,\hat x_0^{\,mid}",
                _SOLVERS, SolverOptions, _one,
                limit=_ode),
    SamplerSpec("lcm", "LCM", "For models distilled to a few steps (LCM, or its LoRA).", "Luo et al. 2023, Algorithm 1",
                r"x_s = \sqrt{\bar\alpha_s}\,(c_{skip}\,x_t + c_{out}\,\hat x_0) + \sqrt{1-\bar\alpha_s}\;z", _SOLVERS, DiffusionOptions,
                _one),
    SamplerSpec("tcd", "TCD", "For models distilled to a few steps (TCD, or its LoRA); eta sets the noise of a step.", "Zheng et al. 2024",
                r"x_s = \sqrt{\bar\alpha_s}\,\hat x_0 + \sqrt{1-\bar\alpha_s-\sigma_t^2}\;\hat\epsilon + \sigma_t z", _SOLVERS,
                DDIMOptions, _one,
                limit=lambda options: None if options.eta else _ode(options)),
)
SPEC = FamilySpec("diffusion", "Diffusion", "#0072B2", "Ho, Jain, Abbeel 2020, arXiv:2006.11239",
            {spec.name: spec for spec in _SPECS}, ABOUT, NetworkOptions, ("ddim", "dpmpp_2m", "heun"),
            field="|ε̂| noise", stages=("autoencoder",), pretrained={spec.name: spec for spec in _PRETRAINED})
