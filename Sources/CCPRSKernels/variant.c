#include "simd.h"

cprs_variant cprs_best_variant(void) {
#ifdef CPRS_X86
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c")) {
        return CPRS_REFERENCE;
    }
    const int wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return wide ? CPRS_AVX512 : CPRS_AVX2;
#else
    return CPRS_REFERENCE;
#endif
}
