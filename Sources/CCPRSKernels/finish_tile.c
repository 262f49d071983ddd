#include "gemm_packed.h"
#include "lanes.h"

// One source, compiled for each target: what happens to a tile of sums on its way to memory.

enum { PANEL = CPRS_PANEL_CHANNELS, HALF = CPRS_GATED_PANEL_CHANNELS };

// A tile's sums [rows][PANEL], float32, or int32 with their scales.
typedef struct tile_sums {
    const void *sums;
    const float *scales;    // [PANEL], or NULL for float32
    const float *x_scales;  // [rows], x_scales_stride apart
    size_t x_scales_stride;
} tile_sums;

// Sixteen columns of row `r` from column `n` on; `scale` holds the columns' scales. `exact` is a constant: int32 sums.
CPRS_INLINE cprs_f32x16 value_at(const tile_sums *tile, size_t r, size_t n, cprs_f32x16 scale, const int exact) {
    if (!exact) return cprs_load((const float *)tile->sums + r * PANEL + n);
    cprs_i32x16 sums;
    memcpy(&sums, (const int32_t *)tile->sums + r * PANEL + n, sizeof sums);
    return __builtin_convertvector(sums, cprs_f32x16) * (scale * tile->x_scales[r * tile->x_scales_stride]);
}

CPRS_INLINE cprs_f32x16 scale_at(const tile_sums *tile, size_t n, const int exact) {
    return exact ? cprs_load(tile->scales + n) : (cprs_f32x16)1.0f;
}

// silu(gate) * up = gate * up / (1 + 2^(-gate log2 e)).
CPRS_INLINE cprs_f32x16 swiglu(cprs_f32x16 gate, cprs_f32x16 up) {
    const cprs_f32x16 x = cprs_max(cprs_min(gate * -1.44269504f, 126.0f), -126.0f);
    return gate * up / (1.0f + cprs_exp2_normal(x));
}

CPRS_INLINE void finish_gated(
    size_t rows, const tile_sums *tile, const int exact, const int narrow, void *data, size_t stride) {
    cprs_f32x16 scale[4];
    CPRS_UNROLL for (size_t j = 0; j < 4; j++) scale[j] = scale_at(tile, 16 * j, exact);
    for (size_t r = 0; r < rows; r++) {
        CPRS_UNROLL for (size_t j = 0; j < 2; j++) {
            const cprs_f32x16 gate = value_at(tile, r, 16 * j, scale[j], exact);
            const cprs_f32x16 up = value_at(tile, r, HALF + 16 * j, scale[2 + j], exact);
            const cprs_f32x16 value = swiglu(gate, up);
            if (narrow) cprs_store_bf16((uint16_t *)data + r * stride + 16 * j, value);
            else cprs_store_lanes((float *)data + r * stride + 16 * j, value);
        }
    }
}

CPRS_INLINE void finish_plain(
    size_t rows, const tile_sums *tile, const int exact, const int add, const float *bias, float *data, size_t stride) {
    cprs_f32x16 scale[4], offset[4];
    CPRS_UNROLL for (size_t j = 0; j < 4; j++) {
        scale[j] = scale_at(tile, 16 * j, exact);
        offset[j] = bias == NULL ? (cprs_f32x16)0.0f : cprs_load(bias + 16 * j);
    }
    for (size_t r = 0; r < rows; r++) {
        CPRS_UNROLL for (size_t j = 0; j < 4; j++) {
            float *out = data + r * stride + 16 * j;
            const cprs_f32x16 value = value_at(tile, r, 16 * j, scale[j], exact) + offset[j];
            cprs_store_lanes(out, add ? cprs_load(out) + value : value);
        }
    }
}

CPRS_INLINE void finish_whole(size_t rows, const tile_sums *tile, const int exact, cprs_output output) {
    switch (output.store) {
    case CPRS_STORE_F32: finish_plain(rows, tile, exact, 0, output.bias, output.data, output.stride); break;
    case CPRS_ADD_F32: finish_plain(rows, tile, exact, 1, output.bias, output.data, output.stride); break;
    case CPRS_SWIGLU_F32: finish_gated(rows, tile, exact, 0, output.data, output.stride); break;
    case CPRS_SWIGLU_BF16: finish_gated(rows, tile, exact, 1, output.data, output.stride); break;
    }
}

// The last panel's tile goes through a whole one on the stack.
CPRS_INLINE void finish_part(size_t rows, const tile_sums *tile, const int exact, size_t valid, cprs_output output) {
    float data[CPRS_TILE_ROWS * PANEL] = {0}, bias[PANEL] = {0};
    const size_t element = output.store == CPRS_SWIGLU_BF16 ? sizeof(uint16_t) : sizeof(float);
    const cprs_output whole = {output.store, data, PANEL, output.bias == NULL ? NULL : bias};
    if (output.bias != NULL) memcpy(bias, output.bias, valid * sizeof *bias);
    for (size_t r = 0; r < rows; r++) {
        const char *old = (const char *)output.data + r * output.stride * element;
        if (output.store == CPRS_ADD_F32) memcpy(data + r * PANEL, old, valid * element);
    }
    finish_whole(rows, tile, exact, whole);
    for (size_t r = 0; r < rows; r++) {
        char *new = (char *)output.data + r * output.stride * element;
        memcpy(new, (const char *)data + r * PANEL * element, valid * element);
    }
}

CPRS_INLINE void finish_tile(
    size_t rows, const void *sums, const float *scales, const float *x_scales, size_t x_scales_stride, size_t valid,
    cprs_output output) {
    const tile_sums tile = {sums, scales, x_scales, x_scales_stride};
    const int gated = output.store == CPRS_SWIGLU_F32 || output.store == CPRS_SWIGLU_BF16;
    const int part = valid < (size_t)(gated ? HALF : PANEL);
    if (scales != NULL) {
        if (part) finish_part(rows, &tile, 1, valid, output);
        else finish_whole(rows, &tile, 1, output);
    } else {
        if (part) finish_part(rows, &tile, 0, valid, output);
        else finish_whole(rows, &tile, 0, output);
    }
}

void cprs_finish_tile_portable(
    size_t rows, const void *sums, const float *scales, const float *x_scales, size_t x_scales_stride, size_t valid,
    cprs_output output) {
    finish_tile(rows, sums, scales, x_scales, x_scales_stride, valid, output);
}

#ifdef CPRS_CPU_X86
CPRS_ON_AVX2 void cprs_finish_tile_avx2(
    size_t rows, const void *sums, const float *scales, const float *x_scales, size_t x_scales_stride, size_t valid,
    cprs_output output) {
    finish_tile(rows, sums, scales, x_scales, x_scales_stride, valid, output);
}

// As swiglu, with a polynomial of degree 4 (relative error 2.6e-6) and a reciprocal refined once.
CPRS_ON_VNNI CPRS_INLINE __m512 swiglu_avx512(__m512 gate, __m512 up) {
    const __m512 x = _mm512_min_ps(_mm512_mul_ps(gate, _mm512_set1_ps(-1.44269504f)), _mm512_set1_ps(126.0f));
    const __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m512 f = _mm512_sub_ps(x, whole);
    __m512 p = _mm512_set1_ps(0.009570100344717503f);
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.05591786280274391f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.24024744331836700f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.69312179088592530f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.99999934434890750f));
    const __m512 below = _mm512_add_ps(_mm512_scalef_ps(p, whole), _mm512_set1_ps(1.0f));
    __m512 inverse = _mm512_rcp14_ps(below);
    inverse = _mm512_mul_ps(inverse, _mm512_fnmadd_ps(inverse, below, _mm512_set1_ps(2.0f)));
    return _mm512_mul_ps(_mm512_mul_ps(gate, up), inverse);
}

CPRS_ON_VNNI CPRS_INLINE __m512 value_avx512(const tile_sums *tile, size_t r, size_t n, const int exact) {
    if (!exact) return _mm512_loadu_ps((const float *)tile->sums + r * PANEL + n);
    const __m512i sums = _mm512_loadu_si512((const int32_t *)tile->sums + r * PANEL + n);
    const __m512 x_scale = _mm512_set1_ps(tile->x_scales[r * tile->x_scales_stride]);
    return _mm512_mul_ps(_mm512_cvtepi32_ps(sums), _mm512_mul_ps(_mm512_loadu_ps(tile->scales + n), x_scale));
}

CPRS_ON_VNNI CPRS_INLINE void finish_gated_avx512(
    size_t rows, const tile_sums *tile, const int exact, uint16_t *data, size_t stride) {
    for (size_t r = 0; r < rows; r++) {
        CPRS_UNROLL for (size_t n = 0; n < HALF; n += 16) {
            const __m512 gate = value_avx512(tile, r, n, exact), up = value_avx512(tile, r, HALF + n, exact);
            // To bf16 by rounding to nearest even: half a unit, less a bit where the last kept bit is 0.
            const __m512i bits = _mm512_castps_si512(swiglu_avx512(gate, up));
            const __m512i last = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
            const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(last, _mm512_set1_epi32(0x7FFF)));
            const __m256i narrow = _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16));
            _mm256_storeu_si256((__m256i *)(data + r * stride + n), narrow);
        }
    }
}

CPRS_ON_VNNI void cprs_finish_tile_avx512(
    size_t rows, const void *sums, const float *scales, const float *x_scales, size_t x_scales_stride, size_t valid,
    cprs_output output) {
    const tile_sums tile = {sums, scales, x_scales, x_scales_stride};
    if (output.store != CPRS_SWIGLU_BF16) {
        finish_tile(rows, sums, scales, x_scales, x_scales_stride, valid, output);
        return;
    }
    uint16_t part[CPRS_TILE_ROWS * HALF];
    uint16_t *data = valid < HALF ? part : output.data;
    const size_t stride = valid < HALF ? (size_t)HALF : output.stride;
    if (scales != NULL) finish_gated_avx512(rows, &tile, 1, data, stride);
    else finish_gated_avx512(rows, &tile, 0, data, stride);
    for (size_t r = 0; r < rows && valid < HALF; r++) {
        memcpy((uint16_t *)output.data + r * output.stride, part + r * HALF, valid * sizeof *part);
    }
}
#endif

CPRS_INLINE void cprs_add_group_body(
    size_t rows, const int32_t *sums, const float *scales, const float *x_scales, size_t x_scales_stride,
    float *totals, int fresh) {
    const tile_sums tile = {sums, scales, x_scales, x_scales_stride};
    for (size_t n = 0; n < PANEL; n += CPRS_LANES) {
        const cprs_f32x16 scale = scale_at(&tile, n, 1);
        for (size_t r = 0; r < rows; r++) {
            const cprs_f32x16 value = value_at(&tile, r, n, scale, 1);
            float *total = totals + r * PANEL + n;
            cprs_store_lanes(total, fresh ? value : cprs_load(total) + value);
        }
    }
}

CPRS_FOR_EACH_TARGET(
    cprs_add_group,
    (size_t rows, const int32_t *sums, const float *scales, const float *x_scales, size_t x_scales_stride,
     float *totals, int fresh),
    (rows, sums, scales, x_scales, x_scales_stride, totals, fresh))
