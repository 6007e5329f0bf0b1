// The transforms of Winograd's F(6x6, 3x3) in one dimension, eight vectors at a time: 6 results of a
// filter with 3 taps from 8 products, y = A^T [(G g) (B^T d)], at the points 0, +-1, +-2, +-1/2 and
// infinity. In two dimensions each is applied to the columns and then to the rows.
//
// Source: Lavin and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016, section 4.
#pragma once

#include "vectors.h"

namespace brainfcn {
namespace BRAINFCN_VARIANT {

constexpr int kResults = 6;                 // pixels of a side of a tile of results
constexpr int kPatch = kResults + 2;        // pixels of a side of the patch they come from
constexpr int kPoints = kPatch * kPatch;    // products of a tile
constexpr int kFilter = 3;                  // taps of a side of a kernel

// B^T: 8 pixels, ready for the products.
BRAINFCN_INLINE void TransformPixels(const Vector* d, Vector* v) {
  v[0] = (d[0] - d[6]) + 5.25f * (d[4] - d[2]);
  v[7] = (d[7] - d[1]) + 5.25f * (d[3] - d[5]);
  Vector even = (d[2] + d[6]) - 4.25f * d[4];
  Vector odd = (d[1] + d[5]) - 4.25f * d[3];
  v[1] = even + odd;
  v[2] = even - odd;
  even = (d[6] + 0.25f * d[2]) - 1.25f * d[4];
  odd = (0.5f * d[1] - 2.5f * d[3]) + 2.0f * d[5];
  v[3] = even + odd;
  v[4] = even - odd;
  even = d[6] + 4.0f * (d[2] - 1.25f * d[4]);
  odd = (2.0f * d[1] - 2.5f * d[3]) + 0.5f * d[5];
  v[5] = even + odd;
  v[6] = even - odd;
}

// A^T: 8 products, summed to 6 results.
BRAINFCN_INLINE void TransformProducts(const Vector* m, Vector* y) {
  Vector sum1 = m[1] + m[2], difference1 = m[1] - m[2];
  Vector sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  Vector sum3 = m[5] + m[6], difference3 = m[5] - m[6];
  y[0] = (m[0] + sum1) + (sum2 + 32.0f * sum3);
  y[1] = (difference1 + 2.0f * difference2) + 16.0f * difference3;
  y[2] = (sum1 + 4.0f * sum2) + 8.0f * sum3;
  y[3] = (difference1 + 8.0f * difference2) + 4.0f * difference3;
  y[4] = (sum1 + 16.0f * sum2) + 2.0f * sum3;
  y[5] = (m[7] + difference1) + (32.0f * difference2 + difference3);
}

// G: 3 taps, ready for the products.
BRAINFCN_INLINE void TransformTaps(const Vector* g, Vector* u) {
  Vector even = g[0] + g[2];
  u[0] = g[0];
  u[1] = (-2.0f / 9) * (even + g[1]);
  u[2] = (-2.0f / 9) * (even - g[1]);
  even = (1.0f / 90) * g[0] + (4.0f / 90) * g[2];
  u[3] = even + (2.0f / 90) * g[1];
  u[4] = even - (2.0f / 90) * g[1];
  even = (4.0f / 180) * g[0] + (1.0f / 180) * g[2];
  u[5] = even + (2.0f / 180) * g[1];
  u[6] = even - (2.0f / 180) * g[1];
  u[7] = g[2];
}

// A: the gradient of 6 results, ready for the products with transformed pixels that give the
// gradient of the kernel.
BRAINFCN_INLINE void TransformGradient(const Vector* y, Vector* m) {
  m[0] = y[0];
  m[7] = y[5];
  Vector even = y[0] + y[2] + y[4];
  Vector odd = y[1] + y[3] + y[5];
  m[1] = even + odd;
  m[2] = even - odd;
  even = y[0] + 4.0f * y[2] + 16.0f * y[4];
  odd = 2.0f * y[1] + 8.0f * y[3] + 32.0f * y[5];
  m[3] = even + odd;
  m[4] = even - odd;
  even = 32.0f * y[0] + 8.0f * y[2] + 2.0f * y[4];
  odd = 16.0f * y[1] + 4.0f * y[3] + y[5];
  m[5] = even + odd;
  m[6] = even - odd;
}

// G^T: those products, summed to the gradient of 3 taps.
BRAINFCN_INLINE void TransformSums(const Vector* u, Vector* g) {
  Vector sum1 = (-2.0f / 9) * (u[1] + u[2]), difference1 = (-2.0f / 9) * (u[1] - u[2]);
  Vector sum2 = (1.0f / 90) * (u[3] + u[4]), difference2 = (2.0f / 90) * (u[3] - u[4]);
  Vector sum3 = (1.0f / 180) * (u[5] + u[6]), difference3 = (2.0f / 180) * (u[5] - u[6]);
  g[0] = (u[0] + sum1) + (sum2 + 4.0f * sum3);
  g[1] = difference1 + (difference2 + difference3);
  g[2] = (u[7] + sum1) + (4.0f * sum2 + sum3);
}

}  // namespace BRAINFCN_VARIANT
}  // namespace brainfcn
