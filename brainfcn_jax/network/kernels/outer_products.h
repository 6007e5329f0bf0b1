// Sums of outer products, register-blocked: what a gradient by the kernel comes down to.
#pragma once

#include "vectors.h"

namespace brainfcn {
namespace BRAINFCN_VARIANT {

constexpr int kMostVectors = 3;  // of a product's columns

// Rows of a product that are held in registers beside so many vectors of columns.
constexpr int RowsOf(int vectors) { return vectors > 1 && kLanes > 4 ? kLanes / 2 : kLanes; }

// Where a panel's values lie: `step` floats from one step of the sum to the next, `vector` floats
// from one vector of channels to the next.
struct Panel {
  const float* data;
  int64_t step, vector;
};

// sums[row][column] = the sum over `depth` steps of rows[step][row] * columns[step][column], of as
// many rows as fit beside kVectors vectors of columns.
template <int kVectors>
inline void SumRows(const float* rows, int64_t row_step, const Panel& columns, int64_t depth,
                         float* sums) {
  constexpr int kRows = RowsOf(kVectors);
  Vector total[kRows][kVectors] = {};
  const float* column = columns.data;
  for (int64_t step = 0; step < depth; ++step, rows += row_step, column += columns.step) {
    Vector right[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) right[v] = Load(column + v * columns.vector);
#pragma GCC unroll 16
    for (int row = 0; row < kRows; ++row) {
      Vector left = Broadcast(rows[row]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) total[row][v] += left * right[v];
    }
  }
#pragma GCC unroll 16
  for (int row = 0; row < kRows; ++row)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) Store(sums + (row * kVectors + v) * kLanes, total[row][v]);
}

// The same of all rows of `row_vectors` vectors.
template <int kVectors>
inline void SumPanel(const Panel& rows, int64_t row_vectors, const Panel& columns,
                          int64_t depth, float* sums) {
  constexpr int kRows = RowsOf(kVectors);
  for (int64_t vector = 0; vector < row_vectors; ++vector)
    for (int row = 0; row < kLanes; row += kRows, sums += kRows * kVectors * kLanes)
      SumRows<kVectors>(rows.data + vector * rows.vector + row, rows.step, columns, depth,
                             sums);
}

// sums: [row][column], of `row_vectors` vectors of rows and 1 to kMostVectors of columns.
inline void SumProducts(const Panel& rows, int64_t row_vectors, const Panel& columns,
                     int64_t column_vectors, int64_t depth, float* sums) {
  auto multiply = column_vectors == 1   ? SumPanel<1>
                  : column_vectors == 2 ? SumPanel<2>
                                        : SumPanel<3>;
  multiply(rows, row_vectors, columns, depth, sums);
}

// How many of `left` vectors of columns to multiply next, so that a single one is rare.
inline int64_t NextVectors(int64_t left) {
  return left == 4 ? 2 : Smaller<int64_t>(left, kMostVectors);
}

// The sum over all steps of one vector of a panel.
inline Vector SumSteps(const Panel& panel, int64_t vector, int64_t depth) {
  Vector sum{};
  for (int64_t step = 0; step < depth; ++step)
    sum += Load(panel.data + vector * panel.vector + step * panel.step);
  return sum;
}

}  // namespace BRAINFCN_VARIANT
}  // namespace brainfcn
