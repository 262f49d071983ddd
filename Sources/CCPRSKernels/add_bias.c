#include "simd.h"

static void add_bias_row_reference(float *restrict x, const float *restrict bias, size_t columns) {
    for (size_t c = 0; c < columns; c++) x[c] += bias[c];
}

#ifdef CPRS_X86
CPRS_TARGET_AVX2 static void add_bias_row_avx2(float *restrict x, const float *restrict bias, size_t columns) {
    size_t c = 0;
    for (; c + 8 <= columns; c += 8) {
        _mm256_storeu_ps(x + c, _mm256_add_ps(_mm256_loadu_ps(x + c), _mm256_loadu_ps(bias + c)));
    }
    for (; c < columns; c++) x[c] += bias[c];
}

CPRS_TARGET_AVX512 static void add_bias_row_avx512(float *restrict x, const float *restrict bias, size_t columns) {
    for (size_t c = 0; c < columns; c += 16) {
        const __mmask16 lanes = cprs_first_lanes(columns - c);
        const __m512 sum = _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, x + c), _mm512_maskz_loadu_ps(lanes, bias + c));
        _mm512_mask_storeu_ps(x + c, lanes, sum);
    }
}
#endif

void cprs_add_bias_f32(
    cprs_isa isa, float *restrict x, size_t x_stride, const float *restrict bias, size_t rows,
    size_t columns) {
    isa = cprs_runnable_isa(isa);
    for (size_t r = 0; r < rows; r++) CPRS_DISPATCH(isa, add_bias_row, x + r * x_stride, bias, columns);
}
