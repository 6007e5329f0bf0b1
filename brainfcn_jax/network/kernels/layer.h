// A 3x3 convolution and how its data lie in memory: what the threads' side (convolve.cc) and the
// variants for single instruction sets agree on.
#pragma once

#include <cstdint>

#include "ceil_div.h"
#include "gradient_work.h"

namespace brainfcn {

constexpr int64_t kGroup = 64;              // channels of transformed pixels that lie together
constexpr int64_t kFewestChannels = 8;      // with fewer a convolution is computed directly
constexpr int64_t kTile = 6;                // results of a side of a tile
constexpr int64_t kTilePoints = 64;         // products of a tile
constexpr int64_t kTaps = 9;

// Where results go: the larger of result and 0 if `relu`, after the bias is added.
struct Results {
  float* pixels;
  float* pooled;      // or null: the largest of each whole 2x2 block, (height / 2, width / 2)
  const float* bias;  // or null
  bool relu;
  int64_t height, width, channels;
};

// A kernel (3, 3, cin, cout), or the one that gives its gradient by the images: taps turned,
// channels exchanged.
struct Kernel {
  const float* weights;
  int64_t cin, cout;  // as they lie in memory
  bool transposed;
  int64_t inputs() const { return transposed ? cout : cin; }
  int64_t outputs() const { return transposed ? cin : cout; }
};

// Output channels in panels of equal width: as many as the product keeps in registers.
struct Panels {
  int64_t width, count;
};

// Transformed pixels or products of a run of tiles: [point][group or panel][tile][channel].
struct Block {
  float* values;
  int64_t point_stride, group_stride;
};

// The code for one instruction set. Packed kernels are [point][panel][input channel][column], or
// [panel][tap][input channel][column] where the convolution is computed directly.
struct Variant {
  const char* name;
  int64_t lanes, wide_vectors, narrow_vectors;
  void (*pack)(const Kernel& kernel, Panels panels, int64_t panel, float* packed);
  void (*pack_direct)(const Kernel& kernel, Panels panels, int64_t panel, float* packed);
  // Tiles [first, last) of all images' become the block's tiles 0 to last - first.
  void (*transform)(const Images& images, int64_t first, int64_t last, Block transformed);
  // Panels [first, last) of the products of one point.
  void (*multiply)(const float* transformed, int64_t group_stride, int64_t channels, int64_t tiles,
                   const float* packed, Panels panels, int64_t first, int64_t last,
                   float* products, int64_t panel_stride);
  void (*finish)(const Results& results, int64_t first, int64_t last, Panels panels,
                 Block products);
  // Rows [first, last) of one image; `first` is even. `rows` holds direct_rows_size() floats.
  void (*direct)(const Images& images, const Results& results, int64_t image, int64_t first,
                 int64_t last, const float* packed, Panels panels, float* rows);
  GradientFunctions gradient;

  Panels panels(int64_t outputs) const {
    bool narrow = outputs <= narrow_vectors * lanes;
    int64_t width = (narrow ? narrow_vectors : wide_vectors) * lanes;
    return {width, CeilDiv(outputs, width)};
  }
  int64_t packed_size(int64_t inputs, int64_t outputs) const {
    Panels shape = panels(outputs);
    int64_t positions = inputs < kFewestChannels ? kTaps : kTilePoints;
    return positions * inputs * shape.count * shape.width;
  }
};

constexpr int64_t kMostRows = 12;  // pixels or tiles of one product in registers, at most

inline int64_t DirectRowsSize(int64_t width, int64_t channels) {
  return 3 * (width + 2 + kMostRows) * channels;
}

}  // namespace brainfcn
