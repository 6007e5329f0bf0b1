// The product of a few rows and a panel of columns, summed in registers.
#pragma once

#include "ceil_div.h"
#include "layer.h"
#include "vectors.h"

namespace brainfcn {
namespace BRAINFCN_VARIANT {

// 32 registers hold 6x4 sums beside their factors, 16 registers 6x2.
constexpr int kWideVectors = BRAINFCN_LANES == 8 ? 2 : 4;
constexpr int kWideRows = 6;
constexpr int kNarrowVectors = BRAINFCN_LANES == 4 ? 2 : 1;
constexpr int kNarrowRows = 12;
static_assert(kWideRows <= kMostRows && kNarrowRows <= kMostRows, "rows are padded to kMostRows");

// Rows of the left factor, in `segments` of `depth` values that lie together.
struct Rows {
  const float* values;
  int64_t row_stride;  // taken for kGroup where the product's kStride says so
  int64_t segment_stride, channels, depth;
};

// products (kRows x kVectors vectors, rows side by side) = rows x panel (channels x kVectors).
template <int kRows, int kVectors, int kStride>
__attribute__((noinline)) void Multiply(const Rows& rows, const float* panel, float* products) {
  const int64_t stride = kStride ? kStride : rows.row_stride;
  Vector sums[kRows][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) sums[i][j] = Vector{};
  const float* segment = rows.values;
  for (int64_t done = 0; done < rows.channels; done += rows.depth) {
    const int64_t depth = Smaller(rows.depth, rows.channels - done);
    for (int64_t k = 0; k < depth; ++k) {
      Vector columns[kVectors];
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) columns[j] = Load(panel + j * kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
        const Vector value = Broadcast(segment[i * stride + k]);
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j) sums[i][j] += value * columns[j];
      }
      panel += kVectors * kLanes;
    }
    segment += rows.segment_stride;
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) Store(products + (i * kVectors + j) * kLanes, sums[i][j]);
}

typedef void (*MultiplyRows)(const Rows&, const float*, float*);

// Multiply<rows, ...> for a number of rows known at run time, 1 to kRows.
template <int kRows, int kVectors, int kStride>
MultiplyRows Multiplier(int64_t rows) {
  if constexpr (kRows > 1)
    if (rows < kRows) return Multiplier<kRows - 1, kVectors, kStride>(rows);
  return Multiply<kRows, kVectors, kStride>;
}

// All panels [first, last) of `count` rows, cut into runs of nearly equal length.
template <int kRows, int kVectors, int kStride>
void MultiplyPanels(Rows rows, int64_t count, const float* packed, int64_t first, int64_t last,
                    float* products, int64_t panel_stride) {
  constexpr int kWidth = kVectors * kLanes;
  const int64_t stride = kStride ? kStride : rows.row_stride;
  const int64_t runs = CeilDiv(count, kRows);
  for (int64_t panel = first; panel < last; ++panel) {
    for (int64_t run = 0; run < runs; ++run) {
      const int64_t begin = count * run / runs, end = count * (run + 1) / runs;
      Rows some = rows;
      some.values += begin * stride;
      Multiplier<kRows, kVectors, kStride>(end - begin)(
          some, packed + panel * rows.channels * kWidth,
          products + panel * panel_stride + begin * kWidth);
    }
  }
}

// The products of one point of a block of tiles.
inline void MultiplyPoint(const float* transformed, int64_t group_stride, int64_t channels,
                          int64_t tiles, const float* packed, Panels panels, int64_t first,
                          int64_t last, float* products, int64_t panel_stride) {
  const Rows rows{transformed, kGroup, group_stride, channels, kGroup};
  if (panels.width == kNarrowVectors * kLanes) {
    MultiplyPanels<kNarrowRows, kNarrowVectors, kGroup>(rows, tiles, packed, first, last, products,
                                                        panel_stride);
  } else {
    MultiplyPanels<kWideRows, kWideVectors, kGroup>(rows, tiles, packed, first, last, products,
                                                    panel_stride);
  }
}

}  // namespace BRAINFCN_VARIANT
}  // namespace brainfcn
