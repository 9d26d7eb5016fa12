"""What the page says of the family; formulas use the letters of the code."""
from __future__ import annotations

from pipelines.dalle.options import Completion, NetworkOptions
from pipelines.family import About, FamilySpec, Term, Toy2DSpec, samplers_in
from pipelines.tokens import samplers
from pipelines.tokens.samplers import with_options

ABOUT = About(
    network=Term(
        "What the networks stand for",
        "One transformer over one sequence: 24 tokens of text, then 64 of the picture. Text tokens are pieces of words (BPE), each "
        "position that the caption leaves empty has a padding token of its own, and picture tokens are the codes of an "
        "autoencoder (8 × 8 of 256). The network says what comes next, whatever it is.",
        r"p(c, z) = \textstyle\prod_i p(s_i \mid s_{<i}), \quad s = (c_1 \ldots c_{24},\, z_1 \ldots z_{64})",
        "pipelines/dalle/network.py"),
    objective=Term(
        "How they are trained",
        "First the autoencoder, then the transformer by cross-entropy on captions and codes, with one eighth of the weight on the "
        "text and seven eighths on the picture, since the picture is what matters. A tenth of the captions are left out, for "
        "guidance.",
        r"L = \tfrac18\,\mathbb{E}\left[-\log p(c_i \mid c_{<i})\right] + \tfrac78\,\mathbb{E}\left[-\log p(z_i \mid z_{<i}, c)\right]",
        "pipelines/dalle/objective.py"),
    sampling=Term(
        "How it is sampled",
        "The caption is read in one call, then every token of the picture is drawn in raster order, 64 calls, and the codes are "
        "decoded. With guidance the network is also asked without the caption, and the logits are pulled apart.",
        r"\ell = \log p_{null} + w\,(\log p_{c} - \log p_{null}), \quad z_i \sim \mathrm{softmax}(\ell / \tau)",
        "pipelines/tokens/sampling.py"),
    more=(
        Term("Completion",
             "What a model draws token after token it can also continue: the codes of a picture's upper rows are read as if they had "
             "been drawn, and the rest is drawn.", r"z_{>m} \sim p(z_{>m} \mid c, z_{\le m})", "pipelines/dalle/sampler.py"),
        Term("The best of n",
             "The paper draws many pictures for a caption and lets CLIP choose. Here a small scorer of the same kind chooses: two "
             "encoders that learnt, in batches, which caption belongs to which picture (Radford et al. 2021).",
             r"\arg\max_j\; \langle f(x_j), g(c) \rangle", "pipelines/dalle/scorer.py"),
        Term("A discrete VAE",
             "The paper's own autoencoder gives a distribution over codes and is trained through soft draws from it, whose "
             "temperature falls; `train dalle --tokens dvae` does the same.",
             r"z = \sum_k \mathrm{softmax}\!\left(\tfrac{\ell + g}{\tau}\right)_k e_k, \quad g \sim \text{Gumbel}",
             "pipelines/nets/dvae.py"),
    ),
)

SPEC = FamilySpec("dalle", "DALL-E", "#CC79A7", "Ramesh et al. 2021, arXiv:2102.12092",
                  with_options(samplers_in(samplers), Completion, nfe=lambda options: options.calls), ABOUT, NetworkOptions,
                  ("ancestral", "top_k", "top_p"), defaults=lambda config: {"guidance_scale": 2.5}, state="codes", estimate="decoded",
                  stages=("autoencoder", "scorer"), draws_tokens=True, axis="temperature", columns="0.5, 0.8, 1, 1.3",
                  toy2d=Toy2DSpec(field="tokens", starts=False,
                                  about_field="How likely the token drawn last is, in every column and then in every bin"))
