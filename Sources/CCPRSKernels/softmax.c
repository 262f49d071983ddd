#include "softmax.h"

#include <math.h>

#include "gemm_packed.h"
#include "lanes.h"

enum { PANEL = CPRS_PANEL_CHANNELS, TILE = CPRS_TILE_ROWS };

void cprs_softmax_start(cprs_softmax_rows *state) {
    memset(state, 0, sizeof *state);
    for (size_t r = 0; r < TILE; r++) {
        state->reference[r] = -INFINITY;
        state->rescale[r] = 1;
    }
}

void cprs_softmax_raise(cprs_softmax_rows *state, size_t r, float maximum, size_t index, uint16_t *weights) {
    const float nearest = cprs_nearest((cprs_f32x16)maximum)[0];
    const float old = state->reference[r], raised = nearest < maximum ? nearest + 1.0f : nearest;
    state->reference[r] = raised;
    if (old == -INFINITY) return;  // nothing came before
    const float factor = exp2f(old - raised);
    state->rescale[r] *= factor;
    state->rescaled = 1;
    cprs_store_lanes(state->sums[r], cprs_load(state->sums[r]) * factor);
    for (size_t k = 0; k < index * PANEL; k += CPRS_LANES) {
        uint16_t *earlier = weights + r * CPRS_KEY_BLOCK + k;
        cprs_store_bf16(earlier, cprs_load_bf16(earlier) * factor);
    }
}

void cprs_softmax_rescale(cprs_softmax_rows *state, float *sums, size_t panels) {
    if (!state->rescaled) return;
    for (size_t p = 0; p < panels; p++) {
        for (size_t r = 0; r < TILE; r++) {
            float *row = sums + (p * TILE + r) * PANEL;
            for (size_t i = 0; i < PANEL; i++) row[i] *= state->rescale[r];
        }
    }
    for (size_t r = 0; r < TILE; r++) state->rescale[r] = 1;
    state->rescaled = 0;
}

float cprs_softmax_total(const cprs_softmax_rows *state, size_t r) { return cprs_sum_lanes(cprs_load(state->sums[r])); }

// ---- Any instruction set ------------------------------------------------------------------------------------------

// Scores [TILE][PANEL] become weights.
CPRS_INLINE void weigh_scores(
    const float *scores, const size_t visible[TILE], size_t index, uint16_t *weights, cprs_softmax_rows *state) {
    for (size_t r = 0; r < TILE; r++) {
        cprs_f32x16 score[4], maximum = -INFINITY;
        for (size_t j = 0; j < 4; j++) {
            score[j] = cprs_load(scores + r * PANEL + 16 * j);
            if (visible[r] < PANEL) {
                const cprs_i32x16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
                score[j] = lane + 16 * (int)j < (int)visible[r] ? score[j] : (cprs_f32x16)-INFINITY;
            }
            maximum = cprs_max(score[j], maximum);
        }
        const float highest = cprs_max_lanes(maximum);
        if (highest > state->reference[r] + CPRS_SOFTMAX_SLACK) cprs_softmax_raise(state, r, highest, index, weights);
        cprs_f32x16 sum = cprs_load(state->sums[r]);
        for (size_t j = 0; j < 4; j++) {
            const cprs_f32x16 weight = cprs_exp2(score[j] - state->reference[r]);
            const cprs_u16x16 rounded = cprs_round_lanes(weight);
            memcpy(weights + r * CPRS_KEY_BLOCK + index * PANEL + 16 * j, &rounded, sizeof rounded);
            sum += cprs_widen(rounded);
        }
        cprs_store_lanes(state->sums[r], sum);
    }
}

#define WEIGH_KEYS(suffix)                                                                                            \
    cprs_weigh_keys_##suffix(                                                                                         \
        const uint16_t *queries, size_t query_width, const uint16_t *keys, const size_t visible[TILE], size_t index,  \
        uint16_t *weights, cprs_softmax_rows *state) {                                                                \
        _Alignas(64) float scores[TILE * PANEL];                                                                      \
        cprs_tile_bf16_##suffix(TILE, queries, query_width, keys, query_width / 2, scores, 1);                        \
        weigh_scores(scores, visible, index, weights, state);                                                         \
    }

void WEIGH_KEYS(portable)

#ifdef CPRS_CPU_ARM
void WEIGH_KEYS(neon)
void WEIGH_KEYS(i8mm)
#endif

// ---- x86-64 -------------------------------------------------------------------------------------------------------
#ifdef CPRS_CPU_X86
CPRS_ON_AVX2 void WEIGH_KEYS(avx2)

// 2^f on [-0.5, 0.5], minimax: largest relative error 2.6e-6 (2^-18.5), a hundredth of what rounding to bf16 adds.
#define EXP2_C0 0.9999992847442627f
#define EXP2_C1 0.6931217908859253f
#define EXP2_C2 0.240247443318367f
#define EXP2_C3 0.05591785907745361f
#define EXP2_C4 0.009570102207362652f

CPRS_ON_BF16 CPRS_INLINE __m512 exp2_avx512(__m512 x) {
    const __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m512 f = _mm512_sub_ps(x, whole);
    __m512 p = _mm512_set1_ps(EXP2_C4);
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(EXP2_C3));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(EXP2_C2));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(EXP2_C1));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(EXP2_C0));
    return _mm512_scalef_ps(p, whole);
}

// Raises the references of the rows whose bit is set in `rows`; maxima: [TILE][16].
CPRS_ON_BF16 __attribute__((noinline, cold)) static void raise_rows(
    const float *maxima, unsigned rows, size_t index, uint16_t *weights, cprs_softmax_rows *state) {
    for (size_t r = 0; r < TILE; r++) {
        const float maximum = _mm512_reduce_max_ps(_mm512_load_ps(maxima + 16 * r));
        if (rows >> r & 1u) cprs_softmax_raise(state, r, maximum, index, weights);
    }
}

// The product with the keys, the maximum and the weights in one pass: scores never leave the registers. `vectors` is a
// constant: how many times 16 keys of the panel any row sees.
CPRS_ON_BF16 CPRS_INLINE void weigh_vectors(
    const size_t vectors, const uint16_t *queries, size_t query_width, const uint16_t *keys,
    const size_t visible[TILE], size_t index, uint16_t *weights, cprs_softmax_rows *state) {
    const __m512 zero = _mm512_setzero_ps();
    __m512 score[TILE][4];
    CPRS_UNROLL for (size_t r = 0; r < TILE; r++) {
        CPRS_UNROLL for (size_t j = 0; j < vectors; j++) score[r][j] = zero;
    }
    const uint16_t *q0 = queries, *q3 = queries + 3 * query_width;
    for (size_t i = 0; i < query_width; i += 2) {
        __m512i k[4];
        CPRS_UNROLL for (size_t j = 0; j < vectors; j++) {
            k[j] = _mm512_load_si512(keys + 32 * j);
            _mm_prefetch((const char *)(keys + CPRS_PREFETCH_STEPS * 2 * PANEL + 32 * j), _MM_HINT_T0);
        }
        CPRS_UNROLL for (size_t r = 0; r < TILE; r++) {
            const uint16_t *row = r < 3 ? q0 + r * query_width : q3 + (r - 3) * query_width;
            const __m512bh pair = (__m512bh)_mm512_set1_epi32(cprs_load_word(row));
            CPRS_UNROLL for (size_t j = 0; j < vectors; j++) {
                score[r][j] = _mm512_dpbf16_ps(score[r][j], pair, (__m512bh)k[j]);
            }
        }
        q0 += 2;
        q3 += 2;
        keys += 2 * PANEL;
    }
    _Alignas(64) float maxima[TILE * 16];
    unsigned raised = 0;
    const __m512 hidden = _mm512_set1_ps(-1e30f);
    CPRS_UNROLL for (size_t r = 0; r < TILE; r++) {
        if (__builtin_expect(visible[r] < PANEL, 0)) {
            const uint64_t lanes = ((uint64_t)1 << visible[r]) - 1;
            CPRS_UNROLL for (size_t j = 0; j < vectors; j++) {
                score[r][j] = _mm512_mask_mov_ps(hidden, (__mmask16)(lanes >> 16 * j), score[r][j]);
            }
        }
        __m512 maximum = score[r][0];
        CPRS_UNROLL for (size_t j = 1; j < vectors; j++) maximum = _mm512_max_ps(maximum, score[r][j]);
        _mm512_store_ps(maxima + 16 * r, maximum);
        const __m512 limit = _mm512_set1_ps(state->reference[r] + CPRS_SOFTMAX_SLACK);
        raised |= (unsigned)(_mm512_cmp_ps_mask(maximum, limit, _CMP_GT_OQ) != 0) << r;
    }
    const __m512bh ones = (__m512bh)_mm512_set1_epi16(0x3F80);  // 1 in bf16
    if (__builtin_expect(raised != 0, 0)) raise_rows(maxima, raised, index, weights, state);
    CPRS_UNROLL for (size_t r = 0; r < TILE; r++) {
        const __m512 reference = _mm512_set1_ps(state->reference[r]);
        uint16_t *row = weights + r * CPRS_KEY_BLOCK + index * PANEL;
        __m512 sum = _mm512_load_ps(state->sums[r]);
        CPRS_UNROLL for (size_t j = 0; j < vectors; j += 2) {
            const __m512 low = exp2_avx512(_mm512_sub_ps(score[r][j], reference));
            const __m512 high = j + 1 < vectors ? exp2_avx512(_mm512_sub_ps(score[r][j + 1], reference)) : zero;
            const __m512bh rounded = _mm512_cvtne2ps_pbh(high, low);
            sum = _mm512_dpbf16_ps(sum, rounded, ones);
            _mm512_store_si512(row + 16 * j, (__m512i)rounded);
        }
        _mm512_store_ps(state->sums[r], sum);
    }
}

CPRS_ON_BF16 void cprs_weigh_keys_avx512(
    const uint16_t *queries, size_t query_width, const uint16_t *keys, const size_t visible[TILE], size_t index,
    uint16_t *weights, cprs_softmax_rows *state) {
    switch ((visible[TILE - 1] + 15) / 16) {
    case 4: weigh_vectors(4, queries, query_width, keys, visible, index, weights, state); break;
    case 3: weigh_vectors(3, queries, query_width, keys, visible, index, weights, state); break;
    case 2: weigh_vectors(2, queries, query_width, keys, visible, index, weights, state); break;
    case 1: weigh_vectors(1, queries, query_width, keys, visible, index, weights, state); break;
    default: break;
    }
}
#endif
