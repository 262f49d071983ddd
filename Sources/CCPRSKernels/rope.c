#include "simd.h"

// One head of one token; `half` is HD/2.
static void rope_head_reference(float *restrict x, const float *restrict cosine, const float *restrict sine, size_t half) {
    for (size_t i = 0; i < half; i++) {
        const float a = x[i], b = x[i + half];
        x[i] = a * cosine[i] - b * sine[i];
        x[i + half] = b * cosine[i] + a * sine[i];
    }
}

#ifdef CPRS_X86
CPRS_TARGET_AVX2 static void rope_head_avx2(
    float *restrict x, const float *restrict cosine, const float *restrict sine, size_t half) {
    size_t i = 0;
    for (; i + 8 <= half; i += 8) {
        const __m256 a = _mm256_loadu_ps(x + i), b = _mm256_loadu_ps(x + i + half);
        const __m256 c = _mm256_loadu_ps(cosine + i), s = _mm256_loadu_ps(sine + i);
        _mm256_storeu_ps(x + i, _mm256_fmsub_ps(a, c, _mm256_mul_ps(b, s)));
        _mm256_storeu_ps(x + i + half, _mm256_fmadd_ps(b, c, _mm256_mul_ps(a, s)));
    }
    for (; i < half; i++) {
        const float a = x[i], b = x[i + half];
        x[i] = a * cosine[i] - b * sine[i];
        x[i + half] = b * cosine[i] + a * sine[i];
    }
}

CPRS_TARGET_AVX512 static void rope_head_avx512(
    float *restrict x, const float *restrict cosine, const float *restrict sine, size_t half) {
    for (size_t i = 0; i < half; i += 16) {
        const __mmask16 lanes = cprs_first_lanes(half - i);
        const __m512 a = _mm512_maskz_loadu_ps(lanes, x + i), b = _mm512_maskz_loadu_ps(lanes, x + i + half);
        const __m512 c = _mm512_maskz_loadu_ps(lanes, cosine + i), s = _mm512_maskz_loadu_ps(lanes, sine + i);
        _mm512_mask_storeu_ps(x + i, lanes, _mm512_fmsub_ps(a, c, _mm512_mul_ps(b, s)));
        _mm512_mask_storeu_ps(x + i + half, lanes, _mm512_fmadd_ps(b, c, _mm512_mul_ps(a, s)));
    }
}
#endif

void cprs_rope_f32(
    cprs_isa isa, float *restrict x, size_t x_stride, const float *restrict cosine,
    const float *restrict sine, size_t rows, size_t heads, size_t head_width) {
    const size_t half = head_width / 2;
    isa = cprs_runnable_isa(isa);
    for (size_t r = 0; r < rows; r++) {
        for (size_t h = 0; h < heads; h++) {
            CPRS_DISPATCH(isa, rope_head, x + r * x_stride + h * head_width, cosine + r * half, sine + r * half, half);
        }
    }
}
