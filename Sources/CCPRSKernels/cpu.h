// Per-function targets, and the table of kernels of each instruction set. Not part of the public headers.
#ifndef CPRS_CPU_H
#define CPRS_CPU_H

#include "cprs_attention.h"
#include "cprs_gemm.h"

#if defined(__x86_64__)
#define CPRS_CPU_X86 1
#include <immintrin.h>
#define CPRS_ON_AVX2 __attribute__((target("avx2,fma")))
#define CPRS_ON_VNNI __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")))
#define CPRS_ON_BF16 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,avx2,fma")))
#elif defined(__aarch64__)
#define CPRS_CPU_ARM 1
#include <arm_neon.h>
#define CPRS_ON_DOTPROD __attribute__((target("dotprod")))
#define CPRS_ON_I8MM __attribute__((target("dotprod,i8mm,bf16")))
#endif

#define CPRS_INLINE static inline __attribute__((always_inline))
#define CPRS_UNROLL _Pragma("clang loop unroll(full)")

enum {
    CPRS_TILE_ROWS = 6,  // rows of x in one register tile; 6 x 64 leaves AVX-512 eight registers for operands
};

// One panel's scales and offsets, [groups][64] each.
typedef struct cprs_panel_scales {
    const float *scales;
    const int32_t *offsets;
} cprs_panel_scales;

// sums: [rows][64] float32, rows <= CPRS_TILE_ROWS. Adds `steps` pairs of inputs of x [rows, 2 * steps] and of a panel
// [steps][64][2] to sums, or to zero if `fresh`.
typedef void cprs_tile_bf16(
    size_t rows, const uint16_t *x, size_t x_stride, const uint16_t *panel, size_t steps, float *sums, int fresh);

// sums: [rows][64] int32. The same for quadruples, x - 128 times the panel [steps][64][4]; `offsets` [64] are -128
// times the sum of each whole column, used or not by the instruction set, on the call that is `fresh`.
typedef void cprs_tile_int8(
    size_t rows, const uint8_t *x, size_t x_stride, const int8_t *panel, size_t steps, const int32_t *offsets,
    int32_t *sums, int fresh);

// Writes what is in a tile to the output's columns: the first `valid` of 64, or of 32 if the output is gated.
// `scales` [64] and x_scales [rows], x_scales_stride apart, turn int32 sums into float32; both NULL if the sums are
// float32 already. `output.data` and `output.bias` point at the tile's first row and column.
typedef void cprs_finish_tile(
    size_t rows, const void *sums, const float *scales, const float *x_scales, size_t x_scales_stride, size_t valid,
    cprs_output output);

// Adds int32 sums of one group, times their scales, to float32 totals [rows][64], or to zero if `fresh`.
typedef void cprs_add_group(
    size_t rows, const int32_t *sums, const float *scales, const float *x_scales, size_t x_scales_stride,
    float *totals, int fresh);

// One row of activations in each of the conversions of cprs_gemm.h. scale: [groups].
typedef void cprs_round_row(const float *x, size_t columns, uint16_t *out);
typedef void cprs_quantize_f32_row(const float *x, size_t columns, size_t group, uint8_t *out, float *scales);
typedef void cprs_quantize_bf16_row(const uint16_t *x, size_t columns, size_t group, uint8_t *out, float *scales);
typedef void cprs_norm_bf16_row(const float *x, const float *weight, float epsilon, size_t columns, uint16_t *out);
typedef void cprs_norm_int8_row(
    const float *x, const float *weight, float epsilon, size_t columns, size_t group, uint8_t *out, float *scales);

// Rotates one head of one token, x [2 * half] with cosine and sine [half], scales it and rounds it to bf16.
typedef void cprs_rope_row(
    const float *x, const float *cosine, const float *sine, size_t half, float scale, uint16_t *out);

// out = bf16 of x * scale, [columns].
typedef void cprs_scale_row(const float *x, float scale, size_t columns, uint16_t *out);

// The sum of x[i] * w[i] over [columns].
typedef float cprs_dot(const float *x, const float *w, size_t columns);

// One tile of queries against panel `index` of a block of keys: the weights of the keys that any row sees (those of the
// last row), zero where a row does not; see softmax.h. Weights beyond may be left unset.
typedef struct cprs_softmax_rows cprs_softmax_rows;
typedef void cprs_weigh_keys(
    const uint16_t *queries, size_t query_width, const uint16_t *keys, const size_t visible[CPRS_TILE_ROWS],
    size_t index, uint16_t *weights, cprs_softmax_rows *state);

typedef struct cprs_kernels {
    cprs_tile_bf16 *tile_bf16;
    cprs_tile_int8 *tile_int8;
    cprs_finish_tile *finish_tile;
    cprs_add_group *add_group;
    cprs_round_row *round_row;
    cprs_quantize_f32_row *quantize_f32_row;
    cprs_quantize_bf16_row *quantize_bf16_row;
    cprs_norm_bf16_row *norm_bf16_row;
    cprs_norm_int8_row *norm_int8_row;
    cprs_rope_row *rope_row;
    cprs_scale_row *scale_row;
    cprs_dot *dot;
    cprs_weigh_keys *weigh_keys;
} cprs_kernels;

// The kernels of an instruction set, the portable ones if this build or this processor lacks it.
const cprs_kernels *cprs_kernels_for(cprs_isa isa);

// Defines `name`_portable and, on x86-64, `name`_avx2 and `name`_avx512 from the one inline function
// `name`_body, which the compiler vectorises for each target.
#ifdef CPRS_CPU_X86
#define CPRS_FOR_EACH_TARGET(name, parameters, arguments)                        \
    void name##_portable parameters { name##_body arguments; }                   \
    CPRS_ON_AVX2 void name##_avx2 parameters { name##_body arguments; }          \
    CPRS_ON_VNNI void name##_avx512 parameters { name##_body arguments; }
#else
#define CPRS_FOR_EACH_TARGET(name, parameters, arguments) \
    void name##_portable parameters { name##_body arguments; }
#endif

// Every kernel of the tables, by the suffixes that an op has.
#define CPRS_DECLARE(type, name) type name##_portable, name##_avx2, name##_avx512, name##_neon, name##_i8mm
CPRS_DECLARE(cprs_tile_bf16, cprs_tile_bf16);
CPRS_DECLARE(cprs_tile_int8, cprs_tile_int8);
CPRS_DECLARE(cprs_finish_tile, cprs_finish_tile);
CPRS_DECLARE(cprs_add_group, cprs_add_group);
CPRS_DECLARE(cprs_round_row, cprs_round_row);
CPRS_DECLARE(cprs_quantize_f32_row, cprs_quantize_f32_row);
CPRS_DECLARE(cprs_quantize_bf16_row, cprs_quantize_bf16_row);
CPRS_DECLARE(cprs_norm_bf16_row, cprs_norm_bf16_row);
CPRS_DECLARE(cprs_norm_int8_row, cprs_norm_int8_row);
CPRS_DECLARE(cprs_rope_row, cprs_rope_row);
CPRS_DECLARE(cprs_scale_row, cprs_scale_row);
CPRS_DECLARE(cprs_dot, cprs_dot);
CPRS_DECLARE(cprs_weigh_keys, cprs_weigh_keys);

#endif
