"""What the page says of the family and its samplers; formulas use the letters of the code."""
from __future__ import annotations

from typing import Any

from pipelines.family import About, FamilySpec, Limit, SamplerSpec, Term, calls_a_step
from pipelines.flow.options import AdaptiveOptions, FlowOptions, NetworkOptions

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
_ODE = "pipelines/numerics/ode.py"
ODE = Limit("ODE", "rk4", {"steps": 50}, ("path", "clip", "t_start", "source"))


_SPECS = (
    SamplerSpec("midpoint", "Midpoint", "Second order: looks half a step ahead; two calls a step.", "Runge 1895",
                r"x_{t+h} = x_t + h\,v_\theta\!\left(x_t + \tfrac h2 v_\theta,\; t + \tfrac h2\right)", _ODE, FlowOptions,
                calls_a_step(2), limit=ODE.of),
    SamplerSpec("euler", "Euler", "The plainest solver; one call a step, and on straight paths hardly worse than others.",
                "Euler 1768", r"x_{t+h} = x_t + h\,v_\theta(x_t, t)", _ODE, FlowOptions, calls_a_step(1), limit=ODE.of),
    SamplerSpec("heun", "Heun", "Second order: averages the slopes at both ends; two calls a step.", "Heun 1900",
                r"x_{t+h} = x_t + \tfrac h2\left(k_1 + k_2\right) \\ k_2 = v_\theta(x_t + h\,k_1, t + h)", _ODE, FlowOptions,
                calls_a_step(2), limit=ODE.of),
    SamplerSpec("rk4", "RK4", "Fourth order; four calls a step.", "Kutta 1901",
                r"x_{t+h} = x_t + \tfrac h6\left(k_1 + 2k_2 + 2k_3 + k_4\right)", _ODE, FlowOptions, calls_a_step(4), limit=ODE.of),
    SamplerSpec("rk45", "RK45", "Chooses its own steps, for each picture by its own error; stops at the tolerance you set.",
                "Dormand & Prince 1980", r"x_{t+h} = x_t + h\sum_i b_i k_i \\ e = h \sum_i (b_i - b_i^*)\,k_i", _ODE, AdaptiveOptions,
                lambda options: 2 + 6 * options.steps, adaptive=True, limit=ODE.of),
)

# For models of the Hub alone: what their makers save them with.
_PRETRAINED = (
    SamplerSpec("dpmpp_2m", "DPM++ 2M", "Remembers the step before, one call a step; what Sana is published with.",
                "Lu et al. 2022b, Algorithm 2", r"\lambda = \ln\tfrac{1-\sigma}{\sigma} \\ x_s = \tfrac{\sigma_s}{\sigma_t}x_t - "
                r"(1-\sigma_s)(e^{-h}-1) \\ \cdot \left[(1+\tfrac{1}{2r})\hat x_1 - \tfrac{1}{2r}\hat x_1^{\,prev}\right]",
                "pipelines/hub/flow.py", FlowOptions, calls_a_step(1), limit=ODE.of),
    SamplerSpec("unipc", "UniPC", "Predictor and corrector for one call a step; strong below 10 steps.",
                "Zhao et al. 2023, Algorithm 1", r"x_s^{c} = \tfrac{\sigma_s}{\sigma_t}x_t - (1-\sigma_s)(e^{-h}-1)\hat x_1 \\ {}- "
                r"(1-\sigma_s)\,B(h)\sum_m \tfrac{c_m}{r_m}D_m", "pipelines/hub/flow.py", FlowOptions, calls_a_step(1), limit=ODE.of),
)


def _usual(config: dict[str, Any]) -> dict[str, Any]:
    """A rectified model has learnt guidance along with the pictures and needs few steps."""
    rectified = config["training"].get("coupling") == "reflow"
    return {"sampler": "euler", "steps": 4, "guidance_scale": 1.0} if rectified else {}


SPEC = FamilySpec("flow", "Flow", "#009E73", "Lipman et al. 2023, arXiv:2210.02747", {spec.name: spec for spec in _SPECS}, ABOUT,
            NetworkOptions, ("euler", "midpoint", "rk4"), field="|v| velocity", estimate="x̂1", predicts_velocity=True, invertible=True,
            usual=_usual, pretrained={spec.name: spec for spec in _PRETRAINED})
