#include <math.h>

#include "gemm_packed.h"
#include "lanes.h"

// One source per op: sixteen lanes at a time, the last ones padded with zeros, compiled for each target. The portable
// build is the reference, and the others equal it bit for bit.

enum { STEP = CPRS_LANES };

_Static_assert((int)CPRS_PACKED_INPUT_STEP == (int)CPRS_LANES, "a padded row is whole vectors");

// Lanes k... of a row of `columns`, zero beyond its end.
CPRS_INLINE cprs_f32x16 row_lanes(const float *x, size_t k, size_t columns) {
    return k + STEP <= columns ? cprs_load(x + k) : cprs_load_first(x + k, columns - k);
}

CPRS_INLINE cprs_f32x16 row_lanes_bf16(const uint16_t *x, size_t k, size_t columns) {
    return k + STEP <= columns ? cprs_load_bf16(x + k) : cprs_load_first_bf16(x + k, columns - k);
}

// 1 / sqrt(mean(x^2) + epsilon)
CPRS_INLINE float inverse_norm(const float *x, float epsilon, size_t columns) {
    cprs_f32x16 even = 0.0f, odd = 0.0f;
    for (size_t k = 0; k < columns; k += 2 * STEP) {
        const cprs_f32x16 a = row_lanes(x, k, columns);
        even += a * a;
        if (k + STEP >= columns) break;
        const cprs_f32x16 b = row_lanes(x, k + STEP, columns);
        odd += b * b;
    }
    return 1.0f / sqrtf(cprs_sum_lanes(even + odd) / (float)columns + epsilon);
}

// A scale from the largest magnitude of each lane of a group, and its inverse, 0 for a group of zeros.
typedef struct group_scale {
    float scale, inverse;
} group_scale;

CPRS_INLINE group_scale scale_of(cprs_f32x16 largest) {
    const float most = cprs_max_lanes(largest);
    return (group_scale){most / 127.0f, most > 0 ? 127.0f / most : 0};
}

CPRS_INLINE cprs_f32x16 magnitude(cprs_f32x16 x) {
    return (cprs_f32x16)((cprs_u32x16)x & 0x7FFFFFFFu);
}

CPRS_INLINE void store_int8(uint8_t *out, cprs_f32x16 x, float inverse) {
    const cprs_f32x16 value = cprs_nearest(cprs_max(cprs_min(x * inverse, 127.0f), -127.0f));
    const cprs_i32x16 whole = __builtin_convertvector(value, cprs_i32x16) + 128;
    const cprs_u8x16 bytes = __builtin_convertvector(whole, cprs_u8x16);
    memcpy(out, &bytes, sizeof bytes);
}

CPRS_INLINE size_t group_end(size_t begin, size_t group, size_t columns) {
    return group == 0 || begin + group > columns ? columns : begin + group;
}

// ---- Rows ---------------------------------------------------------------------------------------------------------

CPRS_INLINE void cprs_round_row_body(const float *x, size_t columns, uint16_t *out) {
    for (size_t k = 0; k < columns; k += STEP) cprs_store_bf16(out + k, row_lanes(x, k, columns));
}

CPRS_INLINE void cprs_quantize_f32_row_body(
    const float *x, size_t columns, size_t group, uint8_t *out, float *scales) {
    for (size_t begin = 0, end; begin < columns; begin = end) {
        end = group_end(begin, group, columns);
        cprs_f32x16 largest = 0.0f;
        for (size_t k = begin; k < end; k += STEP) largest = cprs_max(magnitude(row_lanes(x, k, end)), largest);
        const group_scale scale = scale_of(largest);
        *scales++ = scale.scale;
        for (size_t k = begin; k < end; k += STEP) store_int8(out + k, row_lanes(x, k, end), scale.inverse);
    }
}

CPRS_INLINE void cprs_quantize_bf16_row_body(
    const uint16_t *x, size_t columns, size_t group, uint8_t *out, float *scales) {
    for (size_t begin = 0, end; begin < columns; begin = end) {
        end = group_end(begin, group, columns);
        cprs_f32x16 largest = 0.0f;
        for (size_t k = begin; k < end; k += STEP) largest = cprs_max(magnitude(row_lanes_bf16(x, k, end)), largest);
        const group_scale scale = scale_of(largest);
        *scales++ = scale.scale;
        for (size_t k = begin; k < end; k += STEP) store_int8(out + k, row_lanes_bf16(x, k, end), scale.inverse);
    }
}

CPRS_INLINE void cprs_norm_bf16_row_body(
    const float *x, const float *weight, float epsilon, size_t columns, uint16_t *out) {
    const float inverse = inverse_norm(x, epsilon, columns);
    for (size_t k = 0; k < columns; k += STEP) {
        cprs_store_bf16(out + k, row_lanes(x, k, columns) * inverse * row_lanes(weight, k, columns));
    }
}

CPRS_INLINE void cprs_norm_int8_row_body(
    const float *x, const float *weight, float epsilon, size_t columns, size_t group, uint8_t *out, float *scales) {
    const float inverse = inverse_norm(x, epsilon, columns);
    for (size_t begin = 0, end; begin < columns; begin = end) {
        end = group_end(begin, group, columns);
        cprs_f32x16 largest = 0.0f;
        for (size_t k = begin; k < end; k += STEP) {
            largest = cprs_max(magnitude(row_lanes(x, k, end) * inverse * row_lanes(weight, k, end)), largest);
        }
        const group_scale scale = scale_of(largest);
        *scales++ = scale.scale;
        for (size_t k = begin; k < end; k += STEP) {
            store_int8(out + k, row_lanes(x, k, end) * inverse * row_lanes(weight, k, end), scale.inverse);
        }
    }
}

CPRS_INLINE void cprs_rope_row_body(
    const float *x, const float *cosine, const float *sine, size_t half, float scale, uint16_t *out) {
    for (size_t i = 0; i < half; i += STEP) {
        const size_t count = half - i < STEP ? half - i : STEP;
        const cprs_f32x16 a = row_lanes(x, i, half), b = row_lanes(x + half, i, half);
        const cprs_f32x16 c = row_lanes(cosine, i, half), s = row_lanes(sine, i, half);
        const cprs_u16x16 low = cprs_round_lanes((a * c - b * s) * scale);
        const cprs_u16x16 high = cprs_round_lanes((b * c + a * s) * scale);
        memcpy(out + i, &low, count * sizeof *out);
        memcpy(out + half + i, &high, count * sizeof *out);
    }
}

CPRS_INLINE void cprs_scale_row_body(const float *x, float scale, size_t columns, uint16_t *out) {
    for (size_t k = 0; k < columns; k += STEP) {
        const cprs_u16x16 bits = cprs_round_lanes(row_lanes(x, k, columns) * scale);
        memcpy(out + k, &bits, (columns - k < STEP ? columns - k : STEP) * sizeof *out);
    }
}

CPRS_FOR_EACH_TARGET(
    cprs_scale_row, (const float *x, float scale, size_t columns, uint16_t *out), (x, scale, columns, out))
CPRS_FOR_EACH_TARGET(cprs_round_row, (const float *x, size_t columns, uint16_t *out), (x, columns, out))
CPRS_FOR_EACH_TARGET(
    cprs_quantize_f32_row, (const float *x, size_t columns, size_t group, uint8_t *out, float *scales),
    (x, columns, group, out, scales))
CPRS_FOR_EACH_TARGET(
    cprs_quantize_bf16_row, (const uint16_t *x, size_t columns, size_t group, uint8_t *out, float *scales),
    (x, columns, group, out, scales))
CPRS_FOR_EACH_TARGET(
    cprs_norm_bf16_row, (const float *x, const float *weight, float epsilon, size_t columns, uint16_t *out),
    (x, weight, epsilon, columns, out))
CPRS_FOR_EACH_TARGET(
    cprs_norm_int8_row,
    (const float *x, const float *weight, float epsilon, size_t columns, size_t group, uint8_t *out, float *scales),
    (x, weight, epsilon, columns, group, out, scales))
CPRS_FOR_EACH_TARGET(
    cprs_rope_row,
    (const float *x, const float *cosine, const float *sine, size_t half, float scale, uint16_t *out),
    (x, cosine, sine, half, scale, out))

// ---- Blocks of rows -----------------------------------------------------------------------------------------------

void cprs_round_bf16(
    cprs_isa isa, const float *x, size_t x_stride, size_t rows, size_t columns, uint16_t *out, size_t out_stride) {
    const cprs_kernels *kernels = cprs_kernels_for(isa);
    for (size_t r = 0; r < rows; r++) kernels->round_row(x + r * x_stride, columns, out + r * out_stride);
}

static size_t groups_of(size_t columns, size_t group) {
    return cprs_packed_groups((cprs_packed_shape){.inputs = columns, .group = group});
}

void cprs_quantize_f32(
    cprs_isa isa, const float *x, size_t x_stride, size_t rows, size_t columns, size_t group, uint8_t *out,
    size_t out_stride, float *scales) {
    const cprs_kernels *kernels = cprs_kernels_for(isa);
    const size_t groups = groups_of(columns, group);
    for (size_t r = 0; r < rows; r++) {
        kernels->quantize_f32_row(x + r * x_stride, columns, group, out + r * out_stride, scales + r * groups);
    }
}

void cprs_quantize_bf16(
    cprs_isa isa, const uint16_t *x, size_t x_stride, size_t rows, size_t columns, size_t group, uint8_t *out,
    size_t out_stride, float *scales) {
    const cprs_kernels *kernels = cprs_kernels_for(isa);
    const size_t groups = groups_of(columns, group);
    for (size_t r = 0; r < rows; r++) {
        kernels->quantize_bf16_row(x + r * x_stride, columns, group, out + r * out_stride, scales + r * groups);
    }
}

void cprs_rms_norm_bf16(
    cprs_isa isa, const float *x, size_t x_stride, const float *weight, float epsilon, size_t rows, size_t columns,
    uint16_t *out, size_t out_stride) {
    const cprs_kernels *kernels = cprs_kernels_for(isa);
    for (size_t r = 0; r < rows; r++) {
        kernels->norm_bf16_row(x + r * x_stride, weight, epsilon, columns, out + r * out_stride);
    }
}

void cprs_rms_norm_int8(
    cprs_isa isa, const float *x, size_t x_stride, const float *weight, float epsilon, size_t rows, size_t columns,
    size_t group, uint8_t *out, size_t out_stride, float *scales) {
    const cprs_kernels *kernels = cprs_kernels_for(isa);
    const size_t groups = groups_of(columns, group);
    for (size_t r = 0; r < rows; r++) {
        kernels->norm_int8_row(
            x + r * x_stride, weight, epsilon, columns, group, out + r * out_stride, scales + r * groups);
    }
}
