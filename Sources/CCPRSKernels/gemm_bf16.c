#include <string.h>

#include "gemm_packed.h"

// ---- Portable reference -------------------------------------------------------------------------------------------

static float widen(uint16_t bits) {
    const uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

void cprs_tile_bf16_portable(
    size_t rows, const uint16_t *x, size_t x_stride, const uint16_t *panel, size_t steps, float *sums, int fresh) {
    for (size_t r = 0; r < rows; r++) {
        float *sum = sums + r * CPRS_PANEL_CHANNELS;
        if (fresh) memset(sum, 0, CPRS_PANEL_CHANNELS * sizeof *sum);
        for (size_t s = 0; s < steps; s++) {
            const float even = widen(x[r * x_stride + 2 * s]), odd = widen(x[r * x_stride + 2 * s + 1]);
            const uint16_t *pairs = panel + s * 2 * CPRS_PANEL_CHANNELS;
            for (size_t n = 0; n < CPRS_PANEL_CHANNELS; n++) {
                sum[n] += even * widen(pairs[2 * n]);
                sum[n] += odd * widen(pairs[2 * n + 1]);
            }
        }
    }
}

// ---- x86-64 -------------------------------------------------------------------------------------------------------
#ifdef CPRS_CPU_X86

// A bf16 in the upper half of a word is a float32: the odd input of each pair once the lower half is cleared, the even
// one once it is shifted up.
CPRS_ON_AVX2 CPRS_INLINE __m256 half_of_pairs(__m256i pairs, const int odd) {
    if (odd) return _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32((int)0xFFFF0000u)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
}

// `rows` <= 3 is a constant in each call: 3 rows x 16 channels leave registers for both halves of the weights.
CPRS_ON_AVX2 CPRS_INLINE void tile_avx2(
    const size_t rows, const uint16_t *x, size_t x_stride, const uint16_t *panel, size_t steps, float *sums,
    int fresh) {
    for (size_t n = 0; n < CPRS_PANEL_CHANNELS; n += 16) {
        __m256 sum[3][2];
        CPRS_UNROLL for (size_t r = 0; r < rows; r++) {
            const float *old = sums + r * CPRS_PANEL_CHANNELS + n;
            sum[r][0] = fresh ? _mm256_setzero_ps() : _mm256_loadu_ps(old);
            sum[r][1] = fresh ? _mm256_setzero_ps() : _mm256_loadu_ps(old + 8);
        }
        for (size_t s = 0; s < steps; s++) {
            const __m256i *pairs = (const __m256i *)(panel + s * 2 * CPRS_PANEL_CHANNELS + 2 * n);
            const __m256i w0 = _mm256_load_si256(pairs), w1 = _mm256_load_si256(pairs + 1);
            const __m256 even0 = half_of_pairs(w0, 0), even1 = half_of_pairs(w1, 0);
            const __m256 odd0 = half_of_pairs(w0, 1), odd1 = half_of_pairs(w1, 1);
            CPRS_UNROLL for (size_t r = 0; r < rows; r++) {
                __m256i pair = _mm256_set1_epi32(cprs_load_word(x + r * x_stride + 2 * s));
                // Else the compiler shifts the word in an integer register and moves it between register files.
                __asm__("" : "+x"(pair));
                const __m256 even = half_of_pairs(pair, 0), odd = half_of_pairs(pair, 1);
                sum[r][0] = _mm256_fmadd_ps(odd, odd0, _mm256_fmadd_ps(even, even0, sum[r][0]));
                sum[r][1] = _mm256_fmadd_ps(odd, odd1, _mm256_fmadd_ps(even, even1, sum[r][1]));
            }
        }
        CPRS_UNROLL for (size_t r = 0; r < rows; r++) {
            _mm256_storeu_ps(sums + r * CPRS_PANEL_CHANNELS + n, sum[r][0]);
            _mm256_storeu_ps(sums + r * CPRS_PANEL_CHANNELS + n + 8, sum[r][1]);
        }
    }
}

CPRS_ON_AVX2 void cprs_tile_bf16_avx2(
    size_t rows, const uint16_t *x, size_t x_stride, const uint16_t *panel, size_t steps, float *sums, int fresh) {
    for (size_t r = 0; r < rows; r += 3) {
        const uint16_t *row = x + r * x_stride;
        float *sum = sums + r * CPRS_PANEL_CHANNELS;
        switch (rows - r) {
        case 1: tile_avx2(1, row, x_stride, panel, steps, sum, fresh); break;
        case 2: tile_avx2(2, row, x_stride, panel, steps, sum, fresh); break;
        default: tile_avx2(3, row, x_stride, panel, steps, sum, fresh); break;
        }
    }
}

// `rows` is a constant in each call, so that the sums stay in registers: 6 x 64 are 24 of 32.
CPRS_ON_BF16 CPRS_INLINE void tile_avx512(
    const size_t rows, const uint16_t *x, size_t x_stride, const uint16_t *panel, size_t steps, float *sums,
    int fresh) {
    __m512 sum[CPRS_TILE_ROWS][4];
    CPRS_UNROLL for (size_t r = 0; r < rows; r++) {
        CPRS_UNROLL for (size_t j = 0; j < 4; j++) {
            sum[r][j] = fresh ? _mm512_setzero_ps() : _mm512_load_ps(sums + r * CPRS_PANEL_CHANNELS + 16 * j);
        }
    }
    // Two base pointers reach six rows with three addressing modes each.
    const uint16_t *x0 = x, *x3 = x + 3 * x_stride;
    for (size_t s = 0; s < steps; s++) {
        __m512i w[4];
        CPRS_UNROLL for (size_t j = 0; j < 4; j++) {
            w[j] = _mm512_load_si512(panel + 32 * j);
            _mm_prefetch((const char *)(panel + CPRS_PREFETCH_STEPS * 2 * CPRS_PANEL_CHANNELS + 32 * j), _MM_HINT_T0);
        }
        CPRS_UNROLL for (size_t r = 0; r < rows; r++) {
            const uint16_t *row = r < 3 ? x0 + r * x_stride : x3 + (r - 3) * x_stride;
            const __m512bh pair = (__m512bh)_mm512_set1_epi32(cprs_load_word(row));
            CPRS_UNROLL for (size_t j = 0; j < 4; j++) sum[r][j] = _mm512_dpbf16_ps(sum[r][j], pair, (__m512bh)w[j]);
        }
        x0 += 2;
        x3 += 2;
        panel += 2 * CPRS_PANEL_CHANNELS;
    }
    CPRS_UNROLL for (size_t r = 0; r < rows; r++) {
        CPRS_UNROLL for (size_t j = 0; j < 4; j++) _mm512_store_ps(sums + r * CPRS_PANEL_CHANNELS + 16 * j, sum[r][j]);
    }
}

CPRS_ON_BF16 void cprs_tile_bf16_avx512(
    size_t rows, const uint16_t *x, size_t x_stride, const uint16_t *panel, size_t steps, float *sums, int fresh) {
    CPRS_WITH_CONSTANT_ROWS(tile_avx512, rows, x, x_stride, panel, steps, sums, fresh);
}
#endif

// ---- aarch64 ------------------------------------------------------------------------------------------------------
#ifdef CPRS_CPU_ARM

CPRS_INLINE void tile_neon(
    const size_t rows, const uint16_t *x, size_t x_stride, const uint16_t *panel, size_t steps, float *sums,
    int fresh) {
    const uint32x4_t high = vdupq_n_u32(0xFFFF0000u);
    for (size_t n = 0; n < CPRS_PANEL_CHANNELS; n += 16) {
        float32x4_t sum[CPRS_TILE_ROWS][4];
        CPRS_UNROLL for (size_t r = 0; r < rows; r++) {
            CPRS_UNROLL for (size_t j = 0; j < 4; j++) {
                const float *old = sums + r * CPRS_PANEL_CHANNELS + n + 4 * j;
                sum[r][j] = fresh ? vdupq_n_f32(0) : vld1q_f32(old);
            }
        }
        for (size_t s = 0; s < steps; s++) {
            const uint16_t *pairs = panel + s * 2 * CPRS_PANEL_CHANNELS + 2 * n;
            float32x4_t even[4], odd[4];
            CPRS_UNROLL for (size_t j = 0; j < 4; j++) {
                const uint32x4_t words = vreinterpretq_u32_u16(vld1q_u16(pairs + 8 * j));
                even[j] = vreinterpretq_f32_u32(vshlq_n_u32(words, 16));
                odd[j] = vreinterpretq_f32_u32(vandq_u32(words, high));
            }
            CPRS_UNROLL for (size_t r = 0; r < rows; r++) {
                const float a = widen(x[r * x_stride + 2 * s]), b = widen(x[r * x_stride + 2 * s + 1]);
                CPRS_UNROLL for (size_t j = 0; j < 4; j++) {
                    sum[r][j] = vfmaq_n_f32(vfmaq_n_f32(sum[r][j], even[j], a), odd[j], b);
                }
            }
        }
        CPRS_UNROLL for (size_t r = 0; r < rows; r++) {
            CPRS_UNROLL for (size_t j = 0; j < 4; j++) {
                vst1q_f32(sums + r * CPRS_PANEL_CHANNELS + n + 4 * j, sum[r][j]);
            }
        }
    }
}

void cprs_tile_bf16_neon(
    size_t rows, const uint16_t *x, size_t x_stride, const uint16_t *panel, size_t steps, float *sums, int fresh) {
    CPRS_WITH_CONSTANT_ROWS(tile_neon, rows, x, x_stride, panel, steps, sums, fresh);
}

// Four inputs of two rows, or of one row twice: an operand of the 2 x 4 by 4 x 2 product. An odd last pair is followed
// by zeros.
CPRS_INLINE uint32x4_t quads_of_rows(const uint16_t *first, const uint16_t *second, int whole) {
    uint32_t words[4] = {0};
    memcpy(words, first, whole ? 8 : 4);
    memcpy(words + 2, second, whole ? 8 : 4);
    return vld1q_u32(words);
}

// Products of row pairs with channel pairs: sum[p][c] holds rows 2p, 2p + 1 (slow) of channels 2c, 2c + 1 (fast).
CPRS_ON_I8MM CPRS_INLINE void tile_i8mm(
    const size_t rows, const uint16_t *x, size_t x_stride, const uint16_t *panel, size_t steps, float *sums,
    int fresh) {
    const size_t pairs = (rows + 1) / 2;
    for (size_t n = 0; n < CPRS_PANEL_CHANNELS; n += 16) {
        float32x4_t sum[CPRS_TILE_ROWS / 2][8];
        CPRS_UNROLL for (size_t p = 0; p < pairs; p++) {
            CPRS_UNROLL for (size_t c = 0; c < 8; c++) sum[p][c] = vdupq_n_f32(0);
        }
        for (size_t s = 0; s < steps; s += 2) {
            const uint16_t *w = panel + s * 2 * CPRS_PANEL_CHANNELS + 2 * n;
            const int whole = s + 1 < steps;
            bfloat16x8_t quads[8];
            CPRS_UNROLL for (size_t j = 0; j < 4; j++) {
                const uint32x4_t low = vreinterpretq_u32_u16(vld1q_u16(w + 8 * j));
                const uint32x4_t high =
                    whole ? vreinterpretq_u32_u16(vld1q_u16(w + 2 * CPRS_PANEL_CHANNELS + 8 * j)) : vdupq_n_u32(0);
                quads[2 * j] = vreinterpretq_bf16_u32(vzip1q_u32(low, high));
                quads[2 * j + 1] = vreinterpretq_bf16_u32(vzip2q_u32(low, high));
            }
            CPRS_UNROLL for (size_t p = 0; p < pairs; p++) {
                const uint16_t *first = x + 2 * p * x_stride + 2 * s;
                const uint16_t *second = 2 * p + 1 < rows ? first + x_stride : first;
                const bfloat16x8_t values = vreinterpretq_bf16_u32(quads_of_rows(first, second, whole));
                CPRS_UNROLL for (size_t c = 0; c < 8; c++) sum[p][c] = vbfmmlaq_f32(sum[p][c], values, quads[c]);
            }
        }
        CPRS_UNROLL for (size_t r = 0; r < rows; r++) {
            CPRS_UNROLL for (size_t c = 0; c < 8; c += 2) {
                const float32x4_t a = sum[r / 2][c], b = sum[r / 2][c + 1];
                const float32x4_t row = r % 2 == 0 ? vcombine_f32(vget_low_f32(a), vget_low_f32(b))
                                                   : vcombine_f32(vget_high_f32(a), vget_high_f32(b));
                float *out = sums + r * CPRS_PANEL_CHANNELS + n + 2 * c;
                vst1q_f32(out, fresh ? row : vaddq_f32(vld1q_f32(out), row));
            }
        }
    }
}

CPRS_ON_I8MM void cprs_tile_bf16_i8mm(
    size_t rows, const uint16_t *x, size_t x_stride, const uint16_t *panel, size_t steps, float *sums, int fresh) {
    CPRS_WITH_CONSTANT_ROWS(tile_i8mm, rows, x, x_stride, panel, steps, sums, fresh);
}
#endif

// ---- The whole product --------------------------------------------------------------------------------------------

// One panel times at most CPRS_CHUNK_ROWS rows.
static void multiply_panel(
    const cprs_kernels *kernels, const uint16_t *x, size_t x_stride, size_t rows, const uint16_t *panel, size_t steps,
    size_t valid, cprs_output output) {
    _Alignas(64) float sums[CPRS_CHUNK_ROWS * CPRS_PANEL_CHANNELS];
    const size_t block_steps = cprs_block_steps(steps);
    for (size_t s = 0; s < steps; s += block_steps) {
        const size_t count = s + block_steps < steps ? block_steps : steps - s;
        for (size_t r = 0; r < rows; r += CPRS_TILE_ROWS) {
            const size_t tile_rows = r + CPRS_TILE_ROWS < rows ? CPRS_TILE_ROWS : rows - r;
            float *tile = sums + r * CPRS_PANEL_CHANNELS;
            kernels->tile_bf16(
                tile_rows, x + r * x_stride + 2 * s, x_stride, panel + s * 2 * CPRS_PANEL_CHANNELS, count, tile,
                s == 0);
            if (s + count == steps) {
                kernels->finish_tile(tile_rows, tile, NULL, NULL, 0, valid, cprs_output_at(output, r, 0));
            }
        }
    }
}

void cprs_gemm_bf16(
    cprs_isa isa, const uint16_t *x, size_t x_stride, size_t rows, const void *packed, cprs_packed_shape shape,
    size_t first_panel, size_t end_panel, cprs_output output) {
    const cprs_kernels *kernels = cprs_kernels_for(isa);
    const size_t steps = cprs_packed_inputs(shape.inputs) / 2;
    const size_t panel_bytes = cprs_packed_bf16_panel_bytes(shape);
    for (size_t r = 0; r < rows; r += CPRS_CHUNK_ROWS) {
        const size_t chunk = r + CPRS_CHUNK_ROWS < rows ? CPRS_CHUNK_ROWS : rows - r;
        for (size_t p = first_panel; p < end_panel; p++) {
            const uint16_t *panel = (const uint16_t *)((const char *)packed + p * panel_bytes);
            const size_t column = p * cprs_panel_outputs(shape);
            multiply_panel(
                kernels, x + r * x_stride, x_stride, chunk, panel, steps, cprs_valid_outputs(shape, p),
                cprs_output_at(output, r, column));
        }
    }
}
