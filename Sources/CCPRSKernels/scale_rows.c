#include "simd.h"

static void scale_row_reference(const float *x, float factor, float *out, size_t columns) {
    for (size_t c = 0; c < columns; c++) out[c] = x[c] * factor;
}

#ifdef CPRS_X86
CPRS_TARGET_AVX2 static void scale_row_avx2(const float *x, float factor, float *out, size_t columns) {
    size_t c = 0;
    for (; c + 8 <= columns; c += 8) {
        _mm256_storeu_ps(out + c, _mm256_mul_ps(_mm256_loadu_ps(x + c), _mm256_set1_ps(factor)));
    }
    for (; c < columns; c++) out[c] = x[c] * factor;
}

CPRS_TARGET_AVX512 static void scale_row_avx512(const float *x, float factor, float *out, size_t columns) {
    const __m512 factors = _mm512_set1_ps(factor);
    for (size_t c = 0; c < columns; c += 16) {
        const __mmask16 lanes = cprs_first_lanes(columns - c);
        _mm512_mask_storeu_ps(out + c, lanes, _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, x + c), factors));
    }
}
#endif

void cprs_scale_rows_f32(
    cprs_isa isa, const float *x, size_t x_stride, const float *factors, size_t factors_step, float *out,
    size_t out_stride, size_t rows, size_t columns) {
    isa = cprs_runnable_isa(isa);
    for (size_t r = 0; r < rows; r++) {
        CPRS_DISPATCH(isa, scale_row, x + r * x_stride, factors[r * factors_step], out + r * out_stride, columns);
    }
}
