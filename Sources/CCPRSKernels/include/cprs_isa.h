#ifndef CPRS_ISA_H
#define CPRS_ISA_H

// What a processor can do. The caller asks once for the best and passes it to every call, so this target has no
// state. Asking for a set that the build or the processor lacks runs the portable code.
typedef enum cprs_isa {
    CPRS_ISA_PORTABLE = 0,     // plain C, every platform
    CPRS_ISA_AVX2 = 1,         // x86-64 with AVX2, FMA, F16C
    CPRS_ISA_AVX512_VNNI = 2,  // and AVX-512 F, BW, DQ, VL, VNNI: int8 products; bf16 products as AVX2
    CPRS_ISA_AVX512_BF16 = 3,  // and AVX-512 BF16
    CPRS_ISA_NEON = 4,         // aarch64 with dotprod
    CPRS_ISA_NEON_I8MM = 5,    // and I8MM, BF16
} cprs_isa;

enum { CPRS_ISA_COUNT = 6 };

// The fastest set that this processor runs.
cprs_isa cprs_best_isa(void);

// 1 if this build and this processor run the set itself, not the portable code in its place.
int cprs_has_isa(cprs_isa isa);

// The set itself if it can be run, else CPRS_ISA_PORTABLE.
cprs_isa cprs_runnable_isa(cprs_isa isa);

// A short name for logs: "avx512-bf16".
const char *cprs_isa_name(cprs_isa isa);

#endif
