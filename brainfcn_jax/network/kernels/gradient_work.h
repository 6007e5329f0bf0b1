// A gradient by a 3x3 kernel: what the threads' side (kernel_gradient.cc) and the variants agree on.
#pragma once

#include <cstdint>

#include "ceil_div.h"

namespace brainfcn {

constexpr int64_t kTilesATask = 8;       // transformed by one task
constexpr int64_t kBlockChannels = 64;   // of images, and of gradients, multiplied by one task
constexpr int64_t kThinShares = 32;      // of all rows, where input channels are few
constexpr int64_t kSumsAPoint = 3;       // kept of the 8 points of a column

// Zero-padded images, rows by columns by channels. Where there is a gate, of the same shape, a value
// counts as 0 unless its gate is above 0.
struct Images {
  const float* pixels;
  const float* gate;  // or null
  int64_t height, width, channels;

  Images At(int64_t image) const {
    const int64_t start = image * height * width * channels;
    return {pixels + start, gate ? gate + start : nullptr, height, width, channels};
  }
};

struct GradientWork {
  Images images, gradient;
  int64_t count;  // of images
  int64_t lanes;  // of the variant's vectors

  float *by_kernel, *by_bias;  // results: (3, 3, channels_in, channels_out), (channels_out,)
  float* sums;                 // over what has been multiplied; a last row is the bias's

  // Where tiles are transformed block by block:
  int64_t first, depth;   // first tile of this block, and how many
  int64_t stride;         // floats from one vector of channels of all tiles to the next
  float *rows, *columns;  // transformed tiles of this block: of the images, of the gradient

  int64_t VectorsIn() const { return CeilDiv(images.channels, lanes); }
  int64_t VectorsOut() const { return CeilDiv(gradient.channels, lanes); }
  int64_t PatchVectors() const { return CeilDiv(9 * images.channels, lanes); }
  int64_t Width() const { return VectorsOut() * lanes; }
  int64_t ThinSums() const { return (PatchVectors() * lanes + 1) * Width(); }
  int64_t TileRows() const { return 8 * kSumsAPoint * VectorsIn() * lanes; }
  int64_t RowBlocks() const { return CeilDiv(images.channels, kBlockChannels); }
  int64_t ColumnBlocks() const { return CeilDiv(gradient.channels, kBlockChannels); }
};

// The code for one instruction set; each does one task of several.
struct GradientFunctions {
  void (*pack_tiles)(const GradientWork& work, int64_t task);      // kTilesATask tiles
  void (*multiply_tiles)(const GradientWork& work, int64_t task);  // 8 * RowBlocks * ColumnBlocks
  void (*finish_tiles)(const GradientWork& work, int64_t task);    // VectorsIn
  void (*multiply_thin)(const GradientWork& work, int64_t share);  // kThinShares
  void (*finish_thin)(const GradientWork& work, int64_t row);      // 9 * channels_in + 1
};

}  // namespace brainfcn
