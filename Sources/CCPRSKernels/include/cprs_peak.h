#ifndef CPRS_PEAK_H
#define CPRS_PEAK_H

// How fast this processor multiplies and adds when it does nothing else: the ceiling of every matrix product.

#include <stddef.h>
#include <stdint.h>

#include "cprs_gemm.h"

// Run the instruction, or the shortest sequence of instructions, in which the products of `isa` multiply and add, on
// operands that stay in registers, `rounds` times for each of several independent sums. Return the operations done, a
// multiplication and an addition counted as two; 0 if there is no such measurement for the set (portable C, which has
// no instruction of its own; aarch64, not written).
//   f32:  fused multiply-add, of 512 bits from AVX-512 on, else of 256
//   bf16: vdpbf16ps with AVX512_BF16, else the fused multiply-add of 256 bits that widened operands go through
//   int8: vpdpbusd with AVX512_VNNI, else vpmaddubsw, vpmaddwd and vpaddd
uint64_t cprs_peak_f32(cprs_isa isa, size_t rounds);
uint64_t cprs_peak_bf16(cprs_isa isa, size_t rounds);
uint64_t cprs_peak_int8(cprs_isa isa, size_t rounds);

#endif
