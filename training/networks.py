"""The three networks, as ComfyUI splits them: VAE, text encoder, and the MODEL that draws in the latent."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

LATENT_CHANNELS, SCALE = 8, 4
# Slots: three objects, the background, and what is asked (a relation, an edit).
WORD_TOKENS, SLOTS, WIDTH = 24, 5, 128


class Residual(nn.Module):
    """Two 3×3 convolutions around a skip; with a condition, the second norm is scaled and shifted by it."""

    def __init__(self, channels: int, condition: int = 0) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, channels), nn.GroupNorm(8, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.modulate = nn.Linear(condition, 2 * channels) if condition else None
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        hidden = self.norm2(self.conv1(functional.silu(self.norm1(x))))
        if self.modulate is not None:
            scale, shift = self.modulate(condition).unsqueeze(-1).unsqueeze(-1).chunk(2, 1)
            hidden = hidden * (1 + scale) + shift
        return x + self.conv2(functional.silu(hidden))


class Encoder(nn.Module):
    """Pictures in -1..1 to latents at a quarter of the scale, not yet normalised."""

    def __init__(self, channels: int = 48) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.PixelUnshuffle(SCALE),
            nn.Conv2d(3 * SCALE * SCALE, channels, 3, padding=1),
            _Plain(channels),
            _Plain(channels),
            nn.Conv2d(channels, LATENT_CHANNELS, 1),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        return self.net(pictures)


class _Plain(nn.Module):
    """A residual block without norms: brightness must pass through it unchanged."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.3 * self.conv2(functional.silu(self.conv1(functional.silu(x))))


class Decoder(nn.Module):
    """Normalised latents to pictures in -1..1."""

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(LATENT_CHANNELS, channels, 3, padding=1),
            _Plain(channels),
            _Plain(channels),
            _Plain(channels),
            nn.Conv2d(channels, 3 * SCALE * SCALE, 3, padding=1),
            nn.PixelShuffle(SCALE),
        )

    def forward(self, latents: Tensor) -> Tensor:
        return self.net(latents)


class VAE(nn.Module):
    """Encoder and decoder with an affine-free BatchNorm between them, so that each latent channel is unit."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()
        self.norm = nn.BatchNorm2d(LATENT_CHANNELS, affine=False, momentum=0.02)

    def encode(self, pictures: Tensor) -> Tensor:
        return self.norm(self.encoder(pictures))

    def decode(self, latents: Tensor) -> Tensor:
        return self.decoder(latents)


class Attention(nn.Module):
    """Multi-head attention with normalised queries and keys, to itself or to a context."""

    def __init__(self, width: int, heads: int, context: int = 0) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(context or width, 2 * width)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        context = x if context is None else context
        batch, length, width = x.shape
        split = (batch, -1, self.heads, width // self.heads)
        query = self.query(x).view(split).transpose(1, 2)
        key, value = (one.reshape(split).transpose(1, 2) for one in self.key_value(context).chunk(2, -1))
        query, key = (functional.layer_norm(one, one.shape[-1:]) for one in (query, key))
        # Written out: on a CPU the fused attention's backward pass takes longer than all the rest.
        scores = query @ key.mT * query.shape[-1] ** -0.5
        seen = (scores if mask is None else scores + mask).softmax(-1).to(value) @ value
        return self.out(seen.transpose(1, 2).reshape(batch, length, width))


class TextEncoder(nn.Module):
    """Token ids (batch, 24), 0 is padding, to five slots (batch, 5, 128) that tell what is meant."""

    def __init__(self, words: int, layers: int = 2) -> None:
        super().__init__()
        self.words = nn.Embedding(words, WIDTH)
        self.positions = nn.Parameter(torch.randn(WORD_TOKENS, WIDTH) * 0.1)
        self.slots = nn.Parameter(torch.randn(SLOTS, WIDTH) * 0.3)
        self.layers = nn.ModuleList(TextLayer() for _ in range(layers))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens) + self.positions
        x = torch.cat([self.slots.expand(len(tokens), -1, -1), x], 1)
        told = torch.cat([torch.ones_like(tokens[:, :SLOTS]), tokens], 1) > 0
        mask = (told.float() - 1).view(len(tokens), 1, 1, -1) * 1e4
        for layer in self.layers:
            x = layer(x, mask)
        return self.norm(x[:, :SLOTS])


class TextLayer(nn.Module):
    """One transformer layer over slots and words."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = Attention(WIDTH, 4)
        self.feed = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x), mask=mask)
        return x + self.feed(self.norm2(x))


def waves(values: Tensor, count: int, slowest: float, fastest: float) -> Tensor:
    """Sines and cosines (…, 2 · count) of values in 0..1."""
    steps = torch.linspace(math.log(slowest), math.log(fastest), count).exp()
    turns = values.unsqueeze(-1) * steps.to(values) * 2 * math.pi
    return torch.cat([turns.sin(), turns.cos()], -1)


def positions(x: Tensor, per_axis: int) -> Tensor:
    """(1, 4 · per_axis, height, width) for the picture x: the same at the same part of any canvas."""
    height, width = x.shape[-2:]
    rows = torch.ones_like(x[0, 0, :, 0]).cumsum(0) / height - 0.5 / height
    columns = torch.ones_like(x[0, 0, 0, :]).cumsum(0) / width - 0.5 / width
    down = waves(rows, per_axis, 0.25, 4.0).t().unsqueeze(-1).expand(-1, -1, width)
    across = waves(columns, per_axis, 0.25, 4.0).t().unsqueeze(1).expand(-1, height, -1)
    return torch.cat([down, across]).unsqueeze(0)


class Block(nn.Module):
    """Self-attention, cross-attention to the text's slots, an FFN; scaled and shifted by time and text."""

    def __init__(self, width: int, local: bool) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(3))
        self.modulate = nn.Linear(WIDTH, 6 * width)
        self.attention = Attention(width, width // 32)
        self.cross = Attention(width, width // 32, WIDTH)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.local = nn.Conv2d(width, width, 3, padding=1, groups=width) if local else None
        for layer in (self.modulate, self.down):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, condition: Tensor, context: Tensor, height: int) -> Tensor:
        scale1, shift1, gate1, scale2, shift2, gate2 = self.modulate(condition).unsqueeze(1).chunk(6, -1)
        x = x + (1 + gate1) * self.attention(self.norms[0](x) * (1 + scale1) + shift1)
        x = x + self.cross(self.norms[1](x), context)
        hidden = self.norms[2](x) * (1 + scale2) + shift2
        if self.local is not None:
            picture = hidden.transpose(1, 2).unflatten(2, (height, -1))
            hidden = hidden + self.local(picture).flatten(2).transpose(1, 2)
        return x + (1 + gate2) * self.down(functional.gelu(self.up(hidden)))


class Model(nn.Module):
    """Noisy latent, time, text slots, source's latent (zeros when absent) to the flow `noise - latent`.

    Convolutions at the latent's scale, transformer blocks at half of it: borders are local, layout is global.
    """

    def __init__(self, channels: int = 48, width: int = 128, blocks: int = 5, local: bool = True) -> None:
        super().__init__()
        self.time = nn.Sequential(nn.Linear(64, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH))
        self.pooled = nn.Linear(WIDTH, WIDTH)
        self.enter = nn.Conv2d(2 * LATENT_CHANNELS + 16, channels, 3, padding=1)
        self.before = nn.ModuleList(Residual(channels, WIDTH) for _ in range(2))
        self.shrink = nn.Conv2d(4 * channels, width, 1)
        self.place = nn.Conv2d(32, width, 1)
        self.blocks = nn.ModuleList(Block(width, local) for _ in range(blocks))
        self.grow = nn.Conv2d(width, 4 * channels, 1)
        self.merge = nn.Conv2d(2 * channels, channels, 1)
        self.after = nn.ModuleList(Residual(channels, WIDTH) for _ in range(3))
        self.norm = nn.GroupNorm(8, channels)
        self.leave = nn.Conv2d(channels, LATENT_CHANNELS, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: Tensor, time: Tensor, context: Tensor, source: Tensor) -> Tensor:
        condition = functional.silu(self.time(waves(time, 32, 0.1, 30.0)) + self.pooled(context.mean(1)))
        where = positions(x, 4).to(x).expand(len(x), -1, -1, -1)
        fine = self.enter(torch.cat([x, source, where], 1))
        for residual in self.before:
            fine = residual(fine, condition)
        coarse = self.shrink(functional.pixel_unshuffle(fine, 2))
        coarse = coarse + self.place(positions(coarse, 8).to(coarse))
        height = coarse.shape[-2]
        tokens = coarse.flatten(2).transpose(1, 2)
        for block in self.blocks:
            tokens = block(tokens, condition, context, height)
        coarse = self.grow(tokens.transpose(1, 2).unflatten(2, (height, -1)))
        fine = self.merge(torch.cat([fine, functional.pixel_shuffle(coarse, 2)], 1))
        for residual in self.after:
            fine = residual(fine, condition)
        return self.leave(functional.silu(self.norm(fine)))
