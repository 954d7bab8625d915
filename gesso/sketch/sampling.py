"""Sampling: from a latent, noise and two conditionings to the latent of a picture."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count, pairwise

import numpy as np

from gesso.sketch.latents import Latent
from gesso.sketch.model_parts import Conditioning, Model
from gesso.sketch.nodes.arrays import Array
from gesso.sketch.sampling_methods import OTHER_NOISE_AROUND, SAMPLERS, WITHOUT_LAST_BUT_ONE, Way
from gesso.sketch.sampling_noise import BEGINNING, MASK, noise
from gesso.sketch.sampling_schedules import schedule

MAX_STEPS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """What KSampler and KSamplerAdvanced are asked for; `first` and `last` are steps of the schedule."""

    model: Model
    positive: Conditioning
    negative: Conditioning
    latent: Latent
    seed: int
    steps: int
    cfg: float
    sampler: str
    scheduler: str
    denoise: float = 1.0
    add_noise: bool = True
    first: int = 0
    last: int | None = None
    finish: bool = True
    """Whether the last step goes to no noise at all, however much the schedule would leave."""

    def _all_steps(self) -> int:
        """How many steps would lead all the way from noise, so that `steps` of them are left."""
        if self.denoise > 0.9999:
            return self.steps
        if self.steps / self.denoise > MAX_STEPS:
            raise ValueError(
                f"denoise {self.denoise:g} is too little for {self.steps} steps: they would be the last of "
                f"more than {MAX_STEPS}."
            )
        return int(self.steps / self.denoise)

    def sigmas(self) -> tuple[float, ...]:
        """The noise before each step and after the last; fewer than two where there is nothing to do."""
        if self.denoise <= 0:
            return ()
        steps = self._all_steps()
        shorter = self.sampler in WITHOUT_LAST_BUT_ONE
        sigmas = schedule(self.scheduler, steps + shorter, self.model.shift)
        if shorter:
            sigmas = (*sigmas[:-2], sigmas[-1])
        if self.denoise <= 0.9999:
            sigmas = sigmas[-(self.steps + 1) :]
        if self.last is not None and self.last < len(sigmas) - 1:
            sigmas = sigmas[: self.last + 1]
            if self.finish:
                sigmas = (*sigmas[:-1], 0.0)
        if self.first >= len(sigmas) - 1:
            return ()
        sigmas = sigmas[self.first :]
        # More steps than there are moments: some would go nowhere.
        return (sigmas[0], *(then for now, then in pairwise(sigmas) if then < now))


def sample(
    asked: Sampling, tell: Callable[[int, int, Array], None], check: Callable[[], None] = lambda: None
) -> Latent:
    """Runs the steps; `tell` hears the number of each, how many there are, and what the picture looks like.

    `check` is called before each use of the model, and may end it by raising.
    """
    sigmas = asked.sigmas()
    if len(sigmas) < 2:
        return asked.latent
    start = asked.latent.samples
    beginning = _noise(asked, BEGINNING) if asked.add_noise else np.zeros_like(start)
    guided = _Guided(asked, beginning, check)
    draws = count(BEGINNING + 1)
    way = Way(
        sigmas=sigmas,
        denoise=guided.denoise,
        noise=lambda: _noise(asked, next(draws)),
        tell=lambda step, picture: tell(step, len(sigmas) - 1, picture),
    )
    samples = SAMPLERS[asked.sampler](_noisy(start, beginning, sigmas[0]), way)
    if sigmas[-1] > 0:
        # The picture is brought to its full share, and the noise with it: as ComfyUI hands it on.
        samples = samples / (1 - sigmas[-1])
    return replace(asked.latent, samples=samples.astype(np.float32))


def _noisy(latents: Array, beginning: Array, sigma: float) -> Array:
    return beginning * sigma + latents * (1 - sigma)


def _noise(asked: Sampling, draw: int) -> Array:
    samples = asked.latent.samples
    return np.stack(
        [
            noise(samples.shape[1:], seed=asked.seed, picture=asked.latent.number(index), draw=draw)
            for index in range(len(samples))
        ]
    )


class _Guided:
    """The model under two conditionings: as far from the negative as `cfg` says, towards the positive."""

    def __init__(self, asked: Sampling, beginning: Array, check: Callable[[], None]) -> None:
        self._model, self._cfg, self._check = asked.model, asked.cfg, check
        samples = asked.latent.samples
        # The model is used to see the picture that it changes in both.
        source = asked.positive.source or asked.negative.source
        self._positive = _Told.of(asked.positive, samples)
        self._negative = _Told.of(replace(asked.negative, source=asked.negative.source or source), samples)
        self._kept = samples
        self._mask = asked.latent.mask_for_samples()
        other = self._mask is not None and asked.sampler in OTHER_NOISE_AROUND and asked.add_noise
        self._around = _noise(asked, MASK) if other else beginning

    def denoise(self, x: Array, sigma: float) -> Array:
        """What picture the latent of this noise is on its way to."""
        mask = self._mask
        if mask is not None:
            x = x * mask + _noisy(self._kept, self._around, sigma) * (1 - mask)
        pictures: Array = np.stack([self._picture(one, sigma, index) for index, one in enumerate(x)])
        return pictures if mask is None else pictures * mask + self._kept * (1 - mask)

    def _picture(self, x: Array, sigma: float, index: int) -> Array:
        """One of the batch: so a picture does not depend on how many are drawn beside it."""
        towards, away = self._flows(x, sigma, index)
        picture: Array = x - towards * sigma
        guided = picture
        if away is not None:
            guided = guided + (towards - away) * ((1 - self._cfg) * sigma)
        if self._model.norm is None:
            return guided
        lengths = [np.linalg.norm(one, axis=0, keepdims=True) for one in (picture, guided)]
        normed: Array = guided * np.minimum(lengths[0] / (lengths[1] + 1e-8), 1) * self._model.norm
        return normed

    def _flows(self, x: Array, sigma: float, index: int) -> tuple[Array, Array | None]:
        """Under the positive conditioning and under the negative, where that counts."""
        self._check()
        positive = self._positive.at(index)
        if abs(self._cfg - 1) < 1e-9:
            [alone] = self._model.flow(x[None], sigma, *positive)
            return alone, None
        both = [np.concatenate(pair) for pair in zip(positive, self._negative.at(index), strict=True)]
        towards, away = self._model.flow(np.stack([x, x]), sigma, *both)
        return towards, away


@dataclass(frozen=True, slots=True)
class _Told:
    """What the model is told beside the latent; shorter batches are repeated."""

    context: Array
    source: Array

    @staticmethod
    def of(conditioning: Conditioning, samples: Array) -> "_Told":
        if conditioning.source is None:
            return _Told(conditioning.context, np.zeros_like(samples[:1]))
        return _Told(conditioning.context, conditioning.source.latents(*samples.shape[-2:]))

    def at(self, index: int) -> tuple[Array, Array]:
        return (
            self.context[index % len(self.context)][None],
            self.source[index % len(self.source)][None],
        )
