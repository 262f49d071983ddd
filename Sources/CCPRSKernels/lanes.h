// Sixteen float32 lanes in plain C: one AVX-512 register, two of AVX2, four of NEON or SSE. The ops that are written
// with them do the same operations in the same order on every instruction set, so their results are bit-identical.
#ifndef CPRS_LANES_H
#define CPRS_LANES_H

#include <string.h>

#include "cpu.h"

// Every function here is inlined, so no vector crosses a call boundary.
#pragma clang diagnostic ignored "-Wpsabi"
// A fused multiply-add would round differently where the processor has one.
#pragma STDC FP_CONTRACT OFF

enum { CPRS_LANES = 16 };

typedef float cprs_f32x16 __attribute__((ext_vector_type(16)));
typedef int32_t cprs_i32x16 __attribute__((ext_vector_type(16)));
typedef uint32_t cprs_u32x16 __attribute__((ext_vector_type(16)));
typedef uint16_t cprs_u16x16 __attribute__((ext_vector_type(16)));
typedef uint8_t cprs_u8x16 __attribute__((ext_vector_type(16)));

CPRS_INLINE cprs_f32x16 cprs_load(const float *x) {
    cprs_f32x16 lanes;
    memcpy(&lanes, x, sizeof lanes);
    return lanes;
}

CPRS_INLINE void cprs_store_lanes(float *out, cprs_f32x16 lanes) { memcpy(out, &lanes, sizeof lanes); }

CPRS_INLINE cprs_f32x16 cprs_widen(cprs_u16x16 bits) {
    const cprs_u32x16 wide = __builtin_convertvector(bits, cprs_u32x16) << 16;
    return (cprs_f32x16)wide;
}

CPRS_INLINE cprs_f32x16 cprs_load_bf16(const uint16_t *x) {
    cprs_u16x16 bits;
    memcpy(&bits, x, sizeof bits);
    return cprs_widen(bits);
}

// bf16 by rounding to nearest even; a NaN stays one.
CPRS_INLINE cprs_u16x16 cprs_round_lanes(cprs_f32x16 x) {
    const cprs_u32x16 bits = (cprs_u32x16)x;
    const cprs_u32x16 rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
    const cprs_u32x16 quiet = (bits >> 16) | 0x40u;
    return __builtin_convertvector(x == x ? rounded : quiet, cprs_u16x16);
}

CPRS_INLINE void cprs_store_bf16(uint16_t *out, cprs_f32x16 x) {
    const cprs_u16x16 bits = cprs_round_lanes(x);
    memcpy(out, &bits, sizeof bits);
}

// The larger of each lane; the second where either is NaN.
CPRS_INLINE cprs_f32x16 cprs_max(cprs_f32x16 a, cprs_f32x16 b) { return a > b ? a : b; }
CPRS_INLINE cprs_f32x16 cprs_min(cprs_f32x16 a, cprs_f32x16 b) { return a < b ? a : b; }

// Reductions in a fixed tree.
CPRS_INLINE float cprs_sum_lanes(cprs_f32x16 x) {
    float v[16];
    memcpy(v, &x, sizeof v);
    for (size_t width = 8; width > 0; width /= 2) {
        for (size_t i = 0; i < width; i++) v[i] += v[i + width];
    }
    return v[0];
}

CPRS_INLINE float cprs_max_lanes(cprs_f32x16 x) {
    float v[16];
    memcpy(v, &x, sizeof v);
    for (size_t width = 8; width > 0; width /= 2) {
        for (size_t i = 0; i < width; i++) v[i] = v[i] > v[i + width] ? v[i] : v[i + width];
    }
    return v[0];
}

// Nearest integers of |x| < 2^22, ties to even: adding 1.5 * 2^23 leaves no bits for a fraction.
CPRS_INLINE cprs_f32x16 cprs_nearest(cprs_f32x16 x) { return (x + 12582912.0f) - 12582912.0f; }

// The first `left` (< 16) elements, zero in the other lanes.
CPRS_INLINE cprs_f32x16 cprs_load_first(const float *x, size_t left) {
    float lanes[16] = {0};
    for (size_t i = 0; i < left; i++) lanes[i] = x[i];
    return cprs_load(lanes);
}
CPRS_INLINE cprs_f32x16 cprs_load_first_bf16(const uint16_t *x, size_t left) {
    uint16_t lanes[16] = {0};
    for (size_t i = 0; i < left; i++) lanes[i] = x[i];
    return cprs_load_bf16(lanes);
}

// 2^x for x in [-126, 127]. Minimax polynomial of degree 5 on [-0.5, 0.5]: relative error <= 2^-21, most of it
// rounding.
CPRS_INLINE cprs_f32x16 cprs_exp2_normal(cprs_f32x16 x) {
    const cprs_f32x16 whole = cprs_nearest(x);
    const cprs_f32x16 f = x - whole;
    cprs_f32x16 p = 0.0013276472454890609f;
    p = p * f + 0.009675540961325169f;
    p = p * f + 0.05550713092088699f;
    p = p * f + 0.24022120237350464f;
    p = p * f + 0.6931469440460205f;
    p = p * f + 1.0000001192092896f;
    // `whole` is in [-126, 127], the exponents of normal numbers.
    const cprs_i32x16 exponent = (__builtin_convertvector(whole, cprs_i32x16) + 127) << 23;
    return p * (cprs_f32x16)exponent;
}

// The same; 0 below -126 and for -infinity.
CPRS_INLINE cprs_f32x16 cprs_exp2(cprs_f32x16 x) {
    const cprs_f32x16 power = cprs_exp2_normal(cprs_max(x, -126.0f));
    return x < -126.0f ? 0.0f : power;
}

#endif
