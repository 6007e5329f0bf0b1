// The gradient by a 3x3 kernel of a convolution of few input channels: products of each pixel's 3x3
// patch with its gradient. Shares of the rows, as many for any number of threads, are summed apart
// and then in order.
#pragma once

#include "outer_products.h"
#include "pixels.h"

namespace brainfcn {
namespace BRAINFCN_VARIANT {

constexpr int64_t kThinPixels = 128;  // multiplied at a time
constexpr int64_t kThinRows = (kTaps * kFewestChannels + kLanes - 1) / kLanes * kLanes;  // at most

// A run of pixels of one line.
struct Run {
  int64_t y, x, pixels;
};

// Pixels [x - 1, x + pixels + 1) of the line `below` this run's, zero where outside the image.
inline void CopyLine(const Images& image, const Run& run, int64_t below, float* line) {
  const int64_t channels = image.channels, y = run.y + below;
  std::memset(line, 0, sizeof(float) * (run.pixels + 2) * channels);
  if (y < 0 || y >= image.height) return;
  const int64_t begin = run.x > 0 ? run.x - 1 : 0;
  const int64_t end = Smaller(run.x + run.pixels + 1, image.width);
  std::memcpy(line + (begin - run.x + 1) * channels,
              image.pixels + (y * image.width + begin) * channels,
              sizeof(float) * (end - begin) * channels);
}

// The 3x3 patch of each pixel, `step` floats apart. Whole vectors are copied: what is written too
// far is written over by the next row or patch.
inline void PackPatches(const Images& image, const Run& run, int64_t step, float* patches) {
  const int64_t values = 3 * image.channels;  // of a row of a patch
  float lines[3][(kThinPixels + 2) * kFewestChannels + kLanes] = {};
  for (int64_t row = 0; row < 3; ++row) CopyLine(image, run, row - 1, lines[row]);
  for (int64_t pixel = 0; pixel < run.pixels; ++pixel, patches += step)
    for (int64_t row = 0; row < 3; ++row)
      for (int64_t at = 0; at < values; at += kLanes)
        Store(patches + row * values + at, Load(lines[row] + pixel * image.channels + at));
}

// The gradient of a run of pixels, as `columns` describes it.
inline void PackColumns(const Images& gradient, const Run& run, int64_t first_vector,
                        int64_t vectors, const Panel& columns, float* packed) {
  for (int64_t v = 0; v < vectors; ++v) {
    const int64_t channel = (first_vector + v) * kLanes;
    const bool whole = channel + kLanes <= gradient.channels;
    for (int64_t pixel = 0; pixel < run.pixels; ++pixel) {
      const int64_t x = run.x + pixel;
      Store(packed + v * columns.vector + pixel * columns.step,
            whole ? ReadPixel<true>(gradient, run.y, x, channel)
                  : ReadPixel<false>(gradient, run.y, x, channel));
    }
  }
}

BRAINFCN_INLINE void AddTo(float* sum, Vector value) { Store(sum, Load(sum) + value); }

// Adds the products of a run of pixels with `vectors` vectors of their gradient.
inline void AddThinProducts(const GradientWork& work, const Panel& patches, const Images& gradient,
                            const Run& run, int64_t first_vector, int64_t vectors, float* sums) {
  alignas(64) float packed[kMostVectors * kThinPixels * kLanes];
  alignas(64) float products[kThinRows * kMostVectors * kLanes];
  const Panel columns{packed, kLanes, kThinPixels * kLanes};
  const int64_t rows = work.PatchVectors() * kLanes;
  PackColumns(gradient, run, first_vector, vectors, columns, packed);
  SumProducts(patches, work.PatchVectors(), columns, vectors, run.pixels, products);
  for (int64_t v = 0; v < vectors; ++v) {
    float* sum = sums + (first_vector + v) * kLanes;
    for (int64_t row = 0; row < rows; ++row, sum += work.Width())
      AddTo(sum, Load(products + (row * vectors + v) * kLanes));
    AddTo(sum, SumSteps(columns, v, run.pixels));
  }
}

// One share of the rows of all images.
inline void MultiplyThin(const GradientWork& work, int64_t share) {
  alignas(64) float patches[kThinPixels * kThinRows + 4 * kLanes] = {};
  const Panel panel{patches, work.PatchVectors() * kLanes, kLanes};
  float* sums = work.sums + share * work.ThinSums();
  std::memset(sums, 0, sizeof(float) * work.ThinSums());
  const int64_t height = work.images.height, width = work.images.width;
  const int64_t lines = work.count * height, end = (share + 1) * lines / kThinShares;
  for (int64_t line = share * lines / kThinShares; line < end; ++line) {
    const Images image = work.images.At(line / height), gradient = work.gradient.At(line / height);
    for (int64_t x = 0; x < width; x += kThinPixels) {
      const Run run{line % height, x, Smaller(kThinPixels, width - x)};
      PackPatches(image, run, panel.step, patches);
      int64_t taken;
      for (int64_t vector = 0; vector < work.VectorsOut(); vector += taken) {
        taken = NextVectors(work.VectorsOut() - vector);
        AddThinProducts(work, panel, gradient, run, vector, taken, sums);
      }
    }
  }
}

// One row of the result; the last one is the bias's.
inline void FinishThin(const GradientWork& work, int64_t row) {
  const bool is_bias = row == kTaps * work.images.channels;
  const int64_t sum_row = is_bias ? work.PatchVectors() * kLanes : row;
  float* out = is_bias ? work.by_bias : work.by_kernel + row * work.gradient.channels;
  for (int64_t channel = 0; channel < work.gradient.channels; channel += kLanes) {
    const float* sums = work.sums + sum_row * work.Width() + channel;
    Vector total{};
    for (int64_t share = 0; share < kThinShares; ++share)
      total += Load(sums + share * work.ThinSums());
    StoreFirst(out + channel, total, work.gradient.channels - channel);
  }
}

}  // namespace BRAINFCN_VARIANT
}  // namespace brainfcn
