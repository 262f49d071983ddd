#include "gemm_packed.h"
#include "lanes.h"

// The head's products are a few columns wide, so rows are read once and columns once for each row, from the cache.

enum { STEP = CPRS_LANES };

CPRS_INLINE cprs_f32x16 lanes_of(const float *x, size_t k, size_t columns) {
    return k + STEP <= columns ? cprs_load(x + k) : cprs_load_first(x + k, columns - k);
}

CPRS_INLINE float cprs_dot_body(const float *x, const float *w, size_t columns) {
    cprs_f32x16 sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    size_t k = 0;
    for (; k + 4 * STEP <= columns; k += 4 * STEP) {
        CPRS_UNROLL for (size_t i = 0; i < 4; i++) sums[i] += cprs_load(x + k + i * STEP) * cprs_load(w + k + i * STEP);
    }
    for (; k < columns; k += STEP) sums[0] += lanes_of(x, k, columns) * lanes_of(w, k, columns);
    return cprs_sum_lanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

#define CPRS_DEFINE_DOT(suffix, target) \
    target float cprs_dot_##suffix(const float *x, const float *w, size_t columns) { return cprs_dot_body(x, w, columns); }
CPRS_DEFINE_DOT(portable, )
#ifdef CPRS_CPU_X86
CPRS_DEFINE_DOT(avx2, CPRS_ON_AVX2)
CPRS_DEFINE_DOT(avx512, CPRS_ON_VNNI)
#endif

void cprs_dot_rows_f32(
    cprs_isa isa, const float *x, size_t x_stride, size_t rows, const float *w, size_t w_stride, size_t outputs,
    size_t columns, const float *bias, float *out, size_t out_stride) {
    const cprs_kernels *kernels = cprs_kernels_for(isa);
    for (size_t r = 0; r < rows; r++) {
        for (size_t n = 0; n < outputs; n++) {
            const float dot = kernels->dot(x + r * x_stride, w + n * w_stride, columns);
            out[r * out_stride + n] = bias == NULL ? dot : dot + bias[n];
        }
    }
}
