// The gradient by a 3x3 kernel of a convolution of few input channels: products of each pixel's 3x3
// patch with its gradient. Shares of the rows, as many for any number of threads, are summed apart
// and then in order.
#pragma once

#include "gradient_work.h"
#include "outer_products.h"
#include "pixels.h"

namespace brainfcn {
namespace BRAINFCN_VARIANT {

constexpr int64_t kMostThinChannels = 8;
constexpr int64_t kThinShares = 32;
constexpr int64_t kThinPixels = 128;  // multiplied at a time
constexpr int64_t kThinRows = (9 * kMostThinChannels + kLanes - 1) / kLanes * kLanes;

// Vectors that hold a patch.
inline int64_t PatchVectors(const GradientWork& work) {
  return CeilDivide(9 * work.channels_in, kLanes);
}

inline int64_t ThinSums(const GradientWork& work) {
  return (PatchVectors(work) * kLanes + 1) * work.vectors_out * kLanes;
}

// Pixels [x - 1, x + pixels + 1) of row y, zero where outside the image.
inline void CopyLine(const GradientWork& work, int64_t image, int64_t y, int64_t x, int64_t pixels,
                     float* line) {
  int64_t channels = work.channels_in, size = (pixels + 2) * channels;
  std::memset(line, 0, sizeof(float) * size);
  if (y < 0 || y >= work.height) return;
  int64_t begin = x > 0 ? x - 1 : 0, end = Smaller(x + pixels + 1, work.width);
  const float* row = work.images + (image * work.height + y) * work.width * channels;
  std::memcpy(line + (begin - x + 1) * channels, row + begin * channels,
              sizeof(float) * (end - begin) * channels);
}

// Patches of 3x3 pixels, `step` floats apart. Whole vectors are copied: what is written too far is
// written over by the next row or patch.
inline void PackPatches(const GradientWork& work, int64_t image, int64_t y, int64_t x,
                        int64_t pixels, int64_t step, float* patches) {
  int64_t values = 3 * work.channels_in;  // of a row of a patch
  float lines[3][(kThinPixels + 2) * kMostThinChannels + kLanes];
  for (int row = 0; row < 3; ++row) CopyLine(work, image, y + row - 1, x, pixels, lines[row]);
  for (int64_t pixel = 0; pixel < pixels; ++pixel, patches += step)
    for (int row = 0; row < 3; ++row)
      for (int64_t at = 0; at < values; at += kLanes)
        Store(patches + row * values + at, Load(lines[row] + pixel * work.channels_in + at));
}

// Adds the products of a line of pixels with `vectors` vectors of their gradient.
inline void AddThinProducts(const GradientWork& work, const Panel& patches, const Pixels& gradient,
                            int64_t y, int64_t x, int64_t pixels, int64_t vector, int64_t vectors,
                            float* sums) {
  int64_t rows = PatchVectors(work) * kLanes, width = work.vectors_out * kLanes;
  alignas(64) float packed[kMostVectors * kThinPixels * kLanes];
  alignas(64) float products[kThinRows * kMostVectors * kLanes];
  Panel columns{packed, kLanes, kThinPixels * kLanes};
  for (int64_t v = 0; v < vectors; ++v) {
    int64_t channel = (vector + v) * kLanes;
    float* out = packed + v * columns.vector;
    bool whole = channel + kLanes <= work.channels_out;
    for (int64_t pixel = 0; pixel < pixels; ++pixel, out += kLanes)
      Store(out, whole ? gradient.Read<true>(y, x + pixel, channel)
                       : gradient.Read<false>(y, x + pixel, channel));
    float* bias = sums + rows * width + channel;
    Store(bias, Load(bias) + SumSteps(columns, v, pixels));
  }
  SumProducts(patches, PatchVectors(work), columns, vectors, pixels, products);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t v = 0; v < vectors; ++v) {
      float* sum = sums + row * width + (vector + v) * kLanes;
      Store(sum, Load(sum) + Load(products + (row * vectors + v) * kLanes));
    }
  }
}

// One share of the rows of all images.
inline void MultiplyThin(const GradientWork& work, int64_t share) {
  int64_t lines = work.count * work.height, step = PatchVectors(work) * kLanes;
  float* sums = work.sums + share * ThinSums(work);
  std::memset(sums, 0, sizeof(float) * ThinSums(work));
  alignas(64) float patches[kThinPixels * kThinRows + 4 * kLanes] = {};
  for (int64_t line = share * lines / kThinShares; line < (share + 1) * lines / kThinShares;
       ++line) {
    int64_t image = line / work.height, y = line % work.height;
    int64_t start = image * work.height * work.width * work.channels_out;
    Pixels gradient{work.gradient + start, work.gate ? work.gate + start : nullptr, work.height,
                    work.width, work.channels_out};
    for (int64_t x = 0; x < work.width; x += kThinPixels) {
      int64_t pixels = Smaller(kThinPixels, work.width - x);
      PackPatches(work, image, y, x, pixels, step, patches);
      for (int64_t vector = 0, taken; vector < work.vectors_out; vector += taken) {
        taken = NextVectors(work.vectors_out - vector);
        AddThinProducts(work, {patches, step, kLanes}, gradient, y, x, pixels, vector, taken, sums);
      }
    }
  }
}

// One row of the result; the last one is the bias's.
inline void FinishThin(const GradientWork& work, int64_t row) {
  int64_t rows = PatchVectors(work) * kLanes, width = work.vectors_out * kLanes;
  bool bias = row == 9 * work.channels_in;
  float* out = bias ? work.by_bias : work.by_kernel + row * work.channels_out;
  for (int64_t channel = 0; channel < work.channels_out; channel += kLanes) {
    const float* sums = work.sums + (bias ? rows : row) * width + channel;
    Vector total{};
    for (int64_t share = 0; share < kThinShares; ++share)
      total += Load(sums + share * ThinSums(work));
    StoreFirst(out + channel, total, work.channels_out - channel);
  }
}

}  // namespace BRAINFCN_VARIANT
}  // namespace brainfcn
