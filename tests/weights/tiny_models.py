"""Pretrained models small enough for tests: the real classes with random weights, saved as their repositories have them.

Each builder saves into a folder and returns the pipeline, its networks in evaluation mode. Nothing is downloaded: tokenizers
are built from a vocabulary of bytes and a few words.
"""
from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DiTPipeline,
    DiTTransformer2DModel,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    LDMPipeline,
    PNDMScheduler,
    ScoreSdeVePipeline,
    ScoreSdeVeScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
    UNet2DModel,
    VQModel,
)
from tokenizers import pre_tokenizers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer, T5Config, T5EncoderModel, T5Tokenizer

WORDS = ("red", "green", "blue", "circle", "square", "cat", "photo")


def sd(folder: Path, prediction: str = "epsilon") -> StableDiffusionPipeline:
    """Stable Diffusion 1.x; with `prediction="v_prediction"` as 2.x has it. 16 x 16 latents, 32 x 32 pixels."""
    torch.manual_seed(0)
    return saved(StableDiffusionPipeline(
        vae=_vae(4), text_encoder=_clip(), tokenizer=_clip_words(),
        unet=UNet2DConditionModel(
            sample_size=16, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(16, 32), norm_num_groups=8,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=32, attention_head_dim=4),
        scheduler=PNDMScheduler(**_BETAS, prediction_type=prediction, skip_prk_steps=True, steps_offset=1),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False), folder)


def sdxl(folder: Path, second: int = 32) -> StableDiffusionXLPipeline:
    """Stable Diffusion XL: two text encoders, sizes and the pooled text as extra conditions; `second`: the width of the second
    encoder. 32 x 32 pixels."""
    torch.manual_seed(0)
    return saved(StableDiffusionXLPipeline(
        vae=_vae(4, scaling_factor=0.13025), text_encoder=_clip(), text_encoder_2=_clip(projected=True, width=second),
        tokenizer=_clip_words(), tokenizer_2=_clip_words(pad="!"),
        unet=UNet2DConditionModel(
            sample_size=16, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(16, 32), norm_num_groups=8,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=32 + second, attention_head_dim=(2, 4), transformer_layers_per_block=(1, 2), use_linear_projection=True,
            addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=6 * 8 + second),
        scheduler=EulerDiscreteScheduler(**_BETAS, steps_offset=1, timestep_spacing="leading"),
        force_zeros_for_empty_prompt=True), folder)


def sd3(folder: Path, t5: bool = True) -> StableDiffusion3Pipeline:
    """Stable Diffusion 3; without the T5 encoder if `t5` is False, as many are used. 32 x 32 pixels."""
    torch.manual_seed(0)
    return saved(StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=16, patch_size=2, in_channels=4, out_channels=4, num_layers=2, attention_head_dim=8, num_attention_heads=4,
            joint_attention_dim=64, caption_projection_dim=32, pooled_projection_dim=64, pos_embed_max_size=16,
            dual_attention_layers=(0,), qk_norm="rms_norm"),
        vae=_vae(4, scaling_factor=1.5305, shift_factor=0.0609, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=_clip(projected=True), text_encoder_2=_clip(projected=True), text_encoder_3=_t5(64) if t5 else None,
        tokenizer=_clip_words(), tokenizer_2=_clip_words(pad="!"), tokenizer_3=_t5_words() if t5 else None,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0)), folder)


def flux(folder: Path, guidance_embeds: bool = False) -> FluxPipeline:
    """FLUX.1: "schnell", or with `guidance_embeds` "dev". 32 x 32 pixels, 8 x 8 packed latents."""
    torch.manual_seed(0)
    return saved(FluxPipeline(
        transformer=FluxTransformer2DModel(
            patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
            joint_attention_dim=32, pooled_projection_dim=32, guidance_embeds=guidance_embeds, axes_dims_rope=(4, 4, 8)),
        vae=_vae(4, scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=_clip(), text_encoder_2=_t5(32), tokenizer=_clip_words(), tokenizer_2=_t5_words(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True) if guidance_embeds
        else FlowMatchEulerDiscreteScheduler(shift=1.0)), folder)


def dit(folder: Path) -> DiTPipeline:
    """DiT with the 1000 classes that the pipeline takes for granted, eps and variance predicted. 8 x 8 latents, 16 x 16 pixels."""
    torch.manual_seed(0)
    net = DiTTransformer2DModel(num_attention_heads=2, attention_head_dim=8, in_channels=4, out_channels=8, num_layers=2, sample_size=8,
                                norm_num_groups=8, num_embeds_ada_norm=1000)
    names = {k: f"thing {k}, item {k}" for k in range(1000)}
    return saved(DiTPipeline(transformer=net, vae=_vae(4), scheduler=DDIMScheduler(beta_schedule="linear", clip_sample=False),
                             id2label=names), folder, id2label={str(k): name for k, name in names.items()})


def ddpm(folder: Path) -> DDPMPipeline:
    """DDPM in 16 x 16 pixels."""
    torch.manual_seed(0)
    return saved(DDPMPipeline(unet=_unet(16, 3), scheduler=DDPMScheduler(variance_type="fixed_large")), folder)


def ldm(folder: Path) -> LDMPipeline:
    """Unconditional latent diffusion with a VQ autoencoder. 8 x 8 latents, 16 x 16 pixels."""
    torch.manual_seed(0)
    vqvae = VQModel(**_CODER, latent_channels=3, num_vq_embeddings=32, vq_embed_dim=3)
    return saved(LDMPipeline(vqvae=vqvae, unet=_unet(8, 3), scheduler=DDIMScheduler(**_BETAS, clip_sample=False)), folder)


def ncsnpp(folder: Path) -> ScoreSdeVePipeline:
    """The variance exploding SDE's score network, which takes sigma as its time. 16 x 16 pixels."""
    torch.manual_seed(0)
    net = _unet(16, 3, time_embedding_type="fourier", center_input_sample=False, mid_block_scale_factor=2 ** 0.5, norm_num_groups=32,
                block_out_channels=(32, 32), down_block_types=("SkipDownBlock2D", "AttnSkipDownBlock2D"),
                up_block_types=("AttnSkipUpBlock2D", "SkipUpBlock2D"))
    return saved(ScoreSdeVePipeline(unet=net, scheduler=ScoreSdeVeScheduler(sigma_max=50.0, snr=0.075, correct_steps=2)), folder)


def saved(pipe: Any, folder: Path, variant: str | None = None, max_shard_size: str = "10GB", **also: Any) -> Any:
    """The pipeline, its networks in evaluation mode, written as a repository; with a variant beside what is there already.

    CLIP tokenizers get the files of the published models (vocab.json, merges.txt) instead of a tokenizer.json. `also` goes
    into model_index.json.
    """
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            part.eval().requires_grad_(False)
    pipe.save_pretrained(folder, safe_serialization=True, variant=variant, max_shard_size=max_shard_size)
    for name, part in pipe.components.items():
        if isinstance(part, CLIPTokenizer):
            (folder / name / "tokenizer.json").unlink()
            vocabulary, merges = _clip_vocabulary()
            _write(folder / name / "vocab.json", vocabulary)
            (folder / name / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges), encoding="utf-8")
            _write(folder / name / "special_tokens_map.json",
                   {key: str(getattr(part, key)) for key in ("bos_token", "eos_token", "pad_token", "unk_token")})
    if also:
        _write(folder / "model_index.json", {**json.loads((folder / "model_index.json").read_text(encoding="utf-8")), **also})
    return pipe


def flattened(folder: Path) -> Path:
    """The same repository with the files of its parts in the root, as the first diffusers repositories have them (google/ddpm-*)."""
    for part in [path for path in folder.iterdir() if path.is_dir()]:
        for path in part.iterdir():
            shutil.move(path, folder / path.name)
        part.rmdir()
    return folder


_BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
_CODER: dict[str, Any] = {
    "in_channels": 3, "out_channels": 3, "block_out_channels": (8, 16), "layers_per_block": 1, "norm_num_groups": 4, "sample_size": 32,
    "down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}


def _vae(channels: int, **config: Any) -> AutoencoderKL:
    return AutoencoderKL(**_CODER, latent_channels=channels, **config)


def _unet(size: int, channels: int, **config: Any) -> UNet2DModel:
    return UNet2DModel(**{
        "sample_size": size, "in_channels": channels, "out_channels": channels, "layers_per_block": 1, "block_out_channels": (16, 32),
        "norm_num_groups": 8, "attention_head_dim": 8, "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "UpBlock2D"), **config})


def _clip(projected: bool = False, width: int = 32) -> Any:
    size = len(_clip_vocabulary()[0])
    config = CLIPTextConfig(vocab_size=size, hidden_size=width, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4,
                            max_position_embeddings=77, projection_dim=width, bos_token_id=size - 2, eos_token_id=size - 1,
                            pad_token_id=size - 1, hidden_act="gelu" if projected else "quick_gelu")
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def _clip_vocabulary() -> tuple[dict[str, int], Any]:
    """(tokens, merges): all bytes, inside and at the end of a word, then the merges of WORDS, then the two special tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens, merges = alphabet + [letter + "</w>" for letter in alphabet], []
    for word in WORDS:
        start = word[0]
        for letter in (*word[1:-1], word[-1] + "</w>"):
            if (start, letter) not in merges:
                merges.append((start, letter))
                tokens.append(start + letter)
            start += letter
    return {token: k for k, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}, merges


def _clip_words(pad: str = "<|endoftext|>") -> CLIPTokenizer:
    vocabulary, merges = _clip_vocabulary()
    return CLIPTokenizer(vocab=vocabulary, merges=merges, pad_token=pad, model_max_length=77)


def _t5(width: int) -> T5EncoderModel:
    return T5EncoderModel(T5Config(vocab_size=len(_t5_words()), d_model=width, d_kv=8, d_ff=37, num_layers=2, num_heads=4,
                                   relative_attention_num_buckets=8, feed_forward_proj="gated-gelu", dropout_rate=0.0))


def _t5_words() -> T5Tokenizer:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,"
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0), *(("\u2581" + word, -3.0) for word in WORDS),
              *((letter, -5.0) for letter in letters)]
    return T5Tokenizer(vocab=pieces, extra_ids=4, model_max_length=512)


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
