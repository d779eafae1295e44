"""The models of this folder: name of the folder, model_type and configuration. generate.py makes them."""

VOCABULARY = 37
# Large enough that a pass which reads another epsilon than the model's shows.
EPSILON = 3e-3

TOKENS = dict(vocab_size=VOCABULARY, bos_token_id=1, eos_token_id=2, pad_token_id=0)
DECODER = dict(TOKENS, hidden_size=24, intermediate_size=40, num_hidden_layers=3, num_attention_heads=4,
               num_key_value_heads=2, max_position_embeddings=16)
RMS = dict(DECODER, rms_norm_eps=EPSILON)
# A quarter of a head is rotated, and must be even.
ROTARY = dict(DECODER, hidden_size=32, layer_norm_eps=EPSILON)
GEMMA = dict(RMS, head_dim=10, query_pre_attn_scalar=8, sliding_window=8)
NEOX = dict(TOKENS, hidden_size=24, intermediate_size=40, num_hidden_layers=3, num_attention_heads=3,
            layer_norm_eps=EPSILON, max_position_embeddings=16)
FALCON = dict(TOKENS, hidden_size=24, num_hidden_layers=3, num_attention_heads=4, ffn_hidden_size=44,
              layer_norm_epsilon=EPSILON, max_position_embeddings=16)
GEMMA3_TEXT = dict(GEMMA, layer_types=["sliding_attention", "full_attention", "sliding_attention"])

# Towers that no text passes.
VISION = dict(hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2, image_size=4,
              patch_size=4)
QWEN_VISION = dict(depth=1, hidden_size=8, num_heads=2, intermediate_size=12, out_hidden_size=24,
                   patch_size=2, temporal_patch_size=1)
MROPE = dict(rope_type="default", rope_theta=1e4, mrope_section=[1, 1, 1])

CASES = {
    "llama": ("llama", dict(RMS, num_hidden_layers=4, head_dim=8)),
    "llama_biases": ("llama", dict(RMS, attention_bias=True, mlp_bias=True, eos_token_id=[2, 5])),
    "mistral": ("mistral", dict(RMS, head_dim=8, sliding_window=8)),
    "qwen2": ("qwen2", RMS),
    "qwen3": ("qwen3", dict(RMS, head_dim=10, attention_bias=True)),
    "gemma2": ("gemma2", dict(GEMMA, num_hidden_layers=4)),
    "gemma3_text": ("gemma3_text", GEMMA3_TEXT),
    "gemma3": ("gemma3", dict(
        text_config=GEMMA3_TEXT, mm_tokens_per_image=1, boi_token_index=33, eoi_token_index=34, image_token_index=35,
        vision_config=VISION)),
    "llava": ("llava", dict(text_config=dict(RMS, model_type="llama", num_hidden_layers=2),
                            vision_config=dict(VISION, model_type="clip_vision_model"))),
    "mistral3": ("mistral3", dict(text_config=dict(RMS, model_type="mistral", num_hidden_layers=2, head_dim=8),
                                  vision_config=dict(VISION, model_type="pixtral", head_dim=4))),
    "qwen2_5_vl": ("qwen2_5_vl", dict(text_config=dict(RMS, num_hidden_layers=2, rope_parameters=MROPE),
                                      vision_config=QWEN_VISION)),
    "qwen3_vl": ("qwen3_vl", dict(text_config=dict(RMS, num_hidden_layers=2, head_dim=6, rope_parameters=MROPE),
                                  vision_config=dict(QWEN_VISION, num_position_embeddings=4, deepstack_visual_indexes=[0]))),
    "phi": ("phi", dict(ROTARY, qk_layernorm=True)),
    "phi3": ("phi3", dict(RMS, original_max_position_embeddings=16)),
    "gpt2": ("gpt2", dict(TOKENS, n_embd=24, n_inner=40, n_layer=4, n_head=4, n_positions=16,
                          layer_norm_epsilon=EPSILON)),
    "gpt_neox_parallel": ("gpt_neox", dict(NEOX, num_hidden_layers=4)),
    "gpt_neox_sequential": ("gpt_neox", dict(NEOX, use_parallel_residual=False, hidden_act="gelu_new")),
    "mpt": ("mpt", dict(TOKENS, d_model=24, n_heads=4, n_layers=3, max_seq_len=16, layer_norm_epsilon=EPSILON,
                        attn_config=dict(clip_qkv=1.25))),
    "opt": ("opt", dict(TOKENS, hidden_size=24, word_embed_proj_dim=24, ffn_dim=44, num_hidden_layers=3,
                        num_attention_heads=4, max_position_embeddings=16, do_layer_norm_before=True)),
    "falcon_7b": ("falcon", dict(FALCON, multi_query=True, parallel_attn=True)),
    "falcon_40b": ("falcon", dict(FALCON, new_decoder_architecture=True, num_kv_heads=2)),
    "falcon_11b": ("falcon", dict(FALCON, new_decoder_architecture=True, num_kv_heads=2, num_ln_in_parallel_attn=1)),
    "falcon_rw": ("falcon", dict(FALCON, multi_query=False, parallel_attn=False, alibi=True, bias=True)),
    "bloom": ("bloom", dict(TOKENS, hidden_size=24, n_layer=3, n_head=4, layer_norm_epsilon=EPSILON)),
    "olmo2": ("olmo2", RMS),
    "starcoder2": ("starcoder2", dict(DECODER, use_bias=True, norm_epsilon=EPSILON, sliding_window=8)),
    "stablelm_sequential": ("stablelm", dict(ROTARY, use_qkv_bias=True, qk_layernorm=True)),
    "stablelm_parallel": ("stablelm", dict(ROTARY, use_parallel_residual=True)),
    "mixtral": ("mixtral", dict(RMS, intermediate_size=20, num_local_experts=4, num_experts_per_tok=2)),
}

# The families of 2025 and 2026 are smaller: there are many. Nothing is square, heads are not hidden_size wide.
SMALL = dict(TOKENS, hidden_size=20, intermediate_size=28, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, head_dim=8, max_position_embeddings=16)
SMALL_RMS = dict(SMALL, rms_norm_eps=EPSILON)
BIASES = dict(attention_bias=True, mlp_bias=True)
SLIDING = ["sliding_attention", "full_attention"]
# Its heads are hidden_size wide together, whatever the configuration says.
COHERE2 = dict(SMALL, hidden_size=24, head_dim=6, layer_norm_eps=EPSILON, sliding_window=8)
GRANITE = dict(embedding_multiplier=2.5, residual_multiplier=0.7, attention_multiplier=0.3, logits_scaling=5.0)

DENSE = {
    "gemma": ("gemma", SMALL_RMS),
    "glm": ("glm", SMALL_RMS),
    "glm4": ("glm4", SMALL_RMS),
    "smollm3": ("smollm3", dict(SMALL_RMS, no_rope_layer_interval=2)),
    "olmo": ("olmo", dict(SMALL, clip_qkv=0.8)),
    "olmo3": ("olmo3", dict(SMALL_RMS, sliding_window=8, layer_types=SLIDING)),
    "exaone4": ("exaone4", dict(SMALL_RMS, sliding_window=8, layer_types=SLIDING)),
    "granite": ("granite", dict(SMALL_RMS, **BIASES, **GRANITE)),
    "cohere": ("cohere", dict(SMALL, layer_norm_eps=EPSILON, use_qk_norm=True, attention_bias=True)),
    "cohere2": ("cohere2", dict(COHERE2, layer_types=SLIDING)),
    "nemotron": ("nemotron", dict(SMALL, norm_eps=EPSILON, **BIASES)),
    "arcee": ("arcee", dict(SMALL_RMS, **BIASES)),
    "apertus": ("apertus", SMALL_RMS),
    "seed_oss": ("seed_oss", SMALL_RMS),
    "ernie4_5": ("ernie4_5", dict(SMALL_RMS, use_bias=True)),
    "hunyuan_v1_dense": ("hunyuan_v1_dense", dict(SMALL_RMS, attention_bias=True)),
    "ministral": ("ministral", dict(SMALL_RMS, sliding_window=8)),
    "ministral3": ("ministral3", SMALL_RMS),
    "gpt_neo": ("gpt_neo", dict(
        TOKENS, hidden_size=20, intermediate_size=28, num_layers=2, num_heads=4, max_position_embeddings=16, window_size=8,
        attention_types=[[["global", "local"], 1]], layer_norm_epsilon=EPSILON)),
    "gptj": ("gptj", dict(TOKENS, n_embd=24, n_inner=36, n_layer=2, n_head=4, rotary_dim=4, n_positions=16,
                          layer_norm_epsilon=EPSILON)),
}
CASES.update(DENSE)

MOE = dict(SMALL_RMS, hidden_size=16, head_dim=6, intermediate_size=18, num_experts_per_tok=2)
MOE_ALONE = dict(MOE, intermediate_size=9, num_local_experts=5)
QWEN_MOE = dict(MOE, moe_intermediate_size=7, num_experts=5)
MLA = dict(MOE, moe_intermediate_size=7, n_routed_experts=5, first_k_dense_replace=2, num_hidden_layers=4,
           q_lora_rank=9, kv_lora_rank=8, num_key_value_heads=4, qk_nope_head_dim=6, qk_rope_head_dim=4,
           v_head_dim=5, head_dim=4)
GROUPS = dict(n_routed_experts=6, n_group=3, topk_group=2)
DEEPSEEK_V3 = dict(MLA, **GROUPS, n_shared_experts=1, routed_scaling_factor=2.2, norm_topk_prob=True)
GLM4_MOE = dict(MOE, moe_intermediate_size=7, n_routed_experts=5, hidden_size=18, head_dim=8, attention_bias=True)

MIXTURES = {
    "qwen3_moe": ("qwen3_moe", dict(QWEN_MOE, norm_topk_prob=True)),
    "qwen3_moe_dense": ("qwen3_moe", dict(QWEN_MOE, num_hidden_layers=4, mlp_only_layers=[1], decoder_sparse_step=2)),
    "qwen2_moe": ("qwen2_moe", dict(QWEN_MOE, shared_expert_intermediate_size=11)),
    "olmoe": ("olmoe", dict(MOE_ALONE, head_dim=4, num_experts=5, clip_qkv=0.8)),
    "phimoe": ("phimoe", dict(MOE_ALONE, attention_bias=True, lm_head_bias=True, router_jitter_noise=0.2)),
    # So many that some lie within reach of each other.
    "phimoe_published": ("phimoe", dict(MOE_ALONE, head_dim=4, num_local_experts=16, intermediate_size=5, attention_bias=True,
                                        lm_head_bias=True, router_jitter_noise=0.01)),
    "minimax_m2": ("minimax_m2", MOE_ALONE),
    "granitemoe": ("granitemoe", dict(MOE_ALONE, attention_bias=True, **GRANITE)),
    "granitemoeshared": ("granitemoeshared", dict(MOE_ALONE, attention_bias=True, shared_intermediate_size=11, **GRANITE)),
    "gpt_oss": ("gpt_oss", dict(MOE_ALONE, sliding_window=8)),
    "gpt_oss_other": ("gpt_oss", dict(
        MOE_ALONE, sliding_window=8, swiglu_limit=0.9, swiglu_alpha=1.3, attention_bias=False,
        rope_parameters=dict(rope_type="yarn", rope_theta=1e4, factor=8.0, original_max_position_embeddings=4, mscale=1.3,
                             mscale_all_dim=0.7))),
    "deepseek_v2": ("deepseek_v2", dict(MLA, routed_scaling_factor=1.7, attention_bias=True)),
    "deepseek_v2_groups": ("deepseek_v2", dict(MLA, **GROUPS, topk_method="group_limited_greedy", q_lora_rank=None,
                                               num_experts_per_tok=3,  # of more than two groups
                                               routed_scaling_factor=1.7)),
    "deepseek_v3": ("deepseek_v3", dict(DEEPSEEK_V3, attention_bias=True)),
    "kimi_k2": ("deepseek_v3", dict(DEEPSEEK_V3, n_group=1, topk_group=1, num_hidden_layers=3, first_k_dense_replace=1)),
    "glm4_moe": ("glm4_moe", dict(GLM4_MOE, num_hidden_layers=3, first_k_dense_replace=1, routed_scaling_factor=1.4,
                                  use_qk_norm=True)),
    "dots1": ("dots1", dict(MOE, **GROUPS, moe_intermediate_size=7, num_hidden_layers=4, n_shared_experts=2,
                            first_k_dense_replace=2, routed_scaling_factor=1.4)),
    # One block is a mixture, by its number, of those that may be.
    "ernie4_5_moe": ("ernie4_5_moe", dict(
        SMALL_RMS, hidden_size=16, head_dim=6, intermediate_size=28, num_hidden_layers=6, moe_k=2, moe_num_experts=5,
        moe_intermediate_size=7, moe_num_shared_experts=2, moe_layer_start_index=2, moe_layer_end_index=4,
        moe_layer_interval=2)),
    "llama4_text": ("llama4_text", dict(MOE_ALONE, intermediate_size_mlp=18, num_hidden_layers=4, attention_bias=True,
                                        interleave_moe_layer_step=2, attention_chunk_size=8)),
}
CASES.update(MIXTURES)

DELTA_RULE = dict(MOE, hidden_size=18, intermediate_size=20, head_dim=8, num_hidden_layers=4,
                  full_attention_interval=2, linear_num_key_heads=2, linear_num_value_heads=4, linear_key_head_dim=5,
                  linear_value_head_dim=3, linear_conv_kernel_dim=3)
DELTA_RULE_MOE = dict(DELTA_RULE, num_experts=5, moe_intermediate_size=7, shared_expert_intermediate_size=9)
# Two groups of two heads.
MAMBA2 = dict(SMALL_RMS, hidden_size=16, head_dim=6, intermediate_size=22, mamba_n_heads=4, mamba_n_groups=2,
              mamba_d_state=5, mamba_d_conv=3)
FALCON_H1 = dict(MAMBA2, mamba_d_ssm=24, mamba_d_head=6,
                 embedding_multiplier=2.5, lm_head_multiplier=0.3, key_multiplier=0.6, attention_in_multiplier=0.8,
                 attention_out_multiplier=1.3, ssm_in_multiplier=1.4, ssm_out_multiplier=0.7, mlp_multipliers=[1.6, 0.6],
                 ssm_multipliers=[0.625, 1.5, 1.25, 0.75, 0.6875])  # Transformers keeps these in float32
NEMOTRON_H = dict(SMALL, hidden_size=16, head_dim=6, intermediate_size=22, layer_norm_epsilon=EPSILON, mamba_num_heads=4,
                  mamba_head_dim=6, ssm_state_size=5, conv_kernel=3, n_groups=2, moe_intermediate_size=7,
                  moe_shared_expert_intermediate_size=9, n_routed_experts=5, num_experts_per_tok=2,
                  routed_scaling_factor=1.7)
LFM2 = dict(SMALL, norm_eps=EPSILON, intermediate_size=27, block_multiple_of=6, block_ffn_dim_multiplier=1.25)

HYBRIDS = {
    "qwen3_next": ("qwen3_next", dict(DELTA_RULE_MOE, num_experts=4)),
    "qwen3_5_text": ("qwen3_5_text", DELTA_RULE),
    "qwen3_5_moe_text": ("qwen3_5_moe_text", dict(DELTA_RULE_MOE, attention_bias=True)),
    "falcon_h1": ("falcon_h1", dict(FALCON_H1, mamba_rms_norm=True, mamba_proj_bias=True, projectors_bias=True,
                                    time_step_limit=[0.4, 1.2], **BIASES)),
    "falcon_h1_gate_first": ("falcon_h1", dict(FALCON_H1, mamba_rms_norm=True, mamba_norm_before_gate=False)),
    "falcon_h1_no_norm": ("falcon_h1", dict(FALCON_H1, mamba_conv_bias=False)),
    "bamba": ("bamba", dict(MAMBA2, num_hidden_layers=4, attn_layer_indices=[1, 3])),
    "nemotron_h": ("nemotron_h", dict(
        NEMOTRON_H, n_routed_experts=6, n_group=3, topk_group=2, moe_latent_size=10, time_step_min=0.4, use_bias=True, **BIASES,
        layers_block_type=["linear_attention", "moe", "full_attention", "mlp"] * 2)),
    "nemotron_h_pattern": ("nemotron_h", dict(NEMOTRON_H, hybrid_override_pattern="ME*M*E", use_conv_bias=False)),
    "nemotron_h_dense": ("nemotron_h", dict(NEMOTRON_H, hybrid_override_pattern="M-*-")),
    "nemotron_h_latent": ("nemotron_h", dict(NEMOTRON_H, hybrid_override_pattern="M*E", moe_latent_size=10)),
    "lfm2": ("lfm2", dict(LFM2, num_hidden_layers=4, layer_types=["conv", "full_attention"] * 2)),
    "lfm2_biases": ("lfm2", dict(LFM2, layer_types=["full_attention", "conv"], conv_bias=True,
                                 block_auto_adjust_ff_dim=False)),
    "jamba": ("jamba", dict(MOE, num_hidden_layers=5, attn_layer_period=3, attn_layer_offset=1, intermediate_size=10,
                            num_experts=5, mamba_d_state=4, mamba_d_conv=3, mamba_dt_rank=3, mamba_proj_bias=True)),
}
CASES.update(HYBRIDS)

# Ids from 30 on take row 0 of the per-layer embeddings.
GEMMA3N = dict(SMALL_RMS, hidden_size=16, head_dim=6, num_hidden_layers=4, layer_types=SLIDING * 2, sliding_window=8,
               intermediate_size=[18, 20, 22, 19], activation_sparsity_pattern=[0.6, 0.0, 0.4, 0.0], num_kv_shared_layers=2,
               altup_num_inputs=4, laurel_rank=5, hidden_size_per_layer_input=6, vocab_size_per_layer_input=30)
GEMMA4 = dict(SMALL_RMS, hidden_size=16, head_dim=6, intermediate_size=18, sliding_window=8, attention_k_eq_v=True,
              global_head_dim=10, num_global_key_value_heads=1, vocab_size_per_layer_input=VOCABULARY)
GEMMA4_TEXT = dict(GEMMA4, num_hidden_layers=6, layer_types=SLIDING * 3, hidden_size_per_layer_input=6,
                   num_kv_shared_layers=2, use_double_wide_mlp=True)
GEMMA4_MOE = dict(GEMMA4, num_hidden_layers=4, layer_types=SLIDING * 2, hidden_size_per_layer_input=0,
                  enable_moe_block=True, num_experts=5, top_k_experts=2, moe_intermediate_size=7)

STREAMS = {
    "gemma3n_text": ("gemma3n_text", GEMMA3N),
    "gemma4_text": ("gemma4_text", GEMMA4_TEXT),
    "gemma4_text_moe": ("gemma4_text", GEMMA4_MOE),
}
CASES.update(STREAMS)

SMALL_VISION = dict(QWEN_VISION, out_hidden_size=16)
QWEN3_VL_MOE = dict(text_config=dict(QWEN_MOE, num_hidden_layers=2, rope_parameters=MROPE),
                    vision_config=dict(SMALL_VISION, num_position_embeddings=4, deepstack_visual_indexes=[0]))
QWEN3_5 = dict(DELTA_RULE, num_hidden_layers=2, rope_parameters=dict(MROPE, partial_rotary_factor=0.75))
WRAPPERS = {
    "gemma4": ("gemma4", dict(
        text_config=dict(GEMMA4, num_hidden_layers=2, layer_types=SLIDING, hidden_size_per_layer_input=6),
        vision_config=dict(VISION, model_type="gemma4_vision", num_key_value_heads=2, head_dim=4, position_embedding_size=4),
        audio_config=None)),
    "qwen3_vl_moe": ("qwen3_vl_moe", QWEN3_VL_MOE),
    "qwen3_vl_moe_published": ("qwen3_vl_moe", QWEN3_VL_MOE),
    "qwen3_5": ("qwen3_5", dict(text_config=QWEN3_5, vision_config=dict(SMALL_VISION, num_position_embeddings=4))),
    "qwen3_5_moe": ("qwen3_5_moe", dict(
        text_config=dict(QWEN3_5, num_experts=5, moe_intermediate_size=7, shared_expert_intermediate_size=9),
        vision_config=dict(SMALL_VISION, num_position_embeddings=4))),
    "llama4": ("llama4", dict(
        text_config=dict(MOE_ALONE, num_hidden_layers=2, intermediate_size_mlp=18, interleave_moe_layer_step=2),
        vision_config=dict(VISION, vision_output_dim=8, projector_input_dim=8, projector_output_dim=8))),
}
CASES.update(WRAPPERS)

# Whose experts' tensors are inputs × outputs in published files.
TRANSPOSED = {"qwen3_vl_moe_published"}
# Of a limit that numbers about 1 do not meet.
LARGE = {"gpt_oss": "gate_up_proj"}
# What published files hold beside the model: the prefix of its block, and the names of its own weights, matrices or not.
PREDICTS_FURTHER = {
    "glm4_moe": ("model.layers.3.", {
        f"model.layers.3.{name}.weight": name == "eh_proj" for name in ("enorm", "hnorm", "shared_head.norm", "eh_proj")}),
    "ernie4_5_moe": ("model.mtp_block.0.", {
        f"model.mtp_{name}.0.weight": name == "linear_proj" for name in ("emb_norm", "hidden_norm", "linear_proj")}),
    "qwen3_next": ("mtp.layers.0.", {
        f"mtp.{name}.weight": name == "fc" for name in ("norm", "pre_fc_norm_embedding", "pre_fc_norm_hidden", "fc")}),
}
# Fields of config.json where publishers write other ones than Transformers does; `...` is left out.
PUBLISHED_AS = {
    "qwen3_moe": dict(num_local_experts=..., num_experts=5),
    "qwen3_next": dict(layer_types=..., full_attention_interval=2),
    "lfm2": dict(layer_types=..., full_attn_idxs=[1, 3], intermediate_size=..., block_ff_dim=27),
    "gemma4_text_moe": dict(per_layer_config=..., global_head_dim=10, num_global_key_value_heads=1),
    "falcon_h1_gate_first": dict(time_step_limit=[0.0, float("inf")]),  # `Infinity`, which is not JSON
    "nemotron_h_pattern": dict(layers_block_type=..., mtp_layers_block_type=..., hybrid_override_pattern="ME*M*E",
                               num_hidden_layers=6, dtype=..., torch_dtype="float32"),
    "nemotron_h_dense": dict(
        layers_block_type=..., mtp_layers_block_type=..., hybrid_override_pattern="M-*-", num_hidden_layers=4,
        n_routed_experts=..., n_shared_experts=..., num_experts_per_tok=..., moe_intermediate_size=...,
        moe_shared_expert_intermediate_size=..., moe_latent_size=..., routed_scaling_factor=..., norm_topk_prob=...,
        n_group=..., topk_group=...),
    "nemotron_h_latent": dict(layers_block_type=..., mtp_layers_block_type=..., hybrid_override_pattern="M*E",
                              num_hidden_layers=3),
    "kimi_k2": dict(
        model_type="kimi_k2", scoring_func="sigmoid", topk_method="noaux_tc", moe_layer_freq=1, ep_size=1, seq_aux=True,
        num_nextn_predict_layers=0, torch_dtype="float32", dtype=..., rope_parameters=..., rope_theta=50000.0,
        rope_scaling=dict(type="yarn", factor=32.0, original_max_position_embeddings=4, beta_fast=1.0, beta_slow=1.0,
                          mscale=1.0, mscale_all_dim=1.0)),
}
