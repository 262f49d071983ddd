#include <string.h>

#include "simd.h"

// Plain integer arithmetic, so that no platform needs a half-precision type.
static float widen_f16_value(uint16_t half) {
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    const uint32_t exponent = (half >> 10) & 0x1F, mantissa = half & 0x3FF;
    uint32_t bits;
    float value;
    if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24, exact in float32
        value = (float)mantissa * 0x1p-24f;
        memcpy(&bits, &value, sizeof bits);
        bits |= sign;
    } else if (exponent == 0x1F) {  // infinity or NaN
        bits = sign | 0x7F800000 | mantissa << 13;
    } else {
        bits = sign | (exponent + 112) << 23 | mantissa << 13;
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void widen_f16_row_reference(const unsigned char *x, float *restrict out, size_t columns) {
    for (size_t c = 0; c < columns; c++) {
        uint16_t half;
        memcpy(&half, x + 2 * c, sizeof half);
        out[c] = widen_f16_value(half);
    }
}

#ifdef CPRS_X86
CPRS_TARGET_AVX2 static void widen_f16_row_avx2(const unsigned char *x, float *restrict out, size_t columns) {
    size_t c = 0;
    for (; c + 8 <= columns; c += 8) {
        _mm256_storeu_ps(out + c, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(x + 2 * c))));
    }
    widen_f16_row_reference(x + 2 * c, out + c, columns - c);
}

CPRS_TARGET_AVX512 static void widen_f16_row_avx512(const unsigned char *x, float *restrict out, size_t columns) {
    for (size_t c = 0; c < columns; c += 16) {
        const __mmask16 lanes = cprs_first_lanes(columns - c);
        _mm512_mask_storeu_ps(out + c, lanes, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lanes, x + 2 * c)));
    }
}
#endif

void cprs_widen_f16_f32(
    cprs_isa isa, const void *x, size_t x_stride, float *restrict out, size_t out_stride, size_t rows,
    size_t columns) {
    isa = cprs_runnable_isa(isa);
    for (size_t r = 0; r < rows; r++) {
        const unsigned char *row = (const unsigned char *)x + 2 * r * x_stride;
        CPRS_DISPATCH(isa, widen_f16_row, row, out + r * out_stride, columns);
    }
}
