"""What the page says of the family; formulas use the letters of the code."""
from __future__ import annotations

from pipelines.family import About, FamilySpec, Term, Toy2DSpec, samplers_in
from pipelines.tokens import samplers
from pipelines.vqvae import masked
from pipelines.vqvae.labels import named
from pipelines.vqvae.options import NetworkOptions

ABOUT = About(
    network=Term(
        "What the networks stand for",
        "Two things. An encoder turns a picture (3 × 32 × 32) into a map of 8 × 8 vectors, each is replaced by the nearest of "
        "$K = 256$ codes, and a decoder turns the codes back into a picture: a picture is 64 whole numbers. A second network, the "
        "prior, says which code comes next, given those before it and the class $l$ (one of 48: six shapes by eight colours).",
        r"\begin{aligned} q(x) &= \arg\min_k \|z_e(x) - e_k\| \\ x &\approx D(e_{q(x)}) \\ "
        r"p(z \mid l) &= \textstyle\prod_i p(z_i \mid z_{<i}, l) \end{aligned}", "pipelines/vqvae/network.py"),
    objective=Term(
        "How they are trained",
        "The nearest code has no slope, so its gradient is passed straight through to the encoder. The second term draws the codes "
        "to what the encoder says, the third makes the encoder stay near its codes; sg stops the gradient. Codes that nobody uses "
        "are moved to where they are needed. Afterwards the prior learns the codes of pictures by cross-entropy.",
        r"\begin{aligned} L &= \|x - D(z_q)\|^2 + \|\mathrm{sg}[z_e] - e\|^2 + \beta\,\|z_e - \mathrm{sg}[e]\|^2 \\ L_{prior} &= "
        r"-\textstyle\sum_i \log p(z_i \mid z_{<i}, l) \end{aligned}", "pipelines/nets/codes.py"),
    sampling=Term(
        "How it is sampled",
        "Code after code, 64 calls of the prior (twice that with guidance), then one of the decoder. "
        "The prior knows no captions: the first colour and shape "
        "of the prompt give the class, and the rest is left to chance.",
        r"z_i \sim p(z_i \mid z_{<i}, l), \qquad x = D(e_z)", "pipelines/tokens/sampling.py"),
    more=(
        Term("Memory of what was read",
             "A transformer looks back at keys and values of all codes before. They are kept, so that each call reads one code only; "
             "the answer is the same as reading everything again.",
             r"\mathrm{softmax}\!\left(\tfrac{q_i K_{\le i}^\top}{\sqrt d}\right) V_{\le i}",
             "pipelines/engine/cache.py"),
        Term("Likelihood",
             "The prior's probability of a map of codes is exact, a product of 64 numbers. Divided by the code count it is bits per "
             "code; a prior that knew nothing would need 8.", r"-\tfrac{1}{64}\textstyle\sum_i \log_2 p(z_i \mid z_{<i}, l)",
             "pipelines/vqvae/objective.py"),
    ),
)


TOY2D = Toy2DSpec(
    ("codes", "prior"), ("codebook",), "cells", "Each region with its pair of codes; rings: where the decoder puts those that hold data; "
    "arrows: from a point to its reconstruction", False,
    "A VQ-VAE defines no likelihood of points: its prior is exact for codes, but its decoder gives a place and no density.")
SPEC = FamilySpec("vqvae", "VQ-VAE", "#E69F00", "van den Oord et al. 2018, arXiv:1711.00937", samplers_in(samplers), ABOUT, NetworkOptions,
                  ("ancestral", "top_k", "top_p"), state="codes", estimate="decoded", stages=("autoencoder",),
                  defaults=lambda config: {"guidance_scale": 4.0}, reads=named, label_only=True, draws_tokens=True, axis="temperature",
                  columns="0.5, 0.8, 1, 1.3", pretrained=samplers_in(masked), toy2d=TOY2D)
