#include <math.h>

#include "simd.h"

static void rms_norm_row_reference(const float *x, const float *weight, float *out, size_t columns, float epsilon) {
    float squares = 0;
    for (size_t c = 0; c < columns; c++) squares += x[c] * x[c];
    const float scale = 1.0f / sqrtf(squares / (float)columns + epsilon);
    for (size_t c = 0; c < columns; c++) out[c] = x[c] * scale * weight[c];
}

#ifdef CPRS_X86
CPRS_TARGET_AVX2 static void rms_norm_row_avx2(
    const float *x, const float *weight, float *out, size_t columns, float epsilon) {
    __m256 sum0 = _mm256_setzero_ps(), sum1 = _mm256_setzero_ps();
    size_t c = 0;
    for (; c + 16 <= columns; c += 16) {
        const __m256 a = _mm256_loadu_ps(x + c), b = _mm256_loadu_ps(x + c + 8);
        sum0 = _mm256_fmadd_ps(a, a, sum0);
        sum1 = _mm256_fmadd_ps(b, b, sum1);
    }
    float squares = cprs_sum_avx2(_mm256_add_ps(sum0, sum1));
    for (; c < columns; c++) squares += x[c] * x[c];
    const float scale = 1.0f / sqrtf(squares / (float)columns + epsilon);
    const __m256 scales = _mm256_set1_ps(scale);
    for (c = 0; c + 8 <= columns; c += 8) {
        const __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(x + c), scales);
        _mm256_storeu_ps(out + c, _mm256_mul_ps(scaled, _mm256_loadu_ps(weight + c)));
    }
    for (; c < columns; c++) out[c] = x[c] * scale * weight[c];
}

CPRS_TARGET_AVX512 static void rms_norm_row_avx512(
    const float *x, const float *weight, float *out, size_t columns, float epsilon) {
    __m512 sum0 = _mm512_setzero_ps(), sum1 = _mm512_setzero_ps();
    size_t c = 0;
    for (; c + 32 <= columns; c += 32) {
        const __m512 a = _mm512_loadu_ps(x + c), b = _mm512_loadu_ps(x + c + 16);
        sum0 = _mm512_fmadd_ps(a, a, sum0);
        sum1 = _mm512_fmadd_ps(b, b, sum1);
    }
    for (; c < columns; c += 16) {
        const __m512 a = _mm512_maskz_loadu_ps(cprs_first_lanes(columns - c), x + c);
        sum0 = _mm512_fmadd_ps(a, a, sum0);
    }
    const float squares = _mm512_reduce_add_ps(_mm512_add_ps(sum0, sum1));
    const __m512 scales = _mm512_set1_ps(1.0f / sqrtf(squares / (float)columns + epsilon));
    for (c = 0; c < columns; c += 16) {
        const __mmask16 lanes = cprs_first_lanes(columns - c);
        const __m512 scaled = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, x + c), scales);
        _mm512_mask_storeu_ps(out + c, lanes, _mm512_mul_ps(scaled, _mm512_maskz_loadu_ps(lanes, weight + c)));
    }
}
#endif

void cprs_rms_norm_f32(
    cprs_isa isa, const float *x, size_t x_stride, const float *restrict weight, float *out,
    size_t out_stride, size_t rows, size_t columns, float epsilon) {
    isa = cprs_runnable_isa(isa);
    for (size_t r = 0; r < rows; r++) {
        CPRS_DISPATCH(isa, rms_norm_row, x + r * x_stride, weight, out + r * out_stride, columns, epsilon);
    }
}
