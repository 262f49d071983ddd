#ifndef CPRS_KERNELS_H
#define CPRS_KERNELS_H

// Legend, used in every shape comment of this target:
//   T   tokens in a window (prompt included)     D   model width (hidden_size)
//   H   query heads, KV key/value heads          HD  width of one head
//   F   feed-forward width (intermediate_size)   V   vocabulary size
// Matrices are row-major and float32 unless the name says otherwise. Kernels check nothing and cannot fail: the Swift
// wrapper checks shapes before the call. A `stride` is the distance between rows, in elements.

#include <stddef.h>
#include <stdint.h>

#include "cprs_isa.h"

// Cores that this process may run on, at least 1; fewer than the machine's under taskset or a cpuset.
size_t cprs_available_cores(void);

// Names the calling thread for whoever looks, at most 15 bytes; Linux only.
void cprs_name_thread(const char *name);

// Tells the processor that the caller is spinning.
static inline void cprs_spin_hint(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// Root-mean-square normalisation: out[r, c] = x[r, c] / sqrt(mean(x[r, :]^2) + epsilon) * weight[c].
// x, out: [rows, columns], may be the same memory. weight: [columns]. Sums in float32.
// Source: Zhang & Sennrich 2019, arXiv:1910.07467.
void cprs_rms_norm_f32(
    cprs_isa isa, const float *x, size_t x_stride, const float *restrict weight, float *out,
    size_t out_stride, size_t rows, size_t columns, float epsilon);

// Adds one bias per column. x: [rows, columns]. bias: [columns].
void cprs_add_bias_f32(
    cprs_isa isa, float *restrict x, size_t x_stride, const float *restrict bias, size_t rows,
    size_t columns);

// Rotary position embedding on halves, in place: of each head, element i is paired with element i + HD/2 and the pair
// is rotated by the row's angle i. x: [rows, heads * HD]. cosine, sine: [rows, HD/2], rows contiguous.
// Source: Su et al. 2021, arXiv:2104.09864, in the "rotate_half" layout of Qwen2's checkpoints.
void cprs_rope_f32(
    cprs_isa isa, float *restrict x, size_t x_stride, const float *restrict cosine,
    const float *restrict sine, size_t rows, size_t heads, size_t head_width);

// Gated activation: out[r, c] = silu(gate[r, c]) * up[r, c] with silu(g) = g / (1 + exp(-g)).
// All [rows, columns]; out may be the same memory as gate.
// Relative error of the fast variants <= 4e-6 for |gate| <= 80 (the exponent's argument is rounded once).
void cprs_silu_mul_f32(
    cprs_isa isa, const float *gate, size_t gate_stride, const float *restrict up, size_t up_stride,
    float *out, size_t out_stride, size_t rows, size_t columns);

// One block of keys of an online softmax in base 2: scores become weights 2^(score - max), and what was accumulated
// under an older maximum is rescaled.
//   scores:      [rows, columns]; in: attention scores times log2(e); out: weights, 0 where masked
//   visible:     row r sees the first visible + r * visible_step columns, cut to 0...columns; step 1 is a causal
//                diagonal, and visible is negative where the block starts beyond the first rows' positions
//   row_max:     [rows]; -infinity before the first block
//   row_sum:     [rows]; 0 before the first block; the sum of all weights so far
//   accumulated: [rows, width]; the weighted sum of values so far, 0 before the first block
// Relative error of a weight <= 2^-22 for weights >= 2^-126; smaller weights may become 0.
// Source: Milakov & Gimelshein 2018, arXiv:1805.02867; Dao et al. 2022, arXiv:2205.14135.
void cprs_softmax_block_f32(
    cprs_isa isa, float *restrict scores, size_t scores_stride, size_t rows, size_t columns, ptrdiff_t visible,
    size_t visible_step, float *restrict row_max, float *restrict row_sum, float *restrict accumulated,
    size_t accumulated_stride, size_t width);

// out[r, c] = x[r, c] * factors[r * factors_step]; step 0 uses one factor for all rows. May be the same memory.
void cprs_scale_rows_f32(
    cprs_isa isa, const float *x, size_t x_stride, const float *factors, size_t factors_step, float *out,
    size_t out_stride, size_t rows, size_t columns);

// Exact conversion to float32. x: [rows, columns] of bfloat16 / IEEE binary16, any byte alignment.
// A NaN stays a NaN; its payload may change.
void cprs_widen_bf16_f32(
    cprs_isa isa, const void *x, size_t x_stride, float *restrict out, size_t out_stride, size_t rows,
    size_t columns);
void cprs_widen_f16_f32(
    cprs_isa isa, const void *x, size_t x_stride, float *restrict out, size_t out_stride, size_t rows,
    size_t columns);

// Uniform pseudo-random values in [-scale, scale), a function of seed and index alone, so that any split over threads
// gives the same values: out[i] = value(seed, first + i). Source: SplitMix64, doi:10.1145/2660193.2660195.
void cprs_random_f32(float *restrict out, size_t count, uint64_t seed, uint64_t first, float scale);
void cprs_random_bf16(uint16_t *restrict out, size_t count, uint64_t seed, uint64_t first, float scale);

#include "cprs_attention.h"
#include "cprs_gemm.h"
#include "cprs_peak.h"

#endif
