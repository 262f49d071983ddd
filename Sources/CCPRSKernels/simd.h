// Per-function targets and the helpers that several ops share. Not part of the public header.
#ifndef CPRS_SIMD_H
#define CPRS_SIMD_H

#include "cprs_kernels.h"

#if defined(__x86_64__)
#define CPRS_X86 1
#include <immintrin.h>
#define CPRS_TARGET_AVX2 __attribute__((target("avx2,fma,f16c")))
#define CPRS_TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")))

// 2^f on [-0.5, 0.5]: minimax polynomial, largest relative error 1.9e-9 before rounding.
#define CPRS_EXP2_C1 0.6931471824645996f
#define CPRS_EXP2_C2 0.24022646248340607f
#define CPRS_EXP2_C3 0.05550328642129898f
#define CPRS_EXP2_C4 0.009618489071726799f
#define CPRS_EXP2_C5 0.0013399930903688073f
#define CPRS_EXP2_C6 0.0001534580806037411f

// 2^x. Relative error <= 2^-22 for x in [-126, 127]; 0 below, as denormals would slow down what follows; finite above;
// NaN stays NaN.
CPRS_TARGET_AVX2 static inline __m256 cprs_exp2_avx2(__m256 x) {
    const __m256 normal = _mm256_cmp_ps(x, _mm256_set1_ps(-126.0f), _CMP_NLT_UQ);
    // The second operand is returned for a NaN, so x comes second.
    x = _mm256_max_ps(_mm256_set1_ps(-126.0f), x);
    x = _mm256_min_ps(_mm256_set1_ps(127.0f), x);
    const __m256 whole = _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m256 f = _mm256_sub_ps(x, whole);
    __m256 p = _mm256_set1_ps(CPRS_EXP2_C6);
    p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(CPRS_EXP2_C5));
    p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(CPRS_EXP2_C4));
    p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(CPRS_EXP2_C3));
    p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(CPRS_EXP2_C2));
    p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(CPRS_EXP2_C1));
    p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(1.0f));
    // `whole` is in [-126, 127], the exponents of normal numbers.
    const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(whole), _mm256_set1_epi32(127));
    const __m256 power = _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
    return _mm256_and_ps(_mm256_mul_ps(p, power), normal);
}

CPRS_TARGET_AVX2 static inline float cprs_sum_avx2(__m256 x) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

CPRS_TARGET_AVX2 static inline float cprs_max_avx2(__m256 x) {
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

// As cprs_exp2_avx2.
CPRS_TARGET_AVX512 static inline __m512 cprs_exp2_avx512(__m512 x) {
    const __mmask16 normal = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-126.0f), _CMP_NLT_UQ);
    x = _mm512_max_ps(_mm512_set1_ps(-126.0f), x);
    x = _mm512_min_ps(_mm512_set1_ps(127.0f), x);
    const __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m512 f = _mm512_sub_ps(x, whole);
    __m512 p = _mm512_set1_ps(CPRS_EXP2_C6);
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(CPRS_EXP2_C5));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(CPRS_EXP2_C4));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(CPRS_EXP2_C3));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(CPRS_EXP2_C2));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(CPRS_EXP2_C1));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
    return _mm512_maskz_scalef_ps(normal, p, whole);
}

// The mask of the first `left` of 16 lanes; all of them from 16 up.
CPRS_TARGET_AVX512 static inline __mmask16 cprs_first_lanes(size_t left) {
    return left >= 16 ? (__mmask16)0xFFFF : (__mmask16)((1u << left) - 1);
}
#endif

// Runs `op` for an instruction set that can be run (see cprs_runnable_isa); the fast names only exist on x86-64.
#ifdef CPRS_X86
#define CPRS_DISPATCH(isa, op, ...)                            \
    switch (isa) {                                             \
    case CPRS_ISA_AVX512_BF16:                                 \
    case CPRS_ISA_AVX512_VNNI: op##_avx512(__VA_ARGS__); break; \
    case CPRS_ISA_AVX2: op##_avx2(__VA_ARGS__); break;         \
    default: op##_reference(__VA_ARGS__); break;               \
    }
#else
#define CPRS_DISPATCH(isa, op, ...)      \
    do {                                 \
        (void)(isa);                     \
        op##_reference(__VA_ARGS__);     \
    } while (0)
#endif

#endif
