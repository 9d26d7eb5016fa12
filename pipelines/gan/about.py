"""What the page says of the family; formulas use the letters of the code."""
from __future__ import annotations

from pipelines.family import About, FamilySpec, Term, Toy2DSpec, samplers_in
from pipelines.gan import sampler
from pipelines.gan.options import NetworkOptions

ABOUT = About(
    network=Term(
        "What the networks stand for",
        "A generator turns noise $z$ and a caption $c$ into a picture, in one call. A discriminator looks at a picture beside a "
        "caption and says how real the pair looks. The generator never sees a picture of the data: all it learns comes "
        "through the slope of the discriminator's opinion.",
        r"\begin{aligned} x &= G(z, c), \quad z \sim \mathcal N(0, I) \\ "
        r"D(x, c) &= w^\top \phi(x) + \langle V c, \phi(x) \rangle \end{aligned}",
        "pipelines/gan/network.py"),
    objective=Term(
        "How they are trained",
        "As a game. The discriminator learns to tell pictures from forgeries, and captions that fit from captions that do not; the "
        "generator learns to be believed. In the original game the generator minimises log(1 − D), which is flat as long "
        "as it loses; the non-saturating one maximises log D instead. R1 keeps the discriminator's slope on real pictures small, "
        "without which the game circles.",
        r"\begin{aligned} \min_G \max_D\;& \mathbb{E}\log \sigma(D(x, c)) + \mathbb{E}\log\left(1 - \sigma(D(G(z, c), c))\right) \\ "
        r"R_1 &= \tfrac{\gamma}{2}\,\mathbb{E}\left\|\nabla_x D(x, c)\right\|^2 \end{aligned}", "pipelines/gan/objective.py"),
    sampling=Term(
        "How it is sampled",
        "One call of the generator a picture, where the samplers of diffusion make 20 to 200 and the autoregressive models 64, "
        "guidance not counted. There is no way from noise to picture to look at, no step count, no guidance and no likelihood.",
        r"x = G(z, c)", "pipelines/gan/sampler.py"),
    more=(
        Term("Between seeds",
             "Two seeds are two points on a sphere; along the arc between them every point is a picture. z has two parts, layout and "
             "style, and one may come from another seed.",
             r"z(s) = \frac{\sin((1 - s)\,\omega)}{\sin \omega}\,z_1 + \frac{\sin(s\,\omega)}{\sin\omega}\,z_2",
             "pipelines/gan/sampler.py"),
        Term("Truncation",
             "Noise far from the middle is rare, and the generator has practised it little. Drawing from a normal distribution that is "
             "cut at ±ψ trades variety for fidelity.",
             r"z \sim \mathcal N(0, I)\ \text{given}\ |z_i| \le \psi", "pipelines/gan/sampler.py"),
    ),
)

TOY2D = Toy2DSpec(
    ("D", "G"), ("game",), "discriminator", "Coloured where the discriminator sees data, gray where it sees forgeries; arrows: where it "
    "would push a sample", False, "A GAN defines no likelihood: it draws samples, but cannot say how likely a point is.")
SPEC = FamilySpec("gan", "GAN", "#D55E00", "Goodfellow et al. 2014, arXiv:1406.2661", samplers_in(sampler), ABOUT, NetworkOptions,
                  ("generator",), state="z", estimate="picture", defaults=lambda config: {"guidance_scale": 1.0}, guided=False,
                  single_call=True, axis="truncation", columns="0.5, 1, 2, 4", toy2d=TOY2D)
