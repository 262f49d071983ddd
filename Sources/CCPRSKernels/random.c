#include <string.h>

#include "cprs_kernels.h"

static float random_value(uint64_t seed, uint64_t index, float scale) {
    uint64_t word = seed + (index + 1) * 0x9E3779B97F4A7C15u;
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9u;
    word = (word ^ (word >> 27)) * 0x94D049BB133111EBu;
    word ^= word >> 31;
    // 24 bits are exact in float32.
    return ((float)(int32_t)(word >> 40) - 8388608.0f) * (scale / 8388608.0f);
}

void cprs_random_f32(float *restrict out, size_t count, uint64_t seed, uint64_t first, float scale) {
    for (size_t i = 0; i < count; i++) out[i] = random_value(seed, first + i, scale);
}

void cprs_random_bf16(uint16_t *restrict out, size_t count, uint64_t seed, uint64_t first, float scale) {
    for (size_t i = 0; i < count; i++) {
        const float value = random_value(seed, first + i, scale);
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        out[i] = (uint16_t)(bits >> 16);
    }
}
