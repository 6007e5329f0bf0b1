// Convolutions of few input channels, computed as they are defined.
#pragma once

#include "ceil_div.h"
#include "product.h"

namespace brainfcn {
namespace BRAINFCN_VARIANT {

// Copies one zero-padded row of an image, gated; a row outside the image is 0.
inline void CopyRow(const Images& images, int64_t image, int64_t y, float* row) {
  const int64_t values = images.width * images.channels;
  const int64_t padded = (images.width + 2 + kMostRows) * images.channels;
  std::memset(row, 0, sizeof(float) * padded);
  if (y < 0 || y >= images.height) return;
  const int64_t offset = (image * images.height + y) * values;
  float* to = row + images.channels;
  if (images.gate == nullptr) {
    std::memcpy(to, images.pixels + offset, sizeof(float) * values);
  } else {
    for (int64_t i = 0; i < values; ++i)
      to[i] = images.gate[offset + i] > 0 ? images.pixels[offset + i] : 0;
  }
}

// Adds the bias to the sums of `count` neighbouring pixels and one panel, and writes them.
inline void WriteSums(const Results& results, const float* sums, int64_t count, int64_t width,
                      int64_t first_channel, float* to) {
  for (int64_t column = 0; column < width; column += kLanes) {
    const int64_t channel = first_channel + column, lanes = results.channels - channel;
    if (lanes <= 0) return;
    const Vector bias = results.bias ? LoadFirst(results.bias + channel, lanes) : Vector{};
    for (int64_t i = 0; i < count; ++i) {
      Vector value = Load(sums + i * width + column) + bias;
      if (results.relu) value = Positive(value);
      StoreFirst(to + i * results.channels + channel, value, lanes);
    }
  }
}

// One row of results from three padded rows of an image.
template <int kRows, int kVectors>
void ConvolveRow(const Images& images, const Results& results, const float* rows,
                 const float* packed, Panels panels, float* to) {
  const int64_t channels = images.channels;
  const int64_t row_size = (images.width + 2 + kMostRows) * channels;
  const int64_t panel_size = kTaps * channels * panels.width;
  float sums[kRows * kVectors * kLanes];
  for (int64_t x = 0; x < images.width; x += kRows) {
    const int64_t count = Smaller<int64_t>(kRows, images.width - x);
    const Rows some{rows + x * channels, channels, row_size, kTaps * channels, 3 * channels};
    for (int64_t panel = 0; panel < panels.count; ++panel) {
      Multiply<kRows, kVectors, 0>(some, packed + panel * panel_size, sums);
      WriteSums(results, sums, count, panels.width, panel * panels.width,
                to + x * results.channels);
    }
  }
}

// The largest of each 2x2 block of two rows of results.
inline void PoolRows(const Results& results, const float* upper, float* to) {
  const int64_t channels = results.channels;
  const float* lower = upper + results.width * channels;
  for (int64_t x = 0; x < results.width / 2; ++x, upper += 2 * channels, lower += 2 * channels) {
    for (int64_t channel = 0; channel < channels; channel += kLanes, to += kLanes) {
      const int64_t lanes = channels - channel;
      auto load = [&](const float* from) { return LoadFirst(from + channel, lanes); };
      const Vector above = Larger(load(upper), load(upper + channels));
      const Vector below = Larger(load(lower), load(lower + channels));
      StoreFirst(to, Larger(above, below), lanes);
    }
    to -= CeilDiv(channels, kLanes) * kLanes - channels;
  }
}

inline void ConvolveRows(const Images& images, const Results& results, int64_t image,
                         int64_t first, int64_t last, const float* packed, Panels panels,
                         float* rows) {
  const int64_t row_size = (images.width + 2 + kMostRows) * images.channels;
  const bool narrow = panels.width == kNarrowVectors * kLanes;
  auto convolve_row = narrow ? ConvolveRow<kNarrowRows, kNarrowVectors>
                             : ConvolveRow<kWideRows, kWideVectors>;
  for (int64_t y = first; y < last; ++y) {
    for (int64_t r = 0; r < 3; ++r) CopyRow(images, image, y - 1 + r, rows + r * row_size);
    const int64_t result_row = results.width * results.channels;
    float* to = results.pixels + (image * results.height + y) * result_row;
    convolve_row(images, results, rows, packed, panels, to);
    if (results.pooled != nullptr && y % 2 == 1) {
      const int64_t pooled_row = results.width / 2 * results.channels;
      PoolRows(results, to - result_row,
               results.pooled + (image * (results.height / 2) + y / 2) * pooled_row);
    }
  }
}

}  // namespace BRAINFCN_VARIANT
}  // namespace brainfcn
