// The gradient of a 3x3 convolution by its kernel, through Winograd's F(6x6, 3x3):
//   by_kernel = G^T [(B^T d B) * (A g A^T)] G
// of an 8x8 patch d of the images and the 6x6 tile g of the gradient over its middle, summed over
// all tiles: the adjoint of the transforms that the convolution itself uses, and as few products.
//
// For each of the 64 points the sum over a block's tiles is a product of (channels in x tiles) with
// (tiles x channels out). Points are numbered column by column; a task takes one column of them, so
// that G^T along the column leaves 3 of its 8 matrices to be kept.
#pragma once

#include "gradient_work.h"
#include "outer_products.h"
#include "pixels.h"
#include "winograd.h"

namespace brainfcn {
namespace BRAINFCN_VARIANT {

constexpr int64_t kTilesATask = 8;
constexpr int64_t kBlockVectors = 64 / kLanes;  // of rows, and of columns, of one task's product

// Transforms a kSide x kSide patch of one vector of channels and writes its points
// `point_stride` floats apart.
template <int kSide, bool kInside, typename Transform>
inline void PackPatch(const Pixels& pixels, int64_t y, int64_t x, int64_t channel,
                           const Transform& transform, float* out, int64_t point_stride) {
  Vector half[kPatch][kSide];
  for (int column = 0; column < kSide; ++column) {
    Vector in[kSide], transformed[kPatch];
#pragma GCC unroll 8
    for (int row = 0; row < kSide; ++row)
      in[row] = pixels.Read<kInside>(y + row, x + column, channel);
    transform(in, transformed);
#pragma GCC unroll 8
    for (int row = 0; row < kPatch; ++row) half[row][column] = transformed[row];
  }
  for (int row = 0; row < kPatch; ++row) {
    Vector transformed[kPatch];
    transform(half[row], transformed);
#pragma GCC unroll 8
    for (int column = 0; column < kPatch; ++column)
      Store(out + (column * kPatch + row) * point_stride, transformed[column]);
  }
}

// Patches of kSide pixels, from `margin` above and left of each tile on, of all channels.
template <int kSide, typename Transform>
inline void PackTilesOf(const GradientWork& work, int64_t begin, int64_t end, const float* values,
                      const float* gate, int64_t channels, int64_t margin, float* panels,
                      const Transform& transform) {
  int64_t vectors = CeilDivide(channels, kLanes), size = work.height * work.width * channels;
  for (int64_t vector = 0; vector < vectors; ++vector) {
    for (int64_t tile = begin; tile < end; ++tile) {
      TilePlace place(work.first + tile, work.height, work.width);
      int64_t start = place.image * size, channel = vector * kLanes;
      Pixels pixels{values + start, gate ? gate + start : nullptr, work.height, work.width,
                    channels};
      int64_t y = place.y - margin, x = place.x - margin;
      float* out = panels + vector * work.stride + tile * kLanes;
      bool inside = pixels.Contains(y, x, kSide) && channel + kLanes <= channels;
      auto patch = inside ? PackPatch<kSide, true, Transform>
                          : PackPatch<kSide, false, Transform>;
      patch(pixels, y, x, channel, transform, out, vectors * work.stride);
    }
  }
}

inline void PackGradientTiles(const GradientWork& work, int64_t task) {
  int64_t begin = task * kTilesATask, end = Smaller(begin + kTilesATask, work.depth);
  PackTilesOf<kPatch>(work, begin, end, work.images, nullptr, work.channels_in, 1, work.rows,
                    [](const Vector* d, Vector* v) { TransformPixels(d, v); });
  PackTilesOf<kResults>(work, begin, end, work.gradient, work.gate, work.channels_out, 0,
                      work.columns, [](const Vector* y, Vector* m) { TransformGradient(y, m); });
}

// Products of one column of points, [point][row][vector of columns], to the sums of its 3 taps.
inline void AddTaps(const float* products, const GradientWork& work, int64_t point_column,
                    int64_t first_row, int64_t rows, int64_t first_vector, int64_t vectors) {
  int64_t rows_in_all = work.vectors_in * kLanes, width = work.vectors_out * kLanes;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t vector = 0; vector < vectors; ++vector) {
      Vector points[kPatch], taps[kFilter];
#pragma GCC unroll 8
      for (int point = 0; point < kPatch; ++point)
        points[point] = Load(products + ((point * rows + row) * vectors + vector) * kLanes);
      TransformSums(points, taps);
      for (int tap = 0; tap < kFilter; ++tap) {
        int64_t at = (point_column * kFilter + tap) * rows_in_all + first_row + row;
        float* sum = work.sums + at * width + (first_vector + vector) * kLanes;
        Store(sum, work.first == 0 ? taps[tap] : Load(sum) + taps[tap]);
      }
    }
  }
}

// At point (1, 1) a tile's transformed gradient is the sum over its pixels.
inline void AddBias(const GradientWork& work, const Panel& columns, int64_t vectors, float* sum) {
  for (int64_t vector = 0; vector < vectors; ++vector, sum += kLanes) {
    Vector block = SumSteps(columns, vector, work.depth);
    Store(sum, work.first == 0 ? block : Load(sum) + block);
  }
}

inline int64_t TileProductTasks(const GradientWork& work) {
  return kPatch * CeilDivide(work.vectors_in, kBlockVectors) *
         CeilDivide(work.vectors_out, kBlockVectors);
}

inline void MultiplyTiles(const GradientWork& work, int64_t task) {
  int64_t column_blocks = CeilDivide(work.vectors_out, kBlockVectors);
  int64_t row_blocks = CeilDivide(work.vectors_in, kBlockVectors);
  int64_t vector = task % column_blocks * kBlockVectors;
  int64_t last = Smaller(vector + kBlockVectors, work.vectors_out);
  int64_t first_row = task / column_blocks % row_blocks * kBlockVectors;
  int64_t rows = Smaller(kBlockVectors, work.vectors_in - first_row);
  int64_t point_column = task / column_blocks / row_blocks;
  alignas(64) float products[kPatch * kBlockVectors * kLanes * kMostVectors * kLanes];
  for (int64_t taken; vector < last; vector += taken) {
    taken = NextVectors(last - vector);
    for (int64_t point = 0; point < kPatch; ++point) {
      int64_t index = point_column * kPatch + point;
      Panel left{work.rows + (index * work.vectors_in + first_row) * work.stride, kLanes,
                 work.stride};
      Panel right{work.columns + (index * work.vectors_out + vector) * work.stride, kLanes,
                  work.stride};
      SumProducts(left, rows, right, taken, work.depth,
               products + point * rows * kLanes * taken * kLanes);
      if (index == kPatch + 1 && first_row == 0)
        AddBias(work, right, taken, work.bias_sums + vector * kLanes);
    }
    AddTaps(products, work, point_column, first_row * kLanes, rows * kLanes, vector, taken);
  }
}

// The taps of a row of the kernel for one vector of input channels.
inline void FinishTileGradient(const GradientWork& work, int64_t task) {
  int64_t rows_in_all = work.vectors_in * kLanes, width = work.vectors_out * kLanes;
  int64_t end = Smaller((task + 1) * kLanes, work.channels_in);
  for (int64_t row = task * kLanes; row < end; ++row) {
    for (int64_t channel = 0; channel < work.channels_out; channel += kLanes) {
      for (int tap_row = 0; tap_row < kFilter; ++tap_row) {
        Vector points[kPatch], taps[kFilter];
        for (int point = 0; point < kPatch; ++point) {
          int64_t at = (point * kFilter + tap_row) * rows_in_all + row;
          points[point] = Load(work.sums + at * width + channel);
        }
        TransformSums(points, taps);
        for (int tap = 0; tap < kFilter; ++tap) {
          int64_t at = (tap_row * kFilter + tap) * work.channels_in + row;
          StoreFirst(work.by_kernel + at * work.channels_out + channel, taps[tap],
                     work.channels_out - channel);
        }
      }
    }
  }
  if (task == 0)
    std::memcpy(work.by_bias, work.bias_sums, sizeof(float) * work.channels_out);
}

}  // namespace BRAINFCN_VARIANT
}  // namespace brainfcn
