"""More pretrained models small enough for tests: those that draw codes, and the flow models that came after FLUX."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AmusedPipeline,
    AmusedScheduler,
    AuraFlowPipeline,
    AuraFlowTransformer2DModel,
    AutoencoderDC,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    Lumina2Pipeline,
    Lumina2Transformer2DModel,
    SanaPipeline,
    SanaTransformer2DModel,
    UVit2DModel,
    VQModel,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    Emu3Config,
    Emu3ForConditionalGeneration,
    Emu3TextConfig,
    Emu3VQVAEConfig,
    Gemma2Config,
    Gemma2Model,
    GemmaTokenizer,
    GenerationConfig,
    ImageGPTConfig,
    ImageGPTForCausalImageModeling,
    ImageGPTImageProcessorPil,
    JanusConfig,
    JanusForConditionalGeneration,
    JanusVisionConfig,
    JanusVQVAEConfig,
    LlamaConfig,
    PreTrainedTokenizerFast,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3Model,
    UMT5Config,
    UMT5EncoderModel,
)

from pipelines.hub.sana import instruction
from tests.weights.tiny_models import _CODER, _clip, _clip_words, _t5_words, _vae, saved


def amused(folder: Path, schedule: str = "cosine") -> AmusedPipeline:
    """aMUSEd: 8 x 8 codes of 32, 16 x 16 pixels."""
    torch.manual_seed(0)
    return saved(AmusedPipeline(
        vqvae=VQModel(**_CODER, latent_channels=8, num_vq_embeddings=32, vq_embed_dim=8, lookup_from_codebook=True,
                      mid_block_add_attention=False),
        tokenizer=_clip_words(), text_encoder=_clip(projected=True),
        transformer=UVit2DModel(
            hidden_size=32, cond_embed_dim=32, micro_cond_encode_dim=8, micro_cond_embed_dim=40, encoder_hidden_size=32, vocab_size=40,
            codebook_size=32, in_channels=16, block_out_channels=16, num_res_blocks=1, block_num_heads=2, num_hidden_layers=2,
            num_attention_heads=2, intermediate_size=48, sample_size=8, downsample=True, upsample=True),
        scheduler=AmusedScheduler(mask_token_id=39, masking_schedule=schedule)), folder)


def imagegpt(folder: Path) -> ImageGPTForCausalImageModeling:
    """ImageGPT: 6 x 6 pixels of 16 colours."""
    torch.manual_seed(0)
    net = _lively(ImageGPTForCausalImageModeling(ImageGPTConfig(vocab_size=17, n_positions=36, n_embd=32, n_layer=3, n_head=4)))
    net.save_pretrained(folder)
    ImageGPTImageProcessorPil(clusters=(torch.rand(16, 3) * 2 - 1).tolist(), size={"height": 6, "width": 6}).save_pretrained(folder)
    return net


def janus(folder: Path) -> JanusForConditionalGeneration:
    """Janus: 4 x 4 codes of 24, 8 x 8 pixels."""
    torch.manual_seed(0)
    words = byte_words(("<begin_of_image>", "<bos>", "<eos>", "<pad>", "<|User|>", "<|Assistant|>", "<image>"), bos="<bos>",
                       pad_token="<pad>")
    ids: dict[str, Any] = {name: words.convert_tokens_to_ids(name) for name in ("<begin_of_image>", "<bos>", "<eos>", "<pad>", "<image>")}
    text = LlamaConfig(vocab_size=len(words), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                       num_key_value_heads=2, max_position_embeddings=512, bos_token_id=ids["<bos>"], eos_token_id=ids["<eos>"],
                       pad_token_id=ids["<pad>"])
    net = _lively(JanusForConditionalGeneration(JanusConfig(
        text_config=text, image_token_id=ids["<image>"],
        vision_config=JanusVisionConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=4,
                                        projection_dim=32, num_image_tokens=16),
        vq_config=JanusVQVAEConfig(embed_dim=4, num_embeddings=24, latent_channels=8, base_channels=32, channel_multiplier=[1, 1],
                                   num_res_blocks=1, num_patches=4, projection_dim=32, image_token_embed_dim=32))))
    net.generation_config = GenerationConfig(
        bos_token_id=ids["<bos>"], eos_token_id=ids["<eos>"], pad_token_id=ids["<pad>"],
        generation_kwargs={"boi_token_id": ids["<begin_of_image>"]})
    net.save_pretrained(folder)
    words.save_pretrained(folder)
    return net


def emu3(folder: Path) -> Emu3ForConditionalGeneration:
    """Emu3: 20 codes of 2 x 2 pixels, which stand in the vocabulary in another order."""
    torch.manual_seed(0)
    names = [f"<|visual token {7 * k % 20:06d}|>" for k in range(20)]
    words = byte_words(("<|extra_203|>", "<|extra_200|>", "<|image start|>", "<|image token|>", "<image>", *names),
                       bos_token="<|extra_203|>")
    text = Emu3TextConfig(vocab_size=len(words), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                          num_key_value_heads=2, max_position_embeddings=96, bos_token_id=words.bos_token_id, eos_token_id=None,
                          pad_token_id=0, attention_dropout=0.0)
    net = _lively(Emu3ForConditionalGeneration(Emu3Config(
        text_config=text, vocabulary_map=words.get_vocab(),
        vq_config=Emu3VQVAEConfig(codebook_size=20, embed_dim=4, latent_channels=4, base_channels=32, channel_multiplier=[1, 1],
                                  num_res_blocks=1, attn_resolutions=[], hidden_size=32, temporal_downsample_factor=1))))
    net.save_pretrained(folder)
    words.save_pretrained(folder)
    return net


def zimage(folder: Path) -> ZImagePipeline:
    """Z-Image: 32 x 32 pixels if asked for, since its configuration says 1024 whatever the VAE is."""
    torch.manual_seed(0)
    words = qwen_words()
    return saved(ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0), vae=_vae(4, scaling_factor=0.3611, shift_factor=0.1159), tokenizer=words,
        text_encoder=Qwen3Model(Qwen3Config(
            vocab_size=len(words), hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=2, head_dim=8)),
        transformer=_lively(ZImageTransformer2DModel(
            in_channels=4, dim=32, n_layers=2, n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=32, axes_dims=[4, 6, 6],
            axes_lens=[1024, 64, 64]))), folder)


def sana(folder: Path, flow_shift: float = 3.0) -> SanaPipeline:
    """Sana: 8 x 8 latents of 4 x 4 pixels each, and the scheduler that it is published with."""
    torch.manual_seed(0)
    words = gemma_words()
    coder: dict[str, Any] = {f"{half}_{what}": value for half in ("encoder", "decoder") for what, value in (
        ("block_types", ("ResBlock", "ResBlock", "EfficientViTBlock")), ("block_out_channels", (8, 8, 16)), ("layers_per_block", (1, 1, 1)),
        ("qkv_multiscales", ((), (), (5,))))}
    return saved(SanaPipeline(
        scheduler=DPMSolverMultistepScheduler(flow_shift=flow_shift, use_flow_sigmas=True, prediction_type="flow_prediction"),
        vae=AutoencoderDC(latent_channels=4, attention_head_dim=2, scaling_factor=0.41407, **coder), tokenizer=words,
        text_encoder=_gemma(len(words)),
        transformer=_lively(SanaTransformer2DModel(
            in_channels=4, out_channels=4, num_layers=1, num_attention_heads=2, attention_head_dim=8, num_cross_attention_heads=2,
            cross_attention_head_dim=8, cross_attention_dim=16, caption_channels=32, sample_size=8))), folder)


def auraflow(folder: Path) -> AuraFlowPipeline:
    """AuraFlow: 32 x 32 pixels."""
    torch.manual_seed(0)
    words = _t5_words()
    return saved(AuraFlowPipeline(
        tokenizer=words, vae=_vae(4, scaling_factor=0.13025), scheduler=FlowMatchEulerDiscreteScheduler(shift=1.73),
        text_encoder=UMT5EncoderModel(UMT5Config(vocab_size=len(words), d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4,
                                                 relative_attention_num_buckets=8, dropout_rate=0.0)),
        transformer=_lively(AuraFlowTransformer2DModel(
            sample_size=16, patch_size=2, in_channels=4, out_channels=4, num_mmdit_layers=1, num_single_dit_layers=1,
            attention_head_dim=8, num_attention_heads=4, joint_attention_dim=32, caption_projection_dim=32, pos_embed_max_size=256))),
        folder)


def lumina2(folder: Path, dynamic: bool = False) -> Lumina2Pipeline:
    """Lumina Image 2.0: 4 x 4 latents of a VAE that should shrink eight times and shrinks twice; 32 pixels are 8."""
    torch.manual_seed(0)
    words = gemma_words()
    return saved(Lumina2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=6.0, use_dynamic_shifting=dynamic), tokenizer=words,
        text_encoder=_gemma(len(words)), vae=_vae(4, scaling_factor=0.3611, shift_factor=0.1159),
        transformer=_lively(Lumina2Transformer2DModel(
            sample_size=4, in_channels=4, hidden_size=24, num_layers=1, num_refiner_layers=1, num_attention_heads=2, num_kv_heads=1,
            multiple_of=16, axes_dim_rope=(4, 4, 4), axes_lens=(300, 16, 16), cap_feat_dim=32))), folder)


def qwen_words() -> Qwen2Tokenizer:
    """Single bytes, and the template of a chat with one question in it."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = Qwen2Tokenizer(vocab={letter: k for k, letter in enumerate([*alphabet, "<|endoftext|>"])}, merges=[],
                           extra_special_tokens=["<|im_start|>", "<|im_end|>"])
    words.chat_template = ("{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' + '\\n' }}{% endfor %}"
                           "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
    return words


def gemma_words() -> GemmaTokenizer:
    """Single letters, and the words of what Sana says before every prompt, which would be long in letters."""
    merges: Any = []
    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(chr(k) for k in range(33, 127)), "\u2581", "\n"]
    for word in instruction().split():
        start = "\u2581"
        for letter in word:
            if start + letter not in tokens:
                tokens.append(start + letter)
                merges.append((start, letter))
            start += letter
    return GemmaTokenizer(vocab={token: k for k, token in enumerate(tokens)}, merges=merges)


def _gemma(vocabulary: int) -> Gemma2Model:
    return Gemma2Model(Gemma2Config(vocab_size=vocabulary, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                                    num_key_value_heads=2, head_dim=8, sliding_window=4096))


def byte_words(special: tuple[str, ...], bos: str | None = None, **roles: str) -> PreTrainedTokenizerFast:
    """A tokenizer of single bytes, besides the special tokens; with a first token where there is one."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={letter: k for k, letter in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.add_special_tokens(list(special))
    if bos is not None:
        core.post_processor = processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, core.token_to_id(bos))])
        roles["bos_token"] = bos
    return PreTrainedTokenizerFast(tokenizer_object=core, **roles)


def _lively(net: Any) -> Any:
    """The network in evaluation mode with larger weights, so that what it says depends on what it is told; some classes also leave
    memory as they found it, or zeros, where weights are to be read."""
    for parameter in net.eval().parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    return net
