"""The 3D-like fully convolutional network: VGG16 stages, specialised layers, fusion (pure JAX).

Xu, Géraud and Bloch, "From neonatal to adult brain MR image segmentation in a few seconds using
3D-like fully convolutional network and transfer learning", ICIP 2017, section 2.
"""

from collections.abc import Mapping
from types import MappingProxyType

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from brainfcn_jax.network import vector_kernels
from brainfcn_jax.network.convolution import convolve, convolve_and_pool

Widths = tuple[tuple[int, ...], ...]
"""Output channels of each convolution, stage by stage."""

VGG16_WIDTHS: Widths = (
    (64, 64),
    (128, 128),
    (256, 256, 256),
    (512, 512, 512),
    (512, 512, 512),
)
"""Those of VGG16 (Simonyan and Zisserman 2015)."""

INPUT_CHANNELS = 3
SPECIALISED_STDDEV = 0.001
DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}

Shapes = dict[str, dict[str, tuple[int, ...]]]
Taps = dict[str, Array]
Packed = Mapping[str, Array]
"""Kernels of layers as the compiled convolutions read them."""

NOTHING_PACKED: Packed = MappingProxyType({})


def backbone_layers(stages: int, widths: Widths = VGG16_WIDTHS) -> list[tuple[str, int, int]]:
    """Return name, input and output channels of every VGG16 convolution in the first stages."""
    layers, channels_in = [], INPUT_CHANNELS
    for stage, stage_widths in enumerate(widths[:stages], start=1):
        for index, channels_out in enumerate(stage_widths, start=1):
            layers.append((f"conv{stage}_{index}", channels_in, channels_out))
            channels_in = channels_out
    return layers


def parameter_shapes(stages: int, maps: int, classes: int, widths: Widths = VGG16_WIDTHS) -> Shapes:
    """Return shape of every parameter of the network, by layer and name ("conv3_2", "kernel")."""
    shapes: Shapes = {
        name: {"kernel": (3, 3, channels_in, channels_out), "bias": (channels_out,)}
        for name, channels_in, channels_out in backbone_layers(stages, widths)
    }
    for stage, (*_, channels) in enumerate(widths[:stages], start=1):
        shapes[f"specialised{stage}"] = {"kernel": (3, 3, channels, maps), "bias": (maps,)}
    shapes["fusion"] = {"kernel": (1, 1, stages * maps, classes), "bias": (classes,)}
    return shapes


def widths_of(shapes: Mapping[str, tuple[int, ...]]) -> Widths:
    """Return the widths of a network by the shapes of its biases ("conv3_2/bias"), or VGG16's."""

    def width(layer: str, usual: int) -> int:
        match shapes.get(f"{layer}/bias"):
            case (int(found),) if found > 0:
                return found
        return usual

    return tuple(
        tuple(width(f"conv{stage}_{index}", usual) for index, usual in enumerate(usuals, start=1))
        for stage, usuals in enumerate(VGG16_WIDTHS, start=1)
    )


def pooling_factor(stages: int) -> int:
    """Return what image height and width must be multiples of: one halving between two stages."""
    return int(2 ** (stages - 1))


class _Layer(nn.Module):
    """A layer's two parameters, so that every layer is one named entry of the tree."""

    shapes: dict[str, tuple[int, ...]]
    stddev: float | None

    @nn.compact
    def __call__(self) -> tuple[Array, Array]:
        if not self.is_initializing():  # `param` would trace the initialisers again, to compare
            kernel: Array = self.get_variable("params", "kernel")
            bias: Array = self.get_variable("params", "bias")
            shapes = {"kernel": jnp.shape(kernel), "bias": jnp.shape(bias)}
            assert shapes == dict(self.shapes), (shapes, self.shapes)
            return kernel, bias
        kernel_init = (
            nn.initializers.he_normal()
            if self.stddev is None
            else nn.initializers.normal(self.stddev)
        )
        kernel = self.param("kernel", kernel_init, self.shapes["kernel"], jnp.float32)
        bias = self.param("bias", nn.initializers.zeros_init(), self.shapes["bias"], jnp.float32)
        return kernel, bias


class SegmentationNetwork(nn.Module):
    """VGG16 without its dense layers, a specialised layer on each stage, and one linear fusion.

    The specialised layers' maps are resized to the input (bilinear) and fused by a 1x1
    convolution. All three are linear, so each stage's share of the fusion is multiplied into its
    specialised layer: the same sum, by one convolution to `classes` scores a stage.

    >>> few = ((4, 4), (4, 4), (4, 4, 4), (4, 4, 4), (4, 4, 4))
    >>> network = SegmentationNetwork(stages=2, widths=few)
    >>> images = jnp.zeros((1, 8, 12, 3))
    >>> params = network.init(jax.random.key(0), images)["params"]
    >>> scores, layers = network.apply({"params": params}, images)
    >>> scores.shape, layers["conv2_2"].shape
    ((1, 8, 12, 8), (1, 4, 6, 4))

    Attributes:
        stages: 5 for neonates, 4 for adults (the paper's section 2.3).
        maps: channels of each specialised layer, 16 in the paper.
        classes: tissues and background.
        widths: channels of the VGG16 layers, those of five stages; few make it fast for tests.
        precision: "float32", or "bfloat16" with float32 accumulation and float32 logits.
        kernels: whose convolutions: "xla", or "vector" or "tiles" where `kernels.usable` has them.
    """

    stages: int = 4
    maps: int = 16
    classes: int = 8
    widths: Widths = VGG16_WIDTHS
    precision: str = "float32"
    kernels: str = "xla"

    @nn.compact
    def __call__(
        self, images: Float[Array, "slice height width 3"], packed: Packed = NOTHING_PACKED
    ) -> tuple[Float[Array, "slice height width classes"], Taps]:
        """Return class scores of mean-subtracted RGB slices, and every layer's output by name.

        The specialised layers' own outputs take no part in the scores: who compiles this without
        asking for them does not pay for them. Layers in `packed` (`packed_kernels`) take their
        kernels from there; they have no gradients.

        Height and width must be multiples of `pooling_factor(stages)`; anything else is a bug of
        the caller's.
        """
        _, height, width, channels = images.shape
        factor = pooling_factor(self.stages)
        assert channels == INPUT_CHANNELS, images.shape
        assert height % factor == 0 and width % factor == 0, (images.shape, factor)

        shapes = parameter_shapes(self.stages, self.maps, self.classes, self.widths)
        fusion_kernel, fusion_bias = _Layer(shapes["fusion"], SPECIALISED_STDDEV, name="fusion")()
        shares = jnp.split(fusion_kernel[0, 0], self.stages)  # stages x (maps, classes)

        taps: Taps = {}
        features = images.astype(DTYPES[self.precision])
        logits = fusion_bias.reshape(1, 1, 1, -1)
        for stage, widths in enumerate(self.widths[: self.stages], start=1):
            for index in range(1, len(widths) + 1):
                name = f"conv{stage}_{index}"
                layer = _Layer(shapes[name], None, name=name)()
                pool = index == len(widths) and stage < self.stages
                taps[name], features = self._convolve(features, layer, packed.get(name), pool)
            name = f"specialised{stage}"
            kernel, bias = _Layer(shapes[name], SPECIALISED_STDDEV, name=name)()
            last, share = taps[f"conv{stage}_{len(widths)}"], shares[stage - 1]
            taps[name] = convolve(last, kernel, bias, False, jnp.float32, self.kernels)
            kernel, bias = kernel @ share, bias @ share
            scores = convolve(last, kernel, bias, False, jnp.float32, self.kernels)
            logits = logits + resize_bilinear(scores, (height, width))
        taps["fusion"] = logits
        return logits, taps

    def _convolve(
        self, features: Array, layer: tuple[Array, Array], packed: Array | None, pool: bool
    ) -> tuple[Array, Array]:
        """Return a layer's output, and what the next layer reads of it."""
        kernel, bias = layer
        if packed is not None:
            if pool:
                return vector_kernels.convolve_and_pool(features, packed, bias)
            result = vector_kernels.convolve(features, packed, bias, True)
        elif pool:
            return convolve_and_pool(features, kernel, bias, features.dtype, self.kernels)
        else:
            result = convolve(features, kernel, bias, True, features.dtype, self.kernels)
        return result, result


def packed_kernels(
    network: SegmentationNetwork, params: Mapping[str, Mapping[str, Array]]
) -> Packed:
    """Return the VGG16 layers' kernels as `network` reads them fastest, for all its batches.

    Empty unless its kernels are "vector".
    """
    if network.kernels != "vector":
        return {}
    names = [name for name, _, _ in backbone_layers(network.stages, network.widths)]
    return {name: vector_kernels.pack(params[name]["kernel"]) for name in names}


def resize_bilinear(
    maps: Float[Array, "slice h w maps"], size: tuple[int, int]
) -> Float[Array, "slice height width maps"]:
    """Return bilinear resize by whole factors with pixel centres at (i + 1/2) / n, edges held."""
    for axis, length in zip((1, 2), size, strict=True):
        factor, rest = divmod(length, maps.shape[axis])
        assert rest == 0, (maps.shape, size)
        maps = _enlarged(maps, factor, axis)
    return maps


def _enlarged(
    maps: Float[Array, "slice h w maps"], factor: int, axis: int
) -> Float[Array, "slice height width maps"]:
    """Return one axis `factor` times as long.

    Each of `factor` neighbouring pixels weighs the same two pixels as its like elsewhere, so it is
    a sum of whole images: for a factor of 2 six times as fast as XLA's product with a matrix.
    """
    if factor == 1:
        return maps
    size = maps.shape[axis]
    first, rest = jnp.split(maps, [1], axis)
    begin, last = jnp.split(maps, [size - 1], axis)
    before = jnp.concatenate([first, begin], axis)
    after = jnp.concatenate([rest, last], axis)
    enlarged = []
    for place in range(factor):
        shift = (place + 0.5) / factor - 0.5
        other = before if shift < 0 else after
        enlarged.append((1 - abs(shift)) * maps + abs(shift) * other)
    whole = jnp.stack(enlarged, axis + 1)
    return whole.reshape(*maps.shape[:axis], size * factor, *maps.shape[axis + 1 :])


def volume_to_stacks(
    volume: Num[Array, "slice height width"],
) -> Num[Array, "slice height width 3"]:
    """Make slice n the image red = slice n-1, green = n, blue = n+1 (Xu et al. 2017, section 3).

    >>> volume_to_stacks(jnp.array([[[7]], [[8]], [[9]]])).tolist()
    [[[[0, 7, 8]]], [[[7, 8, 9]]], [[[8, 9, 0]]]]

    A neighbour outside the volume is constant 0, put in after the equalisation and before the
    mean is subtracted. The dtype is kept: an equalised uint8 volume gives uint8 stacks.
    """
    padded = jnp.pad(volume, ((1, 1), (0, 0), (0, 0)))  # (slice + 2, height, width)
    return jnp.stack([padded[:-2], padded[1:-1], padded[2:]], axis=-1)


def nearer_neighbours(
    stacks: Float[Array, "slice height width 3"], reach: Float[Array, ""] | float
) -> Float[Array, "slice height width 3"]:
    """Return stacks whose neighbours lie `reach` (0..1) of the way from a slice to the next.

    So thick slices get the neighbours that thin ones have, by linear interpolation.
    """
    own = stacks[..., 1:2]
    return own + reach * (stacks - own)


def subtract_mean(
    stacks: Num[Array, "*batch height width 3"], channel_means: Float[Array, "3"]
) -> Float[Array, "*batch height width 3"]:
    """Subtract the training set's mean of each channel; the result is float32."""
    means = channel_means.astype(jnp.float32)
    shape = (1,) * (stacks.ndim - 1) + (INPUT_CHANNELS,)
    return stacks.astype(jnp.float32) - means.reshape(shape)
