#include <string.h>

#include "simd.h"

// `x` may have any byte alignment: a checkpoint's tensors start where its header ends.
static void widen_bf16_row_reference(const unsigned char *x, float *restrict out, size_t columns) {
    for (size_t c = 0; c < columns; c++) {
        uint16_t half;
        memcpy(&half, x + 2 * c, sizeof half);
        const uint32_t bits = (uint32_t)half << 16;
        memcpy(out + c, &bits, sizeof bits);
    }
}

#ifdef CPRS_X86
CPRS_TARGET_AVX2 static void widen_bf16_row_avx2(const unsigned char *x, float *restrict out, size_t columns) {
    size_t c = 0;
    for (; c + 8 <= columns; c += 8) {
        const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)(x + 2 * c)));
        _mm256_storeu_ps(out + c, _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16)));
    }
    widen_bf16_row_reference(x + 2 * c, out + c, columns - c);
}

CPRS_TARGET_AVX512 static void widen_bf16_row_avx512(const unsigned char *x, float *restrict out, size_t columns) {
    for (size_t c = 0; c < columns; c += 16) {
        const __mmask16 lanes = cprs_first_lanes(columns - c);
        const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, x + 2 * c));
        _mm512_mask_storeu_ps(out + c, lanes, _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16)));
    }
}
#endif

void cprs_widen_bf16_f32(
    cprs_isa isa, const void *x, size_t x_stride, float *restrict out, size_t out_stride, size_t rows,
    size_t columns) {
    isa = cprs_runnable_isa(isa);
    for (size_t r = 0; r < rows; r++) {
        const unsigned char *row = (const unsigned char *)x + 2 * r * x_stride;
        CPRS_DISPATCH(isa, widen_bf16_row, row, out + r * out_stride, columns);
    }
}
