"""Which pretrained models there are adapters for, and what their files may hold. Does not import torch.

This table is the class list: a model is loaded only if its pipeline or architecture stands here and each of its parts is of a
class that its adapter names. Nothing else of a repository is ever imported or run.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines import registry


def _from(first: str, names: Iterable[str]) -> tuple[str, ...]:
    """The names with one of them at the head."""
    return first, *(name for name in names if name != first)


EPS = _from("dpmpp_2m", registry.face("diffusion").every)
VELOCITY = ("euler", "dpmpp_2m", "unipc", "midpoint", "heun", "rk4", "rk45")
SCORE = _from("corrector_predictor", registry.face("sde").samplers)
DRAWS = _from("ancestral", registry.face("dalle").samplers)
WHOLE = {"candidates": 1, "keep_rows": 0, "mask": "", "source": ""}       # options of completing a picture, which need a model of ours

CLIP = ("transformers.CLIPTextModel", "transformers.CLIPTextModelWithProjection")
CLIP_WORDS = ("transformers.CLIPTokenizer", "transformers.CLIPTokenizerFast")
T5 = ("transformers.T5EncoderModel", "transformers.UMT5EncoderModel")
T5_WORDS = ("transformers.T5Tokenizer", "transformers.T5TokenizerFast")
GEMMA_WORDS = ("transformers.GemmaTokenizer", "transformers.GemmaTokenizerFast")
WORDS = ("transformers.PreTrainedTokenizerFast",)        # tokenizer.json as it is, whatever class made it
KL = ("diffusers.AutoencoderKL",)
NOISE_SCHEDULERS = tuple(f"diffusers.{name}Scheduler" for name in (
    "DDPM", "DDIM", "PNDM", "LMSDiscrete", "EulerDiscrete", "EulerAncestralDiscrete", "HeunDiscrete", "KDPM2Discrete",
    "KDPM2AncestralDiscrete", "DPMSolverMultistep", "DPMSolverSinglestep", "DPMSolverSDE", "DEISMultistep", "UniPCMultistep", "LCM",
    "TCD"))
FLOW_SCHEDULERS = tuple(f"diffusers.{name}Scheduler" for name in (
    "FlowMatchEulerDiscrete", "FlowMatchHeunDiscrete", "DPMSolverMultistep", "UniPCMultistep"))


@dataclass(frozen=True)
class AdapterInfo:
    """One kind of pretrained model.

    `made_by` is what names it: `_class_name` of a model_index.json, or else the architecture (transformers: `architectures[0]`,
    diffusers: `_class_name`) of a config.json in the root. `parts` are the folders of a pipeline and the classes that each may
    have; those in `optional` may be missing or null, and those in `ignored` are never read, whatever they are.
    """
    name: str
    title: str
    family: str
    made_by: tuple[str, ...]
    samplers: tuple[str, ...]                # of the family's, the first is the default
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    optional: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)     # steps, guidance_scale, and sampler options under their names
    fixed: Mapping[str, Any] = field(default_factory=dict)     # sampler options that have one value here
    reads: str = "text"                      # what tells the model what to draw: text, label, nothing
    guided: bool = True
    negative: bool = True                    # a negative prompt can take the place of the empty caption
    sized: bool = True                       # it draws other sizes than its own
    guidance_distilled: bool = False                       # the network is told the guidance scale; it takes no second call
    graphs: bool = False                     # its denoiser looks at no numbers on the way, so that a GPU can record it
    lora: bool = False                       # files of low-rank changes can be put into it
    tokens: int = 0                          # that a picture of the example takes, of models that draw one after the other
    example: str = ""                        # a repository


def left_out(steps: int, t_start: float) -> int:
    """How many steps of a flow fall away where a picture is changed with strength 1 - t_start, as the library counts them."""
    return int(max(steps - min(steps * (1 - t_start), steps), 0))


_SAFETY = ("safety_checker", "feature_extractor", "image_encoder")

ADAPTERS: dict[str, AdapterInfo] = {info.name: info for info in (
    AdapterInfo("ddpm", "DDPM in pixels", "diffusion", ("DDPMPipeline", "DDIMPipeline", "UNet2DModel"),
                _from("ddpm", EPS),
                {"unet": ("diffusers.UNet2DModel",), "scheduler": NOISE_SCHEDULERS}, optional=("scheduler",),
                defaults={"steps": 100, "guidance_scale": 1.0}, reads="nothing", guided=False,
                example="google/ddpm-cifar10-32"),
    AdapterInfo("ldm", "Latent diffusion, unconditional", "diffusion", ("LDMPipeline",), _from("ddim", EPS),
                {"vqvae": ("diffusers.VQModel", *KL), "unet": ("diffusers.UNet2DModel",), "scheduler": NOISE_SCHEDULERS},
                defaults={"steps": 50, "guidance_scale": 1.0, "clip": False}, reads="nothing", guided=False,
                example="CompVis/ldm-celebahq-256"),
    AdapterInfo("sd", "Stable Diffusion 1.x and 2.x", "diffusion", ("StableDiffusionPipeline",), EPS,
                {"vae": KL, "text_encoder": CLIP, "tokenizer": CLIP_WORDS, "unet": ("diffusers.UNet2DConditionModel",),
                 "scheduler": NOISE_SCHEDULERS}, ignored=_SAFETY,
                defaults={"steps": 25, "guidance_scale": 7.5, "clip": False}, graphs=True, lora=True,
                example="stable-diffusion-v1-5/stable-diffusion-v1-5"),
    AdapterInfo("sdxl", "Stable Diffusion XL", "diffusion", ("StableDiffusionXLPipeline",), EPS,
                {"vae": KL, "text_encoder": CLIP, "text_encoder_2": CLIP, "tokenizer": CLIP_WORDS, "tokenizer_2": CLIP_WORDS,
                 "unet": ("diffusers.UNet2DConditionModel",), "scheduler": NOISE_SCHEDULERS}, ignored=_SAFETY,
                defaults={"steps": 30, "guidance_scale": 5.0, "clip": False}, graphs=True, lora=True,
                example="stabilityai/stable-diffusion-xl-base-1.0"),
    AdapterInfo("dit", "DiT, class labels", "diffusion", ("DiTPipeline",), _from("ddim", EPS),
                {"transformer": ("diffusers.DiTTransformer2DModel", "diffusers.Transformer2DModel"), "vae": KL,
                 "scheduler": NOISE_SCHEDULERS}, ignored=("id2label",),
                defaults={"steps": 50, "guidance_scale": 4.0, "clip": False}, reads="label", sized=False, example="facebook/DiT-XL-2-256"),
    AdapterInfo("ncsnpp", "Score SDE, NCSN++", "sde", ("ScoreSdeVePipeline",), SCORE,
                {"unet": ("diffusers.UNet2DModel",), "scheduler": ("diffusers.ScoreSdeVeScheduler",)},
                defaults={"steps": 200, "guidance_scale": 1.0, "clip": False}, fixed={"process": "ve"},
                reads="nothing", guided=False, example="google/ncsnpp-church-256"),
    AdapterInfo("sd3", "Stable Diffusion 3", "flow", ("StableDiffusion3Pipeline",), VELOCITY,
                {"transformer": ("diffusers.SD3Transformer2DModel",), "vae": KL, "text_encoder": CLIP, "text_encoder_2": CLIP,
                 "text_encoder_3": T5, "tokenizer": CLIP_WORDS, "tokenizer_2": CLIP_WORDS, "tokenizer_3": T5_WORDS,
                 "scheduler": FLOW_SCHEDULERS}, optional=("text_encoder_3", "tokenizer_3"), ignored=("feature_extractor", "image_encoder"),
                defaults={"steps": 28, "guidance_scale": 4.5, "clip": False}, fixed={"path": "ot", "clip": False},
                example="stabilityai/stable-diffusion-3.5-medium"),
    AdapterInfo("flux", "FLUX.1", "flow", ("FluxPipeline",), VELOCITY,
                {"transformer": ("diffusers.FluxTransformer2DModel",), "vae": KL, "text_encoder": CLIP, "text_encoder_2": T5,
                 "tokenizer": CLIP_WORDS, "tokenizer_2": T5_WORDS, "scheduler": FLOW_SCHEDULERS},
                ignored=("feature_extractor", "image_encoder"),
                defaults={"steps": 4, "guidance_scale": 3.5, "clip": False}, fixed={"path": "ot", "clip": False}, negative=False,
                guidance_distilled=True, lora=True, example="black-forest-labs/FLUX.1-schnell"),
    AdapterInfo("zimage", "Z-Image", "flow", ("ZImagePipeline",), VELOCITY,
                {"transformer": ("diffusers.ZImageTransformer2DModel",), "vae": KL, "text_encoder": ("transformers.Qwen3Model",),
                 "tokenizer": ("transformers.Qwen2Tokenizer", "transformers.Qwen2TokenizerFast"), "scheduler": FLOW_SCHEDULERS},
                defaults={"steps": 9, "guidance_scale": 1.0, "clip": False}, fixed={"path": "ot", "clip": False},
                example="Tongyi-MAI/Z-Image-Turbo"),
    AdapterInfo("sana", "Sana", "flow", ("SanaPipeline",), _from("dpmpp_2m", VELOCITY),
                {"transformer": ("diffusers.SanaTransformer2DModel",), "vae": ("diffusers.AutoencoderDC",),
                 "text_encoder": ("transformers.Gemma2Model",), "tokenizer": GEMMA_WORDS, "scheduler": FLOW_SCHEDULERS},
                defaults={"steps": 20, "guidance_scale": 4.5, "clip": False}, fixed={"path": "ot", "clip": False},
                example="Efficient-Large-Model/Sana_600M_512px_diffusers"),
    AdapterInfo("auraflow", "AuraFlow", "flow", ("AuraFlowPipeline",), VELOCITY,
                {"transformer": ("diffusers.AuraFlowTransformer2DModel",), "vae": KL, "text_encoder": T5,
                 "tokenizer": (*T5_WORDS, "transformers.LlamaTokenizer", "transformers.LlamaTokenizerFast"), "scheduler": FLOW_SCHEDULERS},
                defaults={"steps": 50, "guidance_scale": 3.5, "clip": False}, fixed={"path": "ot", "clip": False},
                example="fal/AuraFlow-v0.3"),
    AdapterInfo("lumina2", "Lumina Image 2.0", "flow", ("Lumina2Pipeline", "Lumina2Text2ImgPipeline"), VELOCITY,
                {"transformer": ("diffusers.Lumina2Transformer2DModel",), "vae": KL, "text_encoder": ("transformers.Gemma2Model",),
                 "tokenizer": GEMMA_WORDS, "scheduler": FLOW_SCHEDULERS},
                defaults={"steps": 30, "guidance_scale": 4.0, "clip": False}, fixed={"path": "ot", "clip": False},
                example="Alpha-VLLM/Lumina-Image-2.0"),
    AdapterInfo("amused", "aMUSEd", "vqvae", ("AmusedPipeline",), ("masked",),
                {"vqvae": ("diffusers.VQModel",), "tokenizer": CLIP_WORDS, "text_encoder": CLIP,
                 "transformer": ("diffusers.UVit2DModel",), "scheduler": ("diffusers.AmusedScheduler",)},
                defaults={"steps": 12, "guidance_scale": 10.0}, example="amused/amused-256"),
    AdapterInfo("imagegpt", "ImageGPT", "dalle", ("ImageGPTForCausalImageModeling",), DRAWS,
                {"model": ("transformers.ImageGPTForCausalImageModeling",), "processor": ("transformers.ImageGPTImageProcessorPil",)},
                defaults={"guidance_scale": 1.0}, fixed=WHOLE, reads="nothing", guided=False, sized=False, tokens=1024,
                example="openai/imagegpt-small"),
    AdapterInfo("janus", "Janus", "dalle", ("JanusForConditionalGeneration",), DRAWS,
                {"model": ("transformers.JanusForConditionalGeneration",), "tokenizer": WORDS},
                defaults={"guidance_scale": 5.0}, fixed=WHOLE, negative=False, sized=False, tokens=576,
                example="deepseek-community/Janus-Pro-1B"),
    AdapterInfo("emu3", "Emu3", "dalle", ("Emu3ForConditionalGeneration",), DRAWS,
                {"model": ("transformers.Emu3ForConditionalGeneration",), "tokenizer": WORDS},
                defaults={"guidance_scale": 3.0}, fixed=WHOLE, tokens=8100, example="BAAI/Emu3-Gen-hf"),
)}
