#include "gemm_packed.h"
#include "lanes.h"

enum { PANEL = CPRS_PANEL_CHANNELS, HALF = CPRS_GATED_PANEL_CHANNELS };

// silu(gate) * up = gate * up / (1 + 2^(-gate log2 e)).
CPRS_INLINE cprs_f32x16 swiglu(cprs_f32x16 gate, cprs_f32x16 up) {
    const cprs_f32x16 x = cprs_max(cprs_min(gate * -1.44269504f, 126.0f), -126.0f);
    return gate * up / (1.0f + cprs_exp2(x));
}

// Sixteen float32 values of a tile's row, from column `n` on.
CPRS_INLINE cprs_f32x16 sums_at(const void *sums, const float *scales, float x_scale, size_t n) {
    if (scales == NULL) return cprs_load((const float *)sums + n);
    cprs_i32x16 exact;
    memcpy(&exact, (const int32_t *)sums + n, sizeof exact);
    return __builtin_convertvector(exact, cprs_f32x16) * (cprs_load(scales + n) * x_scale);
}

CPRS_INLINE void finish_gated_row(
    const void *sums, const float *scales, float x_scale, size_t valid, int narrow, void *out) {
    for (size_t n = 0; n < valid; n += CPRS_LANES) {
        const cprs_f32x16 gate = sums_at(sums, scales, x_scale, n), up = sums_at(sums, scales, x_scale, HALF + n);
        const cprs_f32x16 value = swiglu(gate, up);
        const size_t left = valid - n;
        if (left >= CPRS_LANES) {
            if (narrow) cprs_store_bf16((uint16_t *)out + n, value);
            else cprs_store_lanes((float *)out + n, value);
        } else if (narrow) {
            const cprs_u16x16 bits = cprs_round_lanes(value);
            memcpy((uint16_t *)out + n, &bits, left * sizeof(uint16_t));
        } else {
            memcpy((float *)out + n, &value, left * sizeof(float));
        }
    }
}

CPRS_INLINE void finish_row(
    const void *sums, const float *scales, float x_scale, size_t valid, const float *bias, int add, float *out) {
    size_t n = 0;
    for (; n + CPRS_LANES <= valid; n += CPRS_LANES) {
        cprs_f32x16 value = sums_at(sums, scales, x_scale, n);
        if (bias != NULL) value += cprs_load(bias + n);
        if (add) value += cprs_load(out + n);
        cprs_store_lanes(out + n, value);
    }
    if (n == valid) return;
    const size_t left = valid - n;
    cprs_f32x16 value = sums_at(sums, scales, x_scale, n);
    if (bias != NULL) value += cprs_load_first(bias + n, left);
    if (add) value += cprs_load_first(out + n, left);
    memcpy(out + n, &value, left * sizeof(float));
}

CPRS_INLINE void cprs_finish_tile_body(
    size_t rows, const void *sums, const float *scales, const float *x_scales, size_t x_scales_stride, size_t valid,
    cprs_output output) {
    for (size_t r = 0; r < rows; r++) {
        const void *row = (const char *)sums + r * PANEL * sizeof(float);
        const float x_scale = scales == NULL ? 0 : x_scales[r * x_scales_stride];
        const cprs_output out = cprs_output_at(output, r, 0);
        switch (output.store) {
        case CPRS_STORE_F32: finish_row(row, scales, x_scale, valid, out.bias, 0, out.data); break;
        case CPRS_ADD_F32: finish_row(row, scales, x_scale, valid, out.bias, 1, out.data); break;
        case CPRS_SWIGLU_F32: finish_gated_row(row, scales, x_scale, valid, 0, out.data); break;
        case CPRS_SWIGLU_BF16: finish_gated_row(row, scales, x_scale, valid, 1, out.data); break;
        }
    }
}

CPRS_FOR_EACH_TARGET(
    cprs_finish_tile,
    (size_t rows, const void *sums, const float *scales, const float *x_scales, size_t x_scales_stride, size_t valid,
     cprs_output output),
    (rows, sums, scales, x_scales, x_scales_stride, valid, output))

CPRS_INLINE void cprs_add_group_body(
    size_t rows, const int32_t *sums, const float *scales, const float *x_scales, size_t x_scales_stride,
    float *totals, int fresh) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t n = 0; n < PANEL; n += CPRS_LANES) {
            float *total = totals + r * PANEL + n;
            const cprs_f32x16 value = sums_at(sums + r * PANEL, scales, x_scales[r * x_scales_stride], n);
            cprs_store_lanes(total, fresh ? value : cprs_load(total) + value);
        }
    }
}

CPRS_FOR_EACH_TARGET(
    cprs_add_group,
    (size_t rows, const int32_t *sums, const float *scales, const float *x_scales, size_t x_scales_stride,
     float *totals, int fresh),
    (rows, sums, scales, x_scales, x_scales_stride, totals, fresh))
