#include "gemm_packed.h"

// ---- Portable reference -------------------------------------------------------------------------------------------

void cprs_tile_int8_portable(
    size_t rows, const uint8_t *x, size_t x_stride, const int8_t *panel, size_t steps, const int32_t *offsets,
    int32_t *sums, int fresh) {
    (void)offsets;
    for (size_t r = 0; r < rows; r++) {
        int32_t *sum = sums + r * CPRS_PANEL_CHANNELS;
        if (fresh) memset(sum, 0, CPRS_PANEL_CHANNELS * sizeof *sum);
        for (size_t s = 0; s < steps; s++) {
            for (size_t n = 0; n < CPRS_PANEL_CHANNELS; n++) {
                const int8_t *w = panel + (s * CPRS_PANEL_CHANNELS + n) * 4;
                for (size_t i = 0; i < 4; i++) sum[n] += ((int32_t)x[r * x_stride + 4 * s + i] - 128) * w[i];
            }
        }
    }
}

// ---- x86-64 -------------------------------------------------------------------------------------------------------
#ifdef CPRS_CPU_X86

// Signed times signed bytes out of an instruction for unsigned by signed: the sign of x moves to the weight.
// A pair of products is at most 2 * 128 * 127 < 2^15, so the 16-bit sums cannot saturate (weights are never -128).
// `rows` <= 3 is a constant in each call: 3 rows x 16 channels leave registers for the operands.
CPRS_ON_AVX2 CPRS_INLINE void tile_avx2(
    const size_t rows, const uint8_t *x, size_t x_stride, const int8_t *panel, size_t steps, int32_t *sums, int fresh) {
    const __m256i offset = _mm256_set1_epi8((char)128), ones = _mm256_set1_epi16(1);
    for (size_t n = 0; n < CPRS_PANEL_CHANNELS; n += 16) {
        __m256i sum[3][2];
        CPRS_UNROLL for (size_t r = 0; r < rows; r++) {
            CPRS_UNROLL for (size_t j = 0; j < 2; j++) {
                const int32_t *old = sums + r * CPRS_PANEL_CHANNELS + n + 8 * j;
                sum[r][j] = fresh ? _mm256_setzero_si256() : _mm256_loadu_si256((const __m256i *)old);
            }
        }
        for (size_t s = 0; s < steps; s++) {
            const __m256i *w = (const __m256i *)(panel + (s * CPRS_PANEL_CHANNELS + n) * 4);
            const __m256i w0 = _mm256_load_si256(w), w1 = _mm256_load_si256(w + 1);
            CPRS_UNROLL for (size_t r = 0; r < rows; r++) {
                const __m256i word = _mm256_set1_epi32(cprs_load_word(x + r * x_stride + 4 * s));
                const __m256i value = _mm256_xor_si256(word, offset), magnitude = _mm256_abs_epi8(value);
                const __m256i pairs0 = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(w0, value));
                const __m256i pairs1 = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(w1, value));
                sum[r][0] = _mm256_add_epi32(sum[r][0], _mm256_madd_epi16(pairs0, ones));
                sum[r][1] = _mm256_add_epi32(sum[r][1], _mm256_madd_epi16(pairs1, ones));
            }
        }
        CPRS_UNROLL for (size_t r = 0; r < rows; r++) {
            CPRS_UNROLL for (size_t j = 0; j < 2; j++) {
                int32_t *new = sums + r * CPRS_PANEL_CHANNELS + n + 8 * j;
                _mm256_storeu_si256((__m256i *)new, sum[r][j]);
            }
        }
    }
}

CPRS_ON_AVX2 void cprs_tile_int8_avx2(
    size_t rows, const uint8_t *x, size_t x_stride, const int8_t *panel, size_t steps, const int32_t *offsets,
    int32_t *sums, int fresh) {
    (void)offsets;
    for (size_t r = 0; r < rows; r += 3) {
        const uint8_t *row = x + r * x_stride;
        int32_t *sum = sums + r * CPRS_PANEL_CHANNELS;
        switch (rows - r) {
        case 1: tile_avx2(1, row, x_stride, panel, steps, sum, fresh); break;
        case 2: tile_avx2(2, row, x_stride, panel, steps, sum, fresh); break;
        default: tile_avx2(3, row, x_stride, panel, steps, sum, fresh); break;
        }
    }
}

// `rows` is a constant in each call, so that the sums stay in registers: 6 x 64 are 24 of 32.
CPRS_ON_VNNI CPRS_INLINE void tile_avx512(
    const size_t rows, const uint8_t *x, size_t x_stride, const int8_t *panel, size_t steps, const int32_t *offsets,
    int32_t *sums, int fresh) {
    __m512i sum[CPRS_TILE_ROWS][4];
    CPRS_UNROLL for (size_t r = 0; r < rows; r++) {
        CPRS_UNROLL for (size_t j = 0; j < 4; j++) {
            const int32_t *old = fresh ? offsets : sums + r * CPRS_PANEL_CHANNELS;
            sum[r][j] = _mm512_load_si512(old + 16 * j);
        }
    }
    // Two base pointers reach six rows with three addressing modes each.
    const uint8_t *x0 = x, *x3 = x + 3 * x_stride;
    for (size_t s = 0; s < steps; s++) {
        __m512i w[4];
        CPRS_UNROLL for (size_t j = 0; j < 4; j++) {
            w[j] = _mm512_load_si512(panel + 64 * j);
            _mm_prefetch((const char *)(panel + CPRS_PREFETCH_STEPS * 4 * CPRS_PANEL_CHANNELS + 64 * j), _MM_HINT_T0);
        }
        CPRS_UNROLL for (size_t r = 0; r < rows; r++) {
            const uint8_t *row = r < 3 ? x0 + r * x_stride : x3 + (r - 3) * x_stride;
            const __m512i values = _mm512_set1_epi32(cprs_load_word(row));
            CPRS_UNROLL for (size_t j = 0; j < 4; j++) sum[r][j] = _mm512_dpbusd_epi32(sum[r][j], values, w[j]);
        }
        x0 += 4;
        x3 += 4;
        panel += 4 * CPRS_PANEL_CHANNELS;
    }
    CPRS_UNROLL for (size_t r = 0; r < rows; r++) {
        CPRS_UNROLL for (size_t j = 0; j < 4; j++) {
            _mm512_store_si512(sums + r * CPRS_PANEL_CHANNELS + 16 * j, sum[r][j]);
        }
    }
}

CPRS_ON_VNNI void cprs_tile_int8_avx512(
    size_t rows, const uint8_t *x, size_t x_stride, const int8_t *panel, size_t steps, const int32_t *offsets,
    int32_t *sums, int fresh) {
    CPRS_WITH_CONSTANT_ROWS(tile_avx512, rows, x, x_stride, panel, steps, offsets, sums, fresh);
}
#endif

// ---- aarch64 ------------------------------------------------------------------------------------------------------
#ifdef CPRS_CPU_ARM

// Signed by signed, so the offset of x is taken off and that of the panel is not needed.
CPRS_ON_DOTPROD CPRS_INLINE void tile_neon(
    const size_t rows, const uint8_t *x, size_t x_stride, const int8_t *panel, size_t steps, int32_t *sums, int fresh) {
    const uint32x4_t offset = vdupq_n_u32(0x80808080u);
    for (size_t n = 0; n < CPRS_PANEL_CHANNELS; n += 16) {
        int32x4_t sum[CPRS_TILE_ROWS][4];
        CPRS_UNROLL for (size_t r = 0; r < rows; r++) {
            CPRS_UNROLL for (size_t j = 0; j < 4; j++) {
                const int32_t *old = sums + r * CPRS_PANEL_CHANNELS + n + 4 * j;
                sum[r][j] = fresh ? vdupq_n_s32(0) : vld1q_s32(old);
            }
        }
        for (size_t s = 0; s < steps; s++) {
            const int8_t *w = panel + (s * CPRS_PANEL_CHANNELS + n) * 4;
            int8x16_t quads[4];
            CPRS_UNROLL for (size_t j = 0; j < 4; j++) quads[j] = vld1q_s8(w + 16 * j);
            CPRS_UNROLL for (size_t r = 0; r < rows; r++) {
                const uint32x4_t word = vdupq_n_u32((uint32_t)cprs_load_word(x + r * x_stride + 4 * s));
                const int8x16_t values = vreinterpretq_s8_u32(veorq_u32(word, offset));
                CPRS_UNROLL for (size_t j = 0; j < 4; j++) sum[r][j] = vdotq_s32(sum[r][j], quads[j], values);
            }
        }
        CPRS_UNROLL for (size_t r = 0; r < rows; r++) {
            CPRS_UNROLL for (size_t j = 0; j < 4; j++) {
                vst1q_s32(sums + r * CPRS_PANEL_CHANNELS + n + 4 * j, sum[r][j]);
            }
        }
    }
}

CPRS_ON_DOTPROD void cprs_tile_int8_neon(
    size_t rows, const uint8_t *x, size_t x_stride, const int8_t *panel, size_t steps, const int32_t *offsets,
    int32_t *sums, int fresh) {
    (void)offsets;
    CPRS_WITH_CONSTANT_ROWS(tile_neon, rows, x, x_stride, panel, steps, sums, fresh);
}

// Products of row pairs with channel pairs, eight inputs at a time (`steps` is even): sum[p][c] holds rows 2p, 2p + 1
// (slow) of channels 2c, 2c + 1 (fast).
CPRS_ON_I8MM CPRS_INLINE void tile_i8mm(
    const size_t rows, const uint8_t *x, size_t x_stride, const int8_t *panel, size_t steps, int32_t *sums, int fresh) {
    const size_t pairs = (rows + 1) / 2;
    const uint8x16_t offset = vdupq_n_u8(0x80);
    for (size_t n = 0; n < CPRS_PANEL_CHANNELS; n += 16) {
        int32x4_t sum[CPRS_TILE_ROWS / 2][8];
        CPRS_UNROLL for (size_t p = 0; p < pairs; p++) {
            CPRS_UNROLL for (size_t c = 0; c < 8; c++) sum[p][c] = vdupq_n_s32(0);
        }
        for (size_t s = 0; s < steps; s += 2) {
            const int8_t *w = panel + (s * CPRS_PANEL_CHANNELS + n) * 4;
            int8x16_t octets[8];
            CPRS_UNROLL for (size_t j = 0; j < 4; j++) {
                const int32x4_t low = vreinterpretq_s32_s8(vld1q_s8(w + 16 * j));
                const int32x4_t high = vreinterpretq_s32_s8(vld1q_s8(w + 4 * CPRS_PANEL_CHANNELS + 16 * j));
                octets[2 * j] = vreinterpretq_s8_s32(vzip1q_s32(low, high));
                octets[2 * j + 1] = vreinterpretq_s8_s32(vzip2q_s32(low, high));
            }
            CPRS_UNROLL for (size_t p = 0; p < pairs; p++) {
                const uint8_t *first = x + 2 * p * x_stride + 4 * s;
                const uint8_t *second = 2 * p + 1 < rows ? first + x_stride : first;
                const uint8x16_t bytes = veorq_u8(vcombine_u8(vld1_u8(first), vld1_u8(second)), offset);
                const int8x16_t values = vreinterpretq_s8_u8(bytes);
                CPRS_UNROLL for (size_t c = 0; c < 8; c++) sum[p][c] = vmmlaq_s32(sum[p][c], values, octets[c]);
            }
        }
        CPRS_UNROLL for (size_t r = 0; r < rows; r++) {
            CPRS_UNROLL for (size_t c = 0; c < 8; c += 2) {
                const int32x4_t a = sum[r / 2][c], b = sum[r / 2][c + 1];
                const int32x4_t row = r % 2 == 0 ? vcombine_s32(vget_low_s32(a), vget_low_s32(b))
                                                 : vcombine_s32(vget_high_s32(a), vget_high_s32(b));
                int32_t *out = sums + r * CPRS_PANEL_CHANNELS + n + 2 * c;
                vst1q_s32(out, fresh ? row : vaddq_s32(vld1q_s32(out), row));
            }
        }
    }
}

CPRS_ON_I8MM void cprs_tile_int8_i8mm(
    size_t rows, const uint8_t *x, size_t x_stride, const int8_t *panel, size_t steps, const int32_t *offsets,
    int32_t *sums, int fresh) {
    (void)offsets;
    CPRS_WITH_CONSTANT_ROWS(tile_i8mm, rows, x, x_stride, panel, steps, sums, fresh);
}
#endif

// ---- The whole product --------------------------------------------------------------------------------------------

typedef struct int8_rows {
    const uint8_t *x;
    size_t stride;
    const float *scales;  // [rows, groups]
    size_t rows;
} int8_rows;

// One panel times at most CPRS_CHUNK_ROWS rows, one scale for all inputs: sums are exact until the end.
static void multiply_panel(
    const cprs_kernels *kernels, int8_rows x, const int8_t *panel, size_t steps, size_t valid, cprs_output output) {
    _Alignas(64) int32_t sums[CPRS_CHUNK_ROWS * CPRS_PANEL_CHANNELS];
    const float *scales = (const float *)(panel + steps * 4 * CPRS_PANEL_CHANNELS);
    const int32_t *offsets = (const int32_t *)(scales + CPRS_PANEL_CHANNELS);
    const size_t block_steps = cprs_block_steps(steps);
    for (size_t s = 0; s < steps; s += block_steps) {
        const size_t count = s + block_steps < steps ? block_steps : steps - s;
        for (size_t r = 0; r < x.rows; r += CPRS_TILE_ROWS) {
            const size_t rows = r + CPRS_TILE_ROWS < x.rows ? CPRS_TILE_ROWS : x.rows - r;
            int32_t *tile = sums + r * CPRS_PANEL_CHANNELS;
            kernels->tile_int8(
                rows, x.x + r * x.stride + 4 * s, x.stride, panel + s * 4 * CPRS_PANEL_CHANNELS, count, offsets, tile,
                s == 0);
            if (s + count == steps) {
                kernels->finish_tile(rows, tile, scales, x.scales + r, 1, valid, cprs_output_at(output, r, 0));
            }
        }
    }
}

// The same with a scale for every `group_steps` steps.
static void multiply_grouped_panel(
    const cprs_kernels *kernels, int8_rows x, const int8_t *panel, size_t steps, size_t group_steps, size_t valid,
    cprs_output output) {
    _Alignas(64) int32_t sums[CPRS_TILE_ROWS * CPRS_PANEL_CHANNELS];
    _Alignas(64) float totals[CPRS_CHUNK_ROWS * CPRS_PANEL_CHANNELS];
    const size_t groups = (steps + group_steps - 1) / group_steps;
    const float *scales = (const float *)(panel + steps * 4 * CPRS_PANEL_CHANNELS);
    const int32_t *offsets = (const int32_t *)(scales + groups * CPRS_PANEL_CHANNELS);
    // Whole groups in one pass over the rows, about a block's worth.
    const size_t pass = group_steps < CPRS_MAX_BLOCK_STEPS ? CPRS_MAX_BLOCK_STEPS / group_steps : 1;
    for (size_t first = 0; first < groups; first += pass) {
        const size_t end = first + pass < groups ? first + pass : groups;
        for (size_t r = 0; r < x.rows; r += CPRS_TILE_ROWS) {
            const size_t rows = r + CPRS_TILE_ROWS < x.rows ? CPRS_TILE_ROWS : x.rows - r;
            float *tile = totals + r * CPRS_PANEL_CHANNELS;
            for (size_t g = first; g < end; g++) {
                const size_t s = g * group_steps, count = s + group_steps < steps ? group_steps : steps - s;
                kernels->tile_int8(
                    rows, x.x + r * x.stride + 4 * s, x.stride, panel + s * 4 * CPRS_PANEL_CHANNELS, count,
                    offsets + g * CPRS_PANEL_CHANNELS, sums, 1);
                kernels->add_group(
                    rows, sums, scales + g * CPRS_PANEL_CHANNELS, x.scales + r * groups + g, groups, tile, g == 0);
            }
            if (end == groups) kernels->finish_tile(rows, tile, NULL, NULL, 0, valid, cprs_output_at(output, r, 0));
        }
    }
}

void cprs_gemm_int8(
    cprs_isa isa, const uint8_t *x, size_t x_stride, const float *x_scales, size_t rows, const void *packed,
    cprs_packed_shape shape, size_t first_panel, size_t end_panel, cprs_output output) {
    const cprs_kernels *kernels = cprs_kernels_for(isa);
    const size_t groups = cprs_packed_groups(shape), steps = cprs_packed_inputs(shape.inputs) / 4;
    const size_t panel_bytes = cprs_packed_int8_panel_bytes(shape);
    for (size_t r = 0; r < rows; r += CPRS_CHUNK_ROWS) {
        const int8_rows chunk = {
            .x = x + r * x_stride,
            .stride = x_stride,
            .scales = x_scales + r * groups,
            .rows = r + CPRS_CHUNK_ROWS < rows ? CPRS_CHUNK_ROWS : rows - r,
        };
        for (size_t p = first_panel; p < end_panel; p++) {
            const int8_t *panel = (const int8_t *)packed + p * panel_bytes;
            const size_t valid = cprs_valid_outputs(shape, p);
            const cprs_output at = cprs_output_at(output, r, p * cprs_panel_outputs(shape));
            if (groups == 1) multiply_panel(kernels, chunk, panel, steps, valid, at);
            else multiply_grouped_panel(kernels, chunk, panel, steps, shape.group / 4, valid, at);
        }
    }
}
