#include <math.h>

#include "simd.h"

static void silu_mul_row_reference(const float *gate, const float *restrict up, float *out, size_t columns) {
    for (size_t c = 0; c < columns; c++) out[c] = gate[c] / (1.0f + expf(-gate[c])) * up[c];
}

#ifdef CPRS_X86
// -log2(e): exp(-g) = 2^(g * this).
#define MINUS_LOG2_E -1.44269504088896341f

CPRS_TARGET_AVX2 static void silu_mul_row_avx2(const float *gate, const float *restrict up, float *out, size_t columns) {
    const __m256 one = _mm256_set1_ps(1.0f), factor = _mm256_set1_ps(MINUS_LOG2_E);
    size_t c = 0;
    for (; c + 8 <= columns; c += 8) {
        const __m256 g = _mm256_loadu_ps(gate + c);
        const __m256 divisor = _mm256_add_ps(one, cprs_exp2_avx2(_mm256_mul_ps(g, factor)));
        _mm256_storeu_ps(out + c, _mm256_mul_ps(_mm256_div_ps(g, divisor), _mm256_loadu_ps(up + c)));
    }
    silu_mul_row_reference(gate + c, up + c, out + c, columns - c);
}

CPRS_TARGET_AVX512 static void silu_mul_row_avx512(
    const float *gate, const float *restrict up, float *out, size_t columns) {
    const __m512 one = _mm512_set1_ps(1.0f), factor = _mm512_set1_ps(MINUS_LOG2_E);
    for (size_t c = 0; c < columns; c += 16) {
        const __mmask16 lanes = cprs_first_lanes(columns - c);
        const __m512 g = _mm512_maskz_loadu_ps(lanes, gate + c);
        const __m512 divisor = _mm512_add_ps(one, cprs_exp2_avx512(_mm512_mul_ps(g, factor)));
        const __m512 value = _mm512_mul_ps(_mm512_div_ps(g, divisor), _mm512_maskz_loadu_ps(lanes, up + c));
        _mm512_mask_storeu_ps(out + c, lanes, value);
    }
}
#endif

void cprs_silu_mul_f32(
    cprs_isa isa, const float *gate, size_t gate_stride, const float *restrict up, size_t up_stride,
    float *out, size_t out_stride, size_t rows, size_t columns) {
    isa = cprs_runnable_isa(isa);
    for (size_t r = 0; r < rows; r++) {
        CPRS_DISPATCH(isa, silu_mul_row, gate + r * gate_stride, up + r * up_stride, out + r * out_stride, columns);
    }
}
