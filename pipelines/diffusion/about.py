"""What the page says of the family; formulas use the letters of the code."""
from __future__ import annotations

from pipelines.diffusion import pretrained, sampler, solvers
from pipelines.diffusion.options import NetworkOptions
from pipelines.family import About, FamilySpec, Term, samplers_in

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

SPEC = FamilySpec("diffusion", "Diffusion", "#0072B2", "Ho, Jain, Abbeel 2020, arXiv:2006.11239", samplers_in(sampler, solvers), ABOUT,
                  NetworkOptions, ("ddim", "dpmpp_2m", "heun"), field="|ε̂| noise", stages=("autoencoder",),
                  pretrained=samplers_in(pretrained))
