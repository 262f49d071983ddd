#include "cpu.h"

#ifdef CPRS_CPU_ARM
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#endif

#define CPRS_SHARED(suffix)                                  \
    .finish_tile = cprs_finish_tile_##suffix,                \
    .add_group = cprs_add_group_##suffix,                    \
    .round_row = cprs_round_row_##suffix,                    \
    .quantize_f32_row = cprs_quantize_f32_row_##suffix,      \
    .quantize_bf16_row = cprs_quantize_bf16_row_##suffix,    \
    .norm_bf16_row = cprs_norm_bf16_row_##suffix,            \
    .norm_int8_row = cprs_norm_int8_row_##suffix,            \
    .rope_row = cprs_rope_row_##suffix,                      \
    .scale_row = cprs_scale_row_##suffix,                    \
    .dot = cprs_dot_##suffix

static const cprs_kernels tables[CPRS_ISA_COUNT] = {
    [CPRS_ISA_PORTABLE] = {
        .tile_bf16 = cprs_tile_bf16_portable,
        .tile_int8 = cprs_tile_int8_portable,
        .weigh_keys = cprs_weigh_keys_portable,
        CPRS_SHARED(portable),
    },
#ifdef CPRS_CPU_X86
    [CPRS_ISA_AVX2] = {
        .tile_bf16 = cprs_tile_bf16_avx2,
        .tile_int8 = cprs_tile_int8_avx2,
        .weigh_keys = cprs_weigh_keys_avx2,
        CPRS_SHARED(avx2),
    },
    [CPRS_ISA_AVX512_VNNI] = {
        .tile_bf16 = cprs_tile_bf16_avx2,
        .tile_int8 = cprs_tile_int8_avx512,
        .weigh_keys = cprs_weigh_keys_avx2,
        CPRS_SHARED(avx512),
    },
    [CPRS_ISA_AVX512_BF16] = {
        .tile_bf16 = cprs_tile_bf16_avx512,
        .tile_int8 = cprs_tile_int8_avx512,
        .weigh_keys = cprs_weigh_keys_avx512,
        CPRS_SHARED(avx512),
    },
#endif
#ifdef CPRS_CPU_ARM
    // Portable vectors are NEON code on aarch64.
    [CPRS_ISA_NEON] = {
        .tile_bf16 = cprs_tile_bf16_neon,
        .tile_int8 = cprs_tile_int8_neon,
        .weigh_keys = cprs_weigh_keys_neon,
        CPRS_SHARED(portable),
    },
    [CPRS_ISA_NEON_I8MM] = {
        .tile_bf16 = cprs_tile_bf16_i8mm,
        .tile_int8 = cprs_tile_int8_i8mm,
        .weigh_keys = cprs_weigh_keys_i8mm,
        CPRS_SHARED(portable),
    },
#endif
};

#ifdef CPRS_CPU_X86
int cprs_has_isa(cprs_isa isa) {
    __builtin_cpu_init();
    const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
        && __builtin_cpu_supports("f16c");
    const int vnni = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512vnni");
    switch (isa) {
    case CPRS_ISA_PORTABLE: return 1;
    case CPRS_ISA_AVX2: return avx2;
    case CPRS_ISA_AVX512_VNNI: return vnni;
    case CPRS_ISA_AVX512_BF16: return vnni && __builtin_cpu_supports("avx512bf16");
    default: return 0;
    }
}
#elif defined(CPRS_CPU_ARM)
// Linux tells through the auxiliary vector, with the bits of its arm64 ABI; elsewhere the build's own target decides.
int cprs_has_isa(cprs_isa isa) {
#if defined(__linux__)
    const unsigned long dotprod_bit = 1ul << 20, i8mm_bit = 1ul << 13, bf16_bit = 1ul << 14;
    const int dotprod = (getauxval(AT_HWCAP) & dotprod_bit) != 0;
    const unsigned long more = getauxval(AT_HWCAP2);
    const int i8mm = dotprod && (more & i8mm_bit) != 0 && (more & bf16_bit) != 0;
#else
#if defined(__ARM_FEATURE_DOTPROD)
    const int dotprod = 1;
#else
    const int dotprod = 0;
#endif
#if defined(__ARM_FEATURE_MATMUL_INT8) && defined(__ARM_FEATURE_BF16)
    const int i8mm = dotprod;
#else
    const int i8mm = 0;
#endif
#endif
    switch (isa) {
    case CPRS_ISA_PORTABLE: return 1;
    case CPRS_ISA_NEON: return dotprod;
    case CPRS_ISA_NEON_I8MM: return i8mm;
    default: return 0;
    }
}
#else
int cprs_has_isa(cprs_isa isa) { return isa == CPRS_ISA_PORTABLE; }
#endif

cprs_isa cprs_best_isa(void) {
    cprs_isa best = CPRS_ISA_PORTABLE;
    for (int isa = 0; isa < CPRS_ISA_COUNT; isa++) {
        if (cprs_has_isa((cprs_isa)isa)) best = (cprs_isa)isa;
    }
    return best;
}

const char *cprs_isa_name(cprs_isa isa) {
    static const char *const names[CPRS_ISA_COUNT] = {
        "portable", "avx2", "avx512-vnni", "avx512-bf16", "neon", "neon-i8mm",
    };
    return names[isa];
}

cprs_isa cprs_runnable_isa(cprs_isa isa) { return cprs_has_isa(isa) ? isa : CPRS_ISA_PORTABLE; }

const cprs_kernels *cprs_kernels_for(cprs_isa isa) { return &tables[cprs_runnable_isa(isa)]; }
