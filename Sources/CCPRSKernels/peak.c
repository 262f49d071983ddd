#include "cprs_peak.h"
#include "cpu.h"

// Independent sums: enough to hide the latency of any of the instructions (4 to 5 cycles at two a cycle), and few
// enough that sums and operands fit the registers.
enum { WIDE_SUMS = 24, NARROW_SUMS = 12 };

#ifdef CPRS_CPU_X86

// What is summed must be used, or the compiler drops the loop; what is multiplied must be unknown to it.
static volatile float factor = 0.5f;
// Of each thread, as threads measure together.
static _Thread_local volatile int32_t sink;

CPRS_ON_VNNI static uint64_t fma_512(size_t rounds) {
    const __m512 a = _mm512_set1_ps(factor), b = _mm512_set1_ps(factor);
    __m512 sum[WIDE_SUMS];
    CPRS_UNROLL for (size_t i = 0; i < WIDE_SUMS; i++) sum[i] = _mm512_set1_ps((float)i);
    for (size_t round = 0; round < rounds; round++) {
        CPRS_UNROLL for (size_t i = 0; i < WIDE_SUMS; i++) sum[i] = _mm512_fmadd_ps(a, b, sum[i]);
    }
    __m512 total = _mm512_setzero_ps();
    CPRS_UNROLL for (size_t i = 0; i < WIDE_SUMS; i++) total = _mm512_add_ps(total, sum[i]);
    sink = (int32_t)_mm512_cmp_ps_mask(total, a, _CMP_LT_OQ);
    return (uint64_t)rounds * WIDE_SUMS * 16 * 2;
}

CPRS_ON_AVX2 static uint64_t fma_256(size_t rounds) {
    const __m256 a = _mm256_set1_ps(factor), b = _mm256_set1_ps(factor);
    __m256 sum[NARROW_SUMS];
    CPRS_UNROLL for (size_t i = 0; i < NARROW_SUMS; i++) sum[i] = _mm256_set1_ps((float)i);
    for (size_t round = 0; round < rounds; round++) {
        CPRS_UNROLL for (size_t i = 0; i < NARROW_SUMS; i++) sum[i] = _mm256_fmadd_ps(a, b, sum[i]);
    }
    __m256 total = _mm256_setzero_ps();
    CPRS_UNROLL for (size_t i = 0; i < NARROW_SUMS; i++) total = _mm256_add_ps(total, sum[i]);
    sink = _mm256_movemask_ps(total);
    return (uint64_t)rounds * NARROW_SUMS * 8 * 2;
}

CPRS_ON_BF16 static uint64_t dot_bf16_512(size_t rounds) {
    const __m512bh a = (__m512bh)_mm512_set1_ps(factor), b = (__m512bh)_mm512_set1_ps(factor);
    __m512 sum[WIDE_SUMS];
    CPRS_UNROLL for (size_t i = 0; i < WIDE_SUMS; i++) sum[i] = _mm512_set1_ps((float)i);
    for (size_t round = 0; round < rounds; round++) {
        CPRS_UNROLL for (size_t i = 0; i < WIDE_SUMS; i++) sum[i] = _mm512_dpbf16_ps(sum[i], a, b);
    }
    __m512 total = _mm512_setzero_ps();
    CPRS_UNROLL for (size_t i = 0; i < WIDE_SUMS; i++) total = _mm512_add_ps(total, sum[i]);
    sink = (int32_t)_mm512_cmp_ps_mask(total, (__m512)a, _CMP_LT_OQ);
    return (uint64_t)rounds * WIDE_SUMS * 32 * 2;
}

CPRS_ON_VNNI static uint64_t dot_int8_512(size_t rounds) {
    const __m512i a = _mm512_set1_epi32((int32_t)factor), b = _mm512_set1_epi32((int32_t)factor);
    __m512i sum[WIDE_SUMS];
    CPRS_UNROLL for (size_t i = 0; i < WIDE_SUMS; i++) sum[i] = _mm512_set1_epi32((int32_t)i);
    for (size_t round = 0; round < rounds; round++) {
        CPRS_UNROLL for (size_t i = 0; i < WIDE_SUMS; i++) sum[i] = _mm512_dpbusd_epi32(sum[i], a, b);
    }
    __m512i total = _mm512_setzero_si512();
    CPRS_UNROLL for (size_t i = 0; i < WIDE_SUMS; i++) total = _mm512_xor_si512(total, sum[i]);
    sink = _mm512_reduce_add_epi32(total);
    return (uint64_t)rounds * WIDE_SUMS * 64 * 2;
}

CPRS_ON_AVX2 static uint64_t dot_int8_256(size_t rounds) {
    const __m256i ones = _mm256_set1_epi16(1), b = _mm256_set1_epi32((int32_t)factor);
    __m256i sum[NARROW_SUMS];
    CPRS_UNROLL for (size_t i = 0; i < NARROW_SUMS; i++) sum[i] = _mm256_set1_epi32((int32_t)i);
    for (size_t round = 0; round < rounds; round++) {
        // The sum itself is the other factor: with a constant one the product would be computed once.
        CPRS_UNROLL for (size_t i = 0; i < NARROW_SUMS; i++) {
            const __m256i pairs = _mm256_maddubs_epi16(sum[i], b);
            sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(pairs, ones));
        }
    }
    __m256i total = _mm256_setzero_si256();
    CPRS_UNROLL for (size_t i = 0; i < NARROW_SUMS; i++) total = _mm256_xor_si256(total, sum[i]);
    sink = _mm256_movemask_epi8(total);
    return (uint64_t)rounds * NARROW_SUMS * 32 * 2;
}

uint64_t cprs_peak_f32(cprs_isa isa, size_t rounds) {
    if (!cprs_has_isa(isa) || isa == CPRS_ISA_PORTABLE) return 0;
    return isa == CPRS_ISA_AVX2 ? fma_256(rounds) : fma_512(rounds);
}

uint64_t cprs_peak_bf16(cprs_isa isa, size_t rounds) {
    if (!cprs_has_isa(isa) || isa == CPRS_ISA_PORTABLE) return 0;
    return isa == CPRS_ISA_AVX512_BF16 ? dot_bf16_512(rounds) : fma_256(rounds);
}

uint64_t cprs_peak_int8(cprs_isa isa, size_t rounds) {
    if (!cprs_has_isa(isa) || isa == CPRS_ISA_PORTABLE) return 0;
    return isa == CPRS_ISA_AVX2 ? dot_int8_256(rounds) : dot_int8_512(rounds);
}

#else

uint64_t cprs_peak_f32(cprs_isa isa, size_t rounds) { return (void)isa, (void)rounds, 0; }
uint64_t cprs_peak_bf16(cprs_isa isa, size_t rounds) { return (void)isa, (void)rounds, 0; }
uint64_t cprs_peak_int8(cprs_isa isa, size_t rounds) { return (void)isa, (void)rounds, 0; }

#endif
