#include <math.h>
#include <string.h>

#include "simd.h"

// One row. `seen` columns are visible and at least 1; `columns - seen` are masked.
static void softmax_row_reference(
    float *restrict scores, size_t columns, size_t seen, float *restrict max, float *restrict sum,
    float *restrict accumulated, size_t width) {
    float top = *max;
    for (size_t c = 0; c < seen; c++) top = scores[c] > top ? scores[c] : top;
    const float rescale = exp2f(*max - top);
    float total = 0;
    for (size_t c = 0; c < seen; c++) {
        scores[c] = exp2f(scores[c] - top);
        total += scores[c];
    }
    memset(scores + seen, 0, (columns - seen) * sizeof *scores);
    for (size_t i = 0; i < width; i++) accumulated[i] *= rescale;
    *sum = *sum * rescale + total;
    *max = top;
}

#ifdef CPRS_X86
CPRS_TARGET_AVX2 static void softmax_row_avx2(
    float *restrict scores, size_t columns, size_t seen, float *restrict max, float *restrict sum,
    float *restrict accumulated, size_t width) {
    __m256 tops = _mm256_set1_ps(*max);
    size_t c = 0;
    for (; c + 8 <= seen; c += 8) tops = _mm256_max_ps(tops, _mm256_loadu_ps(scores + c));
    float top = cprs_max_avx2(tops);
    for (; c < seen; c++) top = scores[c] > top ? scores[c] : top;

    const __m256 all_top = _mm256_set1_ps(top);
    __m256 totals = _mm256_setzero_ps();
    for (c = 0; c + 8 <= seen; c += 8) {
        const __m256 weights = cprs_exp2_avx2(_mm256_sub_ps(_mm256_loadu_ps(scores + c), all_top));
        _mm256_storeu_ps(scores + c, weights);
        totals = _mm256_add_ps(totals, weights);
    }
    float total = cprs_sum_avx2(totals);
    for (; c < seen; c++) {
        scores[c] = exp2f(scores[c] - top);
        total += scores[c];
    }
    memset(scores + seen, 0, (columns - seen) * sizeof *scores);
    if (*max == top) {
        *sum += total;
        return;
    }
    const float rescale = exp2f(*max - top);
    size_t i = 0;
    for (; i + 8 <= width; i += 8) {
        _mm256_storeu_ps(
            accumulated + i, _mm256_mul_ps(_mm256_loadu_ps(accumulated + i), _mm256_set1_ps(rescale)));
    }
    for (; i < width; i++) accumulated[i] *= rescale;
    *sum = *sum * rescale + total;
    *max = top;
}

CPRS_TARGET_AVX512 static void softmax_row_avx512(
    float *restrict scores, size_t columns, size_t seen, float *restrict max, float *restrict sum,
    float *restrict accumulated, size_t width) {
    const __m512 lowest = _mm512_set1_ps(-INFINITY);
    __m512 tops = _mm512_set1_ps(*max);
    for (size_t c = 0; c < seen; c += 16) {
        tops = _mm512_max_ps(tops, _mm512_mask_loadu_ps(lowest, cprs_first_lanes(seen - c), scores + c));
    }
    const float top = _mm512_reduce_max_ps(tops);
    const __m512 all_top = _mm512_set1_ps(top);
    __m512 totals = _mm512_setzero_ps();
    for (size_t c = 0; c < seen; c += 16) {
        const __mmask16 lanes = cprs_first_lanes(seen - c);
        const __m512 shifted = _mm512_sub_ps(_mm512_maskz_loadu_ps(lanes, scores + c), all_top);
        const __m512 weights = _mm512_maskz_mov_ps(lanes, cprs_exp2_avx512(shifted));
        _mm512_mask_storeu_ps(scores + c, lanes, weights);
        totals = _mm512_add_ps(totals, weights);
    }
    const float total = _mm512_reduce_add_ps(totals);
    memset(scores + seen, 0, (columns - seen) * sizeof *scores);
    if (*max == top) {
        *sum += total;
        return;
    }
    const float rescale = exp2f(*max - top);
    const __m512 factor = _mm512_set1_ps(rescale);
    for (size_t i = 0; i < width; i += 16) {
        const __mmask16 lanes = cprs_first_lanes(width - i);
        const __m512 scaled = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, accumulated + i), factor);
        _mm512_mask_storeu_ps(accumulated + i, lanes, scaled);
    }
    *sum = *sum * rescale + total;
    *max = top;
}
#endif

void cprs_softmax_block_f32(
    cprs_isa isa, float *restrict scores, size_t scores_stride, size_t rows, size_t columns, ptrdiff_t visible,
    size_t visible_step, float *restrict row_max, float *restrict row_sum, float *restrict accumulated,
    size_t accumulated_stride, size_t width) {
    isa = cprs_runnable_isa(isa);
    for (size_t r = 0; r < rows; r++) {
        float *row = scores + r * scores_stride;
        const ptrdiff_t limit = visible + (ptrdiff_t)(r * visible_step);
        const size_t seen = limit <= 0 ? 0 : (size_t)limit < columns ? (size_t)limit : columns;
        if (seen == 0) {
            memset(row, 0, columns * sizeof *row);
            continue;
        }
        CPRS_DISPATCH(
            isa, softmax_row, row, columns, seen, row_max + r, row_sum + r, accumulated + r * accumulated_stride,
            width);
    }
}
