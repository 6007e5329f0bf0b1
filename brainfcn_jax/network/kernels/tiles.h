// AMX tiles of bfloat16: configuration, and the packings a product of two tiles needs.
//
// A product C(16x16, float32) += A(16x32, bf16) B(32x16, bf16) reads A by rows, and B as 16 rows of
// 16 pairs: pair (2i, 2i + 1) of B's rows side by side for each column.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace brainfcn {

using bf16 = uint16_t;
constexpr int kRows = 16;                  // rows of a tile, columns of C
constexpr int kDepth = 32;                 // bf16 in a row of A
constexpr int kTile = kRows * kDepth;      // bf16 in a tile: 1 KiB

struct TileSession {
  TileSession() {
    struct alignas(64) {
      uint8_t palette = 1, start_row = 0, reserved[14] = {};
      uint16_t row_bytes[16] = {};
      uint8_t rows[16] = {};
    } config;
    for (int tile = 0; tile < 8; ++tile) {
      config.row_bytes[tile] = 64;
      config.rows[tile] = kRows;
    }
    _tile_loadconfig(&config);
  }
  ~TileSession() { _tile_release(); }
};

inline __mmask16 FirstLanes(int64_t lanes) {
  return static_cast<__mmask16>(lanes >= 16 ? 0xffff : lanes <= 0 ? 0 : (1u << lanes) - 1);
}

inline __m256i ToBf16(__m512 x) { return (__m256i)_mm512_cvtneps_pbh(x); }
inline __m512 ToFloat(__m256i x) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}
// Lane i becomes the pair (even[i], odd[i]).
inline __m512i Pairs(__m256i even, __m256i odd) {
  return _mm512_or_si512(_mm512_cvtepu16_epi32(even),
                         _mm512_slli_epi32(_mm512_cvtepu16_epi32(odd), 16));
}

// Transposes a 16x16 matrix of 32-bit lanes.
inline void Transpose16(__m512i r[16]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int k = 0; k < 4; ++k) {
    __m512i ab02 = _mm512_shuffle_i32x4(r[k], r[4 + k], 0x88);
    __m512i cd02 = _mm512_shuffle_i32x4(r[8 + k], r[12 + k], 0x88);
    __m512i ab13 = _mm512_shuffle_i32x4(r[k], r[4 + k], 0xdd);
    __m512i cd13 = _mm512_shuffle_i32x4(r[8 + k], r[12 + k], 0xdd);
    t[k] = _mm512_shuffle_i32x4(ab02, cd02, 0x88);
    t[8 + k] = _mm512_shuffle_i32x4(ab02, cd02, 0xdd);
    t[4 + k] = _mm512_shuffle_i32x4(ab13, cd13, 0x88);
    t[12 + k] = _mm512_shuffle_i32x4(ab13, cd13, 0xdd);
  }
  for (int i = 0; i < 16; ++i) r[i] = t[i];
}

}  // namespace brainfcn
