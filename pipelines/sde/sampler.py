"""How a picture is drawn: the reverse SDE dx = [f - g^2 s_theta] dt + g dw from t = 1 to t_end (Anderson 1982; Song et al.
2021, eq. 6), or the ODE with the same marginals, dx = [f - g^2 s_theta / 2] dt (eq. 13).

`s_theta` is a predictor to `yield from`, x comes from the prior, (B, C, H, W), and w is a Brownian path fixed by each
row's seed: more steps follow the same path more closely. t > s are neighbouring times; the last step adds no noise unless
asked to.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from pipelines.family import Limit, calls_a_step, sampler
from pipelines.late import Tensor, torch
from pipelines.numerics.gaussian import denoised
from pipelines.numerics.ode import EULER, HEUN, RK4, Control, PreviewFn, Tableau, adaptive, fixed
from pipelines.numerics.paths import per_row
from pipelines.numerics.rng import BrownianPaths, RowNoise
from pipelines.options import Tolerances, option
from pipelines.protocol import Outcome, Predict, Preview, Sampler, Steps
from pipelines.sde.options import SDEOptions
from pipelines.sde.processes import Process

_EQUATION = ("process", "t_end", "clip", "t_start", "start_seed", "source")
# Steps that shrink towards the picture: the drift of the reverse SDE grows without bound there.
ODE = Limit("ODE", "ode_heun", {"steps": 100}, _EQUATION)
SDE = Limit("SDE", "ancestral", {"steps": 500, "rho": 2.0}, (*_EQUATION, "denoise"))
_FILE = "pipelines/numerics/ode.py"
_SLOPE = r"k = f - \tfrac12 g^2 s_\theta,\quad h = s - t \\ "


def score_of(v_theta: Predict, process: Process) -> Predict:
    """s_theta(x, t) = -eps / sigma(t) by `yield from`; the same relation as in `network.score`."""
    estimate = denoised(v_theta, process)

    def predict(x: Tensor, t: Tensor, rows: Tensor | None = None) -> Steps:
        _, eps = yield from estimate(x, t, rows)
        return process.at(t).score(eps)
    return predict


def probability_flow(table: Tableau, s_theta: Predict, x: Tensor, process: Process, options: SDEOptions) -> Sampler:
    """The ODE dx = [f - g^2 s_theta / 2] dt by a Runge-Kutta method with fixed steps; deterministic."""
    return (yield from fixed(table, _flow(s_theta, process), x, times(options), _preview_of(process, options)))


@dataclass(frozen=True)
class ODEOptions(SDEOptions):
    steps: int = option(25, "Steps", "How many steps from the prior to the picture; more follow the ODE more closely.",
                        symbol="N", low=1, high=2000)
    rho: float = option(2.0, "Spacing", "1 spaces the times evenly; more puts more of the steps near the picture.", symbol="ρ",
                        low=1, high=7)


@sampler("ode_heun", "ODE · Heun", "Deterministic and of second order; two calls a step, good from 10 steps on.", ODEOptions,
         calls_a_step(2), order=2, limit=ODE.of, source="Song et al. 2021, eq. 13", file=_FILE,
         formula=rf"{_SLOPE} x_s = x_t + \tfrac h2\left(k_t + k_s\right)")
def ode_heun(s_theta: Predict, x: Tensor, noise: RowNoise, process: Process, options: ODEOptions) -> Sampler:
    return probability_flow(HEUN, s_theta, x, process, options)


@sampler("reverse_diffusion", "Reverse diffusion", "Undoes the forward step exactly in its linear part; wants about 100 steps.", SDEOptions,
         calls_a_step(1), order=1, limit=SDE.of, source="Song et al. 2021, eq. 46", formula=r"x_s = (2 - a)\,x_t + G^2 s_\theta + G z")
def reverse_diffusion(s_theta: Predict, x: Tensor, noise: RowNoise, process: Process, options: SDEOptions) -> Sampler:
    """x_s = (2 - a) x_t + G^2 s_theta + G z, where x_t = a x_s + G z is the forward step (Song et al. 2021, eq. 46)."""
    w = _brownian(noise, options)
    for step, t, s in _steps(options, x):
        score = yield from s_theta(x, t)
        yield _preview(process, options, step, x, t, s, score)
        x = _reverse(process, x, score, t, s, w.increment(float(t[0]), float(s[0])) if not _last(step, options) else None)
    return x


@sampler("euler_maruyama", "Euler–Maruyama", "The plainest solver of the reverse SDE; wants many steps.", SDEOptions, calls_a_step(1),
         order=1, limit=SDE.of, source="Song et al. 2021, Appendix D; Maruyama 1955",
         formula=r"x_s = x_t - \left[f - g^2 s_\theta\right](t - s) \\ {}+ g\sqrt{t - s}\;z")
def euler_maruyama(s_theta: Predict, x: Tensor, noise: RowNoise, process: Process, options: SDEOptions) -> Sampler:
    """x_s = x_t - [f - g^2 s_theta] (t - s) + g sqrt(t - s) z."""
    w = _brownian(noise, options)
    for step, t, s in _steps(options, x):
        score = yield from s_theta(x, t)
        yield _preview(process, options, step, x, t, s, score)
        g = per_row(process.g(t), x)
        x = x - (process.f(x, t) - g**2 * score) * _gap(t, s, x)
        if not _last(step, options):
            x = x + g * _gap(t, s, x).sqrt() * w.increment(float(t[0]), float(s[0]))
    return x


@sampler("ancestral", "Ancestral", "Draws each step from the Gaussian that the estimate of the picture implies.", SDEOptions,
         calls_a_step(1), order=1, limit=SDE.of, source="Song et al. 2021, Appendix F",
         formula=r"x_s \sim p(x_s \mid x_t, \hat x_0) \\ \hat x_0 = (x_t + \sigma(t)^2 s_\theta) / \alpha(t)")
def ancestral(s_theta: Predict, x: Tensor, noise: RowNoise, process: Process, options: SDEOptions) -> Sampler:
    """x_s ~ p(x_s | x_t, x0), a Gaussian, with the estimate of x0 put in (Ho et al. 2020, eq. 7; Song et al. 2021,
    Appendix F, for any process with a linear drift)."""
    w = _brownian(noise, options)
    for step, t, s in _steps(options, x):
        score = yield from s_theta(x, t)
        yield _preview(process, options, step, x, t, s, score)
        a, variance = _forward(process, t, s)
        here, there = process.at(t), process.at(s)
        share = (there.sigma / here.sigma) ** 2                        # of what is known of x_s through x_t
        x = per_row(a * share, x) * x + per_row(there.alpha * variance / here.sigma**2, x) * here.tweedie(x, score)
        if not _last(step, options):
            x = x + per_row((share * variance).sqrt(), x) * w.increment(float(t[0]), float(s[0]))
    return x


@dataclass(frozen=True)
class CorrectorOptions(SDEOptions):
    corrector_steps: int = option(1, "Corrector steps", "Langevin steps for each predictor step; each costs a call.",
                                  symbol="M", low=0, high=10)
    snr: float = option(0.16, "Signal to noise", "How large a Langevin step is, as the ratio of its drift to its noise.",
                        symbol="r", low=0.01, high=1)


@sampler("predictor_corrector", "Predictor–corrector", "Reverse diffusion, then Langevin steps that repair its error at the "
         "new noise level.", CorrectorOptions, lambda options: options.steps + (options.steps - 1) * options.corrector_steps,
         limit=lambda options: None if options.corrector_steps else SDE, source="Song et al. 2021, Algorithms 1, 4, 5",
         formula=r"x_s = (2 - a)\,x_t + G^2 s_\theta + G z \\ x_s \leftarrow x_s + e\,s' + \sqrt{2e}\;z' \\ s' = s_\theta(x_s, s) \\ "
                 r"e = 2a^2\left(r\,\min(\|z'\| / \|s'\|,\, 2\sigma(s))\right)^2")
def predictor_corrector(s_theta: Predict, x: Tensor, noise: RowNoise, process: Process,
                        options: CorrectorOptions) -> Sampler:
    """Reverse diffusion, then M Langevin steps at the new time (Song et al. 2021, Algorithms 1, 4 and 5)."""
    w = _brownian(noise, options)
    for step, t, s in _steps(options, x):
        score = yield from s_theta(x, t)
        yield _preview(process, options, step, x, t, s, score)
        if _last(step, options):
            return _reverse(process, x, score, t, s, None)
        x = _reverse(process, x, score, t, s, w.increment(float(t[0]), float(s[0])))
        if step < options.steps:
            x = yield from _langevin(s_theta, x, noise, process, options, s, _forward(process, t, s)[0])
    return x


@sampler("corrector_predictor", "Corrector–predictor", "The other order, as in the authors' code: Langevin steps at each noise level, then "
         "reverse diffusion to the next, and from the last to the estimate of the picture.", CorrectorOptions,
         lambda options: options.steps * (1 + options.corrector_steps), source="Song et al. 2021, their code",
         formula=r"x_t \leftarrow x_t + e\,s_\theta + \sqrt{2e}\;z \\ x_s = (2 - a)\,x_t + G^2 s_\theta + G z' \\ "
                 r"x_0 = (x_t + \sigma(t)^2 s_\theta) / \alpha(t)\ \text{at the end}")
def corrector_predictor(s_theta: Predict, x: Tensor, noise: RowNoise, process: Process,
                        options: CorrectorOptions) -> Sampler:
    """M Langevin steps at each of N times from 1 to t_end, and reverse diffusion to the next one; from the last to the estimate of the
    picture. For VE this is the authors' code (`sampling.py` of yang-song/score_sde) and diffusers' ScoreSdeVePipeline, whose noise
    is no Brownian path but drawn in turn, and so it is here."""
    count = options.steps
    levels = [torch.full((len(x),), t, device=x.device) for t in times(replace(options, steps=max(count - 1, 1)))[:count]]
    for step, (t, s) in enumerate(zip(levels, [*levels[1:], levels[-1]], strict=True), start=1):
        x = yield from _langevin(s_theta, x, noise, process, options, t, _forward(process, t, s)[0])
        score = yield from s_theta(x, t)
        yield _preview(process, options, step, x, t, s, score)
        if step < count:
            x = _reverse(process, x, score, t, s, noise.normal())
    level = process.at(t)
    x0 = level.tweedie(x, score)
    return x0 if options.denoise else x0 + per_row(level.sigma, x) * noise.normal()


def _langevin(s_theta: Predict, x: Tensor, noise: RowNoise, process: Process, options: CorrectorOptions, t: Tensor, a: Tensor) -> Steps:
    """M times x <- x + e s_theta + sqrt(2 e) z with e = 2 a^2 (r |z| / |s_theta|)^2; the norms are those of a row."""
    for _ in range(options.corrector_steps):
        score, z = (yield from s_theta(x, t)), noise.normal()
        # In pictures |z| / |s_theta| is about sigma; a point in the plane can have a score near zero, hence the bound.
        ratio = torch.minimum(z.flatten(1).norm(dim=1) / score.flatten(1).norm(dim=1), 2 * process.at(t).sigma)
        e = per_row(2 * a**2 * (options.snr * ratio) ** 2, x)
        x = x + e * score + (2 * e).sqrt() * z
    return x


@sampler("heun_sde", "Stochastic Heun", "Averages drift and noise strength over both ends of a step; two calls a step.", SDEOptions,
         lambda options: 2 * options.steps - options.denoise, order=1, limit=SDE.of, source="Kloeden & Platen 1992, section 15.1",
         formula=r"k = g^2 s_\theta - f \\ x_s = x_t + \tfrac12\left(k_t + k_s\right)(t - s) \\ {}+ \tfrac12 (g_t + g_s)\sqrt{t - s}\;z")
def heun_sde(s_theta: Predict, x: Tensor, noise: RowNoise, process: Process, options: SDEOptions) -> Sampler:
    """Heun's method for the reverse SDE: drift and g averaged over both ends of a step, one Brownian increment
    (Kloeden & Platen 1992, section 15.1; the noise is additive). A last step without noise is Euler's."""
    w = _brownian(noise, options)

    def slope(x: Tensor, t: Tensor, score: Tensor) -> Tensor:
        return -(process.f(x, t) - per_row(process.g(t), x) ** 2 * score)

    for step, t, s in _steps(options, x):
        score = yield from s_theta(x, t)
        yield _preview(process, options, step, x, t, s, score)
        dt, here = _gap(t, s, x), slope(x, t, score)
        if _last(step, options):
            return x + here * dt
        dw = dt.sqrt() * w.increment(float(t[0]), float(s[0]))
        ahead = x + here * dt + per_row(process.g(t), x) * dw
        there = slope(ahead, s, (yield from s_theta(ahead, s)))
        x = x + (here + there) / 2 * dt + per_row((process.g(t) + process.g(s)) / 2, x) * dw
    return x


@sampler("ode_euler", "ODE · Euler", "The plainest solver of the probability-flow ODE; one call a step.", ODEOptions, calls_a_step(1),
         order=1, limit=ODE.of, source="Song et al. 2021, eq. 13", file=_FILE, formula=rf"{_SLOPE} x_s = x_t + h\,k_t")
def ode_euler(s_theta: Predict, x: Tensor, noise: RowNoise, process: Process, options: ODEOptions) -> Sampler:
    return probability_flow(EULER, s_theta, x, process, options)


@sampler("ode_rk4", "ODE · RK4", "Fourth order; four calls a step.", ODEOptions, calls_a_step(4), order=4, limit=ODE.of,
         source="Kutta 1901", file=_FILE, formula=rf"{_SLOPE} x_s = x_t + \tfrac h6\left(k_1 + 2k_2 + 2k_3 + k_4\right)")
def ode_rk4(s_theta: Predict, x: Tensor, noise: RowNoise, process: Process, options: ODEOptions) -> Sampler:
    return probability_flow(RK4, s_theta, x, process, options)


@dataclass(frozen=True)
class AdaptiveOptions(Tolerances, SDEOptions):
    """Those of a solver that chooses its own steps."""


@sampler("ode_rk45", "ODE · RK45", "Chooses its own steps, for each picture by its own error; stops at the tolerance you set.",
         AdaptiveOptions, lambda options: 2 + 6 * options.steps, order=5, adaptive=True, limit=ODE.of, source="Dormand & Prince 1980",
         file=_FILE, formula=rf"{_SLOPE} x_s = x_t + h\sum_i b_i k_i \\ e = h \sum_i (b_i - b_i^*)\,k_i")
def ode_rk45(s_theta: Predict, x: Tensor, noise: RowNoise, process: Process, options: AdaptiveOptions) -> Sampler:
    control = Control(options.rtol, options.atol, options.steps)
    outcome: Outcome = yield from adaptive(_flow(s_theta, process), x, options.t_start, options.t_end, control,
                                           _preview_of(process, options))
    return outcome


def _flow(s_theta: Predict, process: Process) -> Predict:
    def field(x: Tensor, t: Tensor, rows: Tensor | None = None) -> Steps:
        score = yield from s_theta(x, t, rows)
        return process.f(x, t) - 0.5 * per_row(process.g(t), x) ** 2 * score
    return field


def times(options: SDEOptions) -> list[float]:
    """N + 1 times from t_start to t_end, evenly spaced in t^(1/rho) (as Karras et al. 2022, eq. 5, space noise levels)."""
    begin, end = (t ** (1 / options.rho) for t in (options.t_start, options.t_end))
    return [(begin + k / options.steps * (end - begin)) ** options.rho for k in range(options.steps)] + [options.t_end]


def _brownian(noise: RowNoise, options: SDEOptions) -> BrownianPaths:
    """The paths that drive the reverse SDE, fine enough for its shortest step."""
    return noise.brownian(0.0, 1.0, min(t - s for t, s in pairwise(times(options))))


def _steps(options: SDEOptions, x: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
    """(number of the step from 1, t, s), times (B,)."""
    full = [torch.full((len(x),), t, device=x.device) for t in times(options)]
    return ((i, t, s) for i, (t, s) in enumerate(pairwise(full), start=1))


def _last(step: int, options: SDEOptions) -> bool:
    """Whether this step must add no noise."""
    return options.denoise and step == options.steps


def _gap(t: Tensor, s: Tensor, x: Tensor) -> Tensor:
    return per_row(t - s, x)


def _forward(process: Process, t: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """(a, G^2) of the forward step x_t = a x_s + G z."""
    here, there = process.at(t), process.at(s)
    a = here.alpha / there.alpha
    return a, here.sigma**2 - (a * there.sigma) ** 2


def _reverse(process: Process, x: Tensor, score: Tensor, t: Tensor, s: Tensor, z: Tensor | None) -> Tensor:
    a, variance = _forward(process, t, s)
    mean = per_row(2 - a, x) * x + per_row(variance, x) * score
    return mean if z is None else mean + per_row(variance.sqrt(), x) * z


def _preview(process: Process, options: SDEOptions, step: int, x: Tensor, t: Tensor, s: Tensor, score: Tensor) -> Preview:
    level, g = process.at(t), process.g(t)
    a, variance = _forward(process, t, s)
    numbers = {"t": t, "s": s, "h": s - t, "a": a, "G^2": variance, r"\alpha(t)": level.alpha, r"\sigma(t)": level.sigma, "g^2": g**2,
               r"\|s_\theta\|": score.flatten(1).norm(dim=1)}
    return Preview(x / per_row(level.norm, x), level.tweedie(x, score), step, options.steps,
                   float(t[0]), float(level.sigma[0] / level.alpha[0]), numbers, score)


def _preview_of(process: Process, options: SDEOptions) -> PreviewFn:
    """The preview of an ODE step, whose slope holds the score."""
    def preview(step: int, x: Tensor, t: Tensor, h: Tensor, slope: Tensor) -> Preview:
        score = 2 * (process.f(x, t) - slope) / per_row(process.g(t), x) ** 2
        return _preview(process, options, step, x, t, t + h, score)
    return preview
