// 3x3 convolution of channels-last images on AMX tiles, and its two gradients, as XLA FFI calls.
//
// Images are bfloat16, sums float32. Float32 images are split into a high and a low bfloat16 part
// and multiplied as high*high + high*low + low*high, which keeps about 16 bits of mantissa.
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "ceil_div.h"
#include "parallel.h"
#include "scratch.h"
#include "tiles.h"
#include "xla/ffi/api/ffi.h"

namespace brainfcn {
namespace {

namespace ffi = xla::ffi;

constexpr int kTaps = 9;
constexpr int kBlock = 32;                     // output channels, and pixels, of one 2x2 of tiles
constexpr int64_t kStripBytes = 384 * 1024;    // input strip held in the second-level cache

struct Shape {
  int64_t images, height, width, channels;
  explicit Shape(ffi::Span<const int64_t> d)
      : images(d[0]), height(d[1]), width(d[2]), channels(d[3]) {}
};

// A float32 kernel packed as tiles: [output block][tap][depth block][2 tiles].
struct PackedKernel {
  Scratch memory;
  int64_t depth_blocks, parts;
  PackedKernel(int64_t output_blocks, int64_t depth_blocks, int64_t parts)
      : memory(sizeof(bf16) * output_blocks * kTaps * depth_blocks * parts * 2 * kTile),
        depth_blocks(depth_blocks),
        parts(parts) {}
  bf16* tile(int64_t output_block, int tap, int64_t depth_block) const {
    return memory.as<bf16>() +
           ((output_block * kTaps + tap) * depth_blocks * parts + depth_block) * 2 * kTile;
  }
};

// High part of x, or what remains of x without it.
__m256i Part(__m512 x, int64_t part) {
  __m256i high = ToBf16(x);
  return part == 0 ? high : ToBf16(_mm512_sub_ps(x, ToFloat(high)));
}

// Rows of B are input channels, columns output channels, both as they lie in the kernel.
void PackTile(const float* kernel, int64_t cin, int64_t cout, int64_t row, int64_t column,
              int64_t part, bf16* tile) {
  __mmask16 mask = FirstLanes(cout - column);
  for (int pair = 0; pair < kRows; ++pair) {
    int64_t first = row + 2 * pair;
    const float* source = kernel + first * cout + column;
    __m512 even = first < cin ? _mm512_maskz_loadu_ps(mask, source) : _mm512_setzero_ps();
    __m512 odd =
        first + 1 < cin ? _mm512_maskz_loadu_ps(mask, source + cout) : _mm512_setzero_ps();
    _mm512_store_si512(tile + pair * kDepth, Pairs(Part(even, part), Part(odd, part)));
  }
}

// The same with rows and columns exchanged: the kernel of the gradient by the images.
void PackTransposedTile(const float* kernel, int64_t cin, int64_t cout, int64_t row,
                        int64_t column, int64_t part, bf16* tile) {
  __m512i lanes[16];
  for (int i = 0; i < kRows; ++i) {
    if (column + i >= cin) {
      lanes[i] = _mm512_setzero_si512();
      continue;
    }
    const float* source = kernel + (column + i) * cout + row;
    __m256i low = Part(_mm512_maskz_loadu_ps(FirstLanes(cout - row), source), part);
    __m256i high = Part(_mm512_maskz_loadu_ps(FirstLanes(cout - row - 16), source + 16), part);
    lanes[i] = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
  Transpose16(lanes);
  for (int i = 0; i < kRows; ++i) _mm512_store_si512(tile + i * kDepth, lanes[i]);
}

void PackKernel(ffi::ThreadPool& pool, const float* kernel, int64_t cin, int64_t cout,
                bool transposed, int64_t output_blocks, const PackedKernel& packed) {
  int64_t depth_blocks = packed.depth_blocks;
  ParallelFor(pool, output_blocks, [&](int64_t block) {
    for (int tap = 0; tap < kTaps; ++tap) {
      const float* matrix = kernel + (transposed ? kTaps - 1 - tap : tap) * cin * cout;
      for (int64_t depth = 0; depth < depth_blocks * packed.parts; ++depth) {
        bf16* tile = packed.tile(block, tap, depth);
        for (int half = 0; half < 2; ++half) {
          auto pack = transposed ? PackTransposedTile : PackTile;
          pack(matrix, cin, cout, depth % depth_blocks * kDepth, block * kBlock + half * kRows,
               depth / depth_blocks, tile + half * kTile);
        }
      }
    }
  });
}

// 16 channels of one pixel, zeroed where the gate is not above zero.
struct PixelReader {
  const void* images;
  const bf16* gate;
  bool is_float;
  // Of bfloat16 images.
  __m256i Load(int64_t offset, int64_t lanes) const {
    __mmask16 mask = FirstLanes(lanes);
    __m256i value = _mm256_maskz_loadu_epi16(mask, static_cast<const bf16*>(images) + offset);
    if (gate == nullptr) return value;
    __m256i open = _mm256_maskz_loadu_epi16(mask, gate + offset);
    return _mm256_maskz_mov_epi16(_mm256_cmpgt_epi16_mask(open, _mm256_setzero_si256()), value);
  }
  // All parts, `stride` apart; float32 images have no gate.
  void Split(int64_t offset, int64_t lanes, bf16* out, int64_t stride) const {
    if (!is_float) {
      _mm256_store_si256(reinterpret_cast<__m256i*>(out), Load(offset, lanes));
      return;
    }
    const float* source = static_cast<const float*>(images) + offset;
    __m512 value = _mm512_maskz_loadu_ps(FirstLanes(lanes), source);
    _mm256_store_si256(reinterpret_cast<__m256i*>(out), Part(value, 0));
    _mm256_store_si256(reinterpret_cast<__m256i*>(out + stride), Part(value, 1));
  }
};

// Zero-padded rows [first - 1, first + rows + 1) of an image as [part][depth block][pixel][32
// channels].
void FillStrip(const PixelReader& reader, const Shape& in, int64_t image, int64_t first,
               int64_t rows, int64_t depth_blocks, int64_t parts, int64_t block_pixels,
               bf16* strip) {
  int64_t padded = in.width + 2, stride = depth_blocks * block_pixels * kDepth;
  auto clear = [&](bf16* at, int64_t pixels) {
    for (int64_t part = 0; part < parts; ++part)
      std::memset(at + part * stride, 0, sizeof(bf16) * pixels * kDepth);
  };
  for (int64_t depth = 0; depth < depth_blocks; ++depth) {
    int64_t channel = depth * kDepth, lanes = in.channels - channel;
    bf16* pixels = strip + depth * block_pixels * kDepth;
    for (int64_t row = 0; row < rows + 2; ++row) {
      int64_t y = first + row - 1;
      bf16* line = pixels + row * padded * kDepth;
      if (y < 0 || y >= in.height) {
        clear(line, padded);
        continue;
      }
      clear(line, 1);
      clear(line + (padded - 1) * kDepth, 1);
      int64_t offset = ((image * in.height + y) * in.width) * in.channels + channel;
      for (int64_t x = 1; x <= in.width; ++x, offset += in.channels) {
        reader.Split(offset, lanes, line + x * kDepth, stride);
        reader.Split(offset + kRows, lanes - kRows, line + x * kDepth + kRows, stride);
      }
    }
    clear(pixels + (rows + 2) * padded * kDepth, block_pixels - (rows + 2) * padded);
  }
}

// Sums of 32 pixels by 32 output channels, or by the first 16, over all taps and depth blocks.
template <bool kBoth>
void MultiplyBlock(const bf16* strip, int64_t block_pixels, int64_t pixel, int64_t padded,
                   const PackedKernel& kernel, int64_t output_block, float* sums) {
  int64_t depth_blocks = kernel.depth_blocks;
  int64_t steps = kernel.parts == 2 ? 3 * depth_blocks : depth_blocks;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int tap = 0; tap < kTaps; ++tap) {
    int64_t shift = pixel + tap / 3 * padded + tap % 3;
    for (int64_t step = 0; step < steps; ++step) {
      int64_t image_block = step < 2 * depth_blocks ? step % depth_blocks : step - depth_blocks;
      int64_t kernel_block = step < 2 * depth_blocks ? step : step - 2 * depth_blocks;
      const bf16* a = strip + (image_block * block_pixels + shift) * kDepth;
      const bf16* b = kernel.tile(output_block, tap, kernel_block);
      _tile_loadd(4, a, 64);
      _tile_loadd(5, a + kTile, 64);
      _tile_loadd(6, b, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(2, 5, 6);
      if constexpr (kBoth) {
        _tile_loadd(7, b + kTile, 64);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(3, 5, 7);
      }
    }
  }
  _tile_stored(0, sums, kBlock * sizeof(float));
  _tile_stored(2, sums + kRows * kBlock, kBlock * sizeof(float));
  if constexpr (kBoth) {
    _tile_stored(1, sums + kRows, kBlock * sizeof(float));
    _tile_stored(3, sums + kRows * kBlock + kRows, kBlock * sizeof(float));
  }
}

struct Writer {
  void* out;
  bool is_float, relu;
  const float* bias;
  int64_t channels;
  void Write(int64_t pixel, int64_t channel, const float* sums) const {
    for (int half = 0; half < 2; ++half, channel += 16, sums += 16) {
      __mmask16 mask = FirstLanes(channels - channel);
      if (mask == 0) return;
      __m512 value = _mm512_load_ps(sums);
      if (bias) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, bias + channel));
      if (relu) value = _mm512_max_ps(_mm512_setzero_ps(), value);  // the second one if it is NaN
      int64_t offset = pixel * channels + channel;
      if (is_float) {
        _mm512_mask_storeu_ps(static_cast<float*>(out) + offset, mask, value);
      } else {
        _mm256_mask_storeu_epi16(static_cast<bf16*>(out) + offset, mask, ToBf16(value));
      }
    }
  }
};

void ConvolveStrip(const PixelReader& reader, const Shape& in, int64_t image, int64_t first,
                   int64_t rows, const PackedKernel& kernel, int64_t output_blocks,
                   const Writer& writer) {
  int64_t padded = in.width + 2;
  int64_t block_pixels = (rows + 2) * padded + kBlock + 2;
  Scratch strip(sizeof(bf16) * kernel.depth_blocks * kernel.parts * block_pixels * kDepth);
  FillStrip(reader, in, image, first, rows, kernel.depth_blocks, kernel.parts, block_pixels,
            strip.as<bf16>());
  alignas(64) float sums[kBlock * kBlock];
  TileSession session;
  for (int64_t block = 0; block < output_blocks; ++block) {
    bool both = writer.channels - block * kBlock > kRows;
    auto multiply = both ? MultiplyBlock<true> : MultiplyBlock<false>;
    for (int64_t pixel = 0; pixel < rows * padded; pixel += kBlock) {
      multiply(strip.as<bf16>(), block_pixels, pixel, padded, kernel, block, sums);
      int64_t last = std::min<int64_t>(pixel + kBlock, rows * padded);
      int64_t y = pixel / padded, x = pixel % padded;
      for (int64_t at = pixel; at < last; ++at) {
        if (x < in.width) {
          int64_t target = (image * in.height + first + y) * in.width + x;
          writer.Write(target, block * kBlock, sums + (at - pixel) * kBlock);
        }
        if (++x == padded) x = 0, ++y;
      }
    }
  }
}

bool IsFloat(ffi::DataType type) { return type == ffi::DataType::F32; }

// out = relu?(images * kernel + bias), or the gradient by the images (kernel transposed, no bias).
void Convolve(ffi::ThreadPool& pool, ffi::AnyBuffer images, ffi::AnyBuffer gate,
                    ffi::Buffer<ffi::F32> kernel, ffi::Buffer<ffi::F32> bias,
                    ffi::Result<ffi::AnyBuffer> out, bool relu, bool transposed) {
  Shape in(images.dimensions()), result(out->dimensions());
  int64_t cin = kernel.dimensions()[2], cout = kernel.dimensions()[3];
  int64_t parts = IsFloat(images.element_type()) ? 2 : 1;
  int64_t output_blocks = CeilDiv(result.channels, kBlock);
  PackedKernel packed(output_blocks, CeilDiv(in.channels, kDepth), parts);
  PackKernel(pool, kernel.typed_data(), cin, cout, transposed, output_blocks, packed);

  bool gated = gate.element_count() > 0;
  PixelReader reader{images.untyped_data(), gated ? (const bf16*)gate.untyped_data() : nullptr,
                     parts == 2};
  Writer writer{out->untyped_data(), IsFloat(out->element_type()), relu,
                transposed ? nullptr : bias.typed_data(), result.channels};
  int64_t row_bytes = sizeof(bf16) * (in.width + 2) * packed.depth_blocks * parts * kDepth;
  int64_t rows = std::clamp(kStripBytes / row_bytes, std::min<int64_t>(4, in.height), in.height);
  rows = std::min(rows, std::max<int64_t>(1, in.images * in.height / (4 * ThreadCount(pool))));
  rows = CeilDiv(in.height, CeilDiv(in.height, rows));
  int64_t strips = CeilDiv(in.height, rows);
  ParallelFor(pool, in.images * strips, [&](int64_t task) {
    int64_t first = task % strips * rows;
    ConvolveStrip(reader, in, task / strips, first, std::min(rows, in.height - first), packed,
                  output_blocks, writer);
  });
}

// The output's gradient as tiles of pixel pairs: [image][row][16 channels][32 pixels].
struct PackedGradient {
  int64_t height, chunks, blocks;
  Scratch memory;
  PackedGradient(const Shape& s)
      : height(s.height),
        chunks(CeilDiv(s.width, kDepth)),
        blocks(2 * CeilDiv(s.channels, kBlock)),
        memory(sizeof(bf16) * s.images * height * blocks * chunks * kTile) {}
  bf16* tile(int64_t image, int64_t row, int64_t block, int64_t chunk) const {
    return memory.as<bf16>() + (((image * height + row) * blocks + block) * chunks + chunk) * kTile;
  }
};

// Packs one image's gradient and adds it up by channel into `total`.
void PackGradient(const PixelReader& reader, const Shape& s, int64_t image,
                  const PackedGradient& packed, float* total) {
  for (int64_t block = 0; block < packed.blocks; ++block) {
    int64_t channel = block * kRows, lanes = s.channels - channel;
    __m512 sum = _mm512_setzero_ps();
    for (int64_t y = 0; y < s.height; ++y) {
      int64_t row = (image * s.height + y) * s.width;
      bf16* tile = packed.tile(image, y, block, 0);
      for (int64_t x = 0; x < packed.chunks * kDepth; x += 2, tile += kDepth) {
        __m256i even = reader.Load((row + x) * s.channels + channel, x < s.width ? lanes : 0);
        __m256i odd =
            reader.Load((row + x + 1) * s.channels + channel, x + 1 < s.width ? lanes : 0);
        _mm512_store_si512(tile, Pairs(even, odd));
        sum = _mm512_add_ps(sum, _mm512_add_ps(ToFloat(even), ToFloat(odd)));
      }
    }
    _mm512_storeu_ps(total + channel, sum);
  }
}

// 32 channels of zero-padded rows, channel by channel: [row][32 channels][pixel].
void TransposeRow(const bf16* images, const Shape& s, int64_t image, int64_t y, int64_t channel,
                  int64_t stride, bf16* out) {
  for (int64_t x = 0; x < stride - kDepth; x += kDepth) {
    for (int half = 0; half < 2; ++half) {
      __m512i lanes[16];
      int64_t first = channel + half * kRows;
      for (int pair = 0; pair < 16; ++pair) {
        __m256i pixel[2];
        for (int odd = 0; odd < 2; ++odd) {
          int64_t source = x + 2 * pair + odd - 1;
          bool inside = y >= 0 && y < s.height && source >= 0 && source < s.width;
          int64_t offset = ((image * s.height + y) * s.width + source) * s.channels + first;
          pixel[odd] = inside ? _mm256_maskz_loadu_epi16(FirstLanes(s.channels - first),
                                                         images + offset)
                              : _mm256_setzero_si256();
        }
        lanes[pair] = Pairs(pixel[0], pixel[1]);
      }
      Transpose16(lanes);
      for (int i = 0; i < kRows; ++i)
        _mm512_storeu_si512(out + (half * kRows + i) * stride + x, lanes[i]);
    }
  }
}

// Adds the rows of one image to the sums of one tap, 32 input channels and 32 output channels.
void AccumulateTap(const bf16* lines, int64_t line_size, int64_t stride, int64_t rows, int tap,
                   const PackedGradient& gradient, int64_t image, int64_t first, int64_t block,
                   float* sums) {
  _tile_loadd(0, sums, 64);
  _tile_loadd(1, sums + 256, 64);
  _tile_loadd(2, sums + 512, 64);
  _tile_loadd(3, sums + 768, 64);
  for (int64_t row = 0; row < rows; ++row) {
    const bf16* a = lines + (row + tap / 3) * line_size + tap % 3;
    const bf16* b = gradient.tile(image, first + row, 2 * block, 0);
    for (int64_t chunk = 0; chunk < gradient.chunks; ++chunk) {
      _tile_loadd(4, a + chunk * kDepth, stride * sizeof(bf16));
      _tile_loadd(5, a + chunk * kDepth + kRows * stride, stride * sizeof(bf16));
      _tile_loadd(6, b + chunk * kTile, 64);
      _tile_loadd(7, b + (gradient.chunks + chunk) * kTile, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, sums, 64);
  _tile_stored(1, sums + 256, 64);
  _tile_stored(2, sums + 512, 64);
  _tile_stored(3, sums + 768, 64);
}

// Sums [output block][tap][4 tiles] of 32 input channels over the images [begin, end).
void AccumulateChannels(const bf16* images, const Shape& s, int64_t channel, int64_t begin,
                        int64_t end, const PackedGradient& gradient, float* sums) {
  int64_t output_blocks = gradient.blocks / 2;
  int64_t stride = gradient.chunks * kDepth + 2 * kDepth;  // two taps to the right, and slack
  int64_t line_size = kBlock * stride;
  int64_t rows = std::clamp<int64_t>(kStripBytes / (2 * line_size), 1, s.height);
  Scratch lines(sizeof(bf16) * (rows + 2) * line_size);
  std::memset(sums, 0, sizeof(float) * output_blocks * kTaps * 1024);
  TileSession session;
  for (int64_t image = begin; image < end; ++image) {
    for (int64_t first = 0; first < s.height; first += rows) {
      int64_t count = std::min(rows, s.height - first);
      for (int64_t row = 0; row < count + 2; ++row)
        TransposeRow(images, s, image, first + row - 1, channel, stride,
                     lines.as<bf16>() + row * line_size);
      for (int64_t block = 0; block < output_blocks; ++block)
        for (int tap = 0; tap < kTaps; ++tap)
          AccumulateTap(lines.as<bf16>(), line_size, stride, count, tap, gradient, image, first,
                        block, sums + (block * kTaps + tap) * 1024);
    }
  }
}

// Adds the shares' tiles and writes them where they belong in the kernel.
void WriteKernelGradient(const float* sums, int64_t shares, int64_t share_size, int64_t channel,
                         int64_t cin, int64_t cout, float* out) {
  for (int64_t block = 0; block < CeilDiv(cout, kBlock); ++block) {
    for (int tap = 0; tap < kTaps; ++tap) {
      for (int64_t row = 0; row < std::min<int64_t>(kBlock, cin - channel); ++row) {
        for (int half = 0; half < 2; ++half) {
          int64_t column = block * kBlock + half * kRows;
          const float* source = sums + (block * kTaps + tap) * 1024 + row / kRows * 512 +
                                half * 256 + row % kRows * kRows;
          __m512 sum = _mm512_setzero_ps();
          for (int64_t share = 0; share < shares; ++share)
            sum = _mm512_add_ps(sum, _mm512_load_ps(source + share * share_size));
          _mm512_mask_storeu_ps(out + (tap * cin + channel + row) * cout + column,
                                FirstLanes(cout - column), sum);
        }
      }
    }
  }
}

// Gradients by kernel and bias. Sums are taken in an order that does not depend on the threads.
void KernelGradient(ffi::ThreadPool& pool, ffi::Buffer<ffi::BF16> images,
                          ffi::Buffer<ffi::BF16> gradient, ffi::Buffer<ffi::BF16> gate,
                          ffi::Result<ffi::Buffer<ffi::F32>> kernel_gradient,
                          ffi::Result<ffi::Buffer<ffi::F32>> bias_gradient) {
  Shape in(images.dimensions()), out(gradient.dimensions());
  auto* pixels = reinterpret_cast<const bf16*>(images.typed_data());
  bool gated = gate.element_count() > 0;
  PixelReader reader{gradient.typed_data(), gated ? (const bf16*)gate.typed_data() : nullptr,
                     false};
  PackedGradient packed(out);
  int64_t padded_out = packed.blocks * kRows;
  Scratch totals(sizeof(float) * out.images * padded_out);
  ParallelFor(pool, out.images, [&](int64_t image) {
    PackGradient(reader, out, image, packed, totals.as<float>() + image * padded_out);
  });
  for (int64_t channel = 0; channel < out.channels; ++channel) {
    float sum = 0;
    for (int64_t image = 0; image < out.images; ++image)
      sum += totals.as<float>()[image * padded_out + channel];
    bias_gradient->typed_data()[channel] = sum;
  }

  int64_t units = CeilDiv(in.channels, kBlock);
  int64_t shares = in.channels <= 128 ? in.images : 1;
  int64_t share_size = packed.blocks / 2 * kTaps * 1024;
  Scratch sums(sizeof(float) * units * shares * share_size);
  ParallelFor(pool, units * shares, [&](int64_t task) {
    int64_t share = task % shares;
    AccumulateChannels(pixels, in, task / shares * kBlock, share * in.images / shares,
                       (share + 1) * in.images / shares, packed,
                       sums.as<float>() + task * share_size);
  });
  ParallelFor(pool, units, [&](int64_t unit) {
    WriteKernelGradient(sums.as<float>() + unit * shares * share_size, shares, share_size,
                        unit * kBlock, in.channels, out.channels, kernel_gradient->typed_data());
  });
}

// An exception may not leave the library: XLA is not built to pass one on.
template <typename Call>
ffi::Error Guarded(const Call& call) {
  try {
    call();
    return ffi::Error::Success();
  } catch (const std::bad_alloc&) {
    return ffi::Error(ffi::ErrorCode::kResourceExhausted, "out of memory in a convolution");
  }
}

ffi::Error ConvolveCall(ffi::ThreadPool pool, ffi::AnyBuffer images, ffi::AnyBuffer gate,
                        ffi::Buffer<ffi::F32> kernel, ffi::Buffer<ffi::F32> bias,
                        ffi::Result<ffi::AnyBuffer> out, bool relu, bool transposed) {
  return Guarded([&] { Convolve(pool, images, gate, kernel, bias, out, relu, transposed); });
}

ffi::Error KernelGradientCall(ffi::ThreadPool pool, ffi::Buffer<ffi::BF16> images,
                              ffi::Buffer<ffi::BF16> gradient, ffi::Buffer<ffi::BF16> gate,
                              ffi::Result<ffi::Buffer<ffi::F32>> kernel_gradient,
                              ffi::Result<ffi::Buffer<ffi::F32>> bias_gradient) {
  return Guarded(
      [&] { KernelGradient(pool, images, gradient, gate, kernel_gradient, bias_gradient); });
}

}  // namespace
}  // namespace brainfcn

// Asks the kernel for the use of the tile registers; 0 when it is granted.
extern "C" int brainfcn_request_tiles() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return static_cast<int>(syscall(SYS_arch_prctl, kRequestPermission, kTileData));
}

XLA_FFI_DEFINE_HANDLER_SYMBOL(brainfcn_convolve, brainfcn::ConvolveCall,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::AnyBuffer>()
                                  .Arg<xla::ffi::AnyBuffer>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::AnyBuffer>()
                                  .Attr<bool>("relu")
                                  .Attr<bool>("transposed"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(brainfcn_kernel_gradient, brainfcn::KernelGradientCall,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::BF16>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::BF16>>()
                                  .Arg<xla::ffi::Buffer<xla::ffi::BF16>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>()
                                  .Ret<xla::ffi::Buffer<xla::ffi::F32>>());
