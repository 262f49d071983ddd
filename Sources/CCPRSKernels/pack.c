#include <math.h>
#include <string.h>

#include "cprs_gemm.h"

// The bytes are a file format: no fused multiply-add may change a rounding.
#pragma STDC FP_CONTRACT OFF

enum { PANEL = CPRS_PANEL_CHANNELS };

static size_t round_up(size_t x, size_t multiple) { return (x + multiple - 1) / multiple * multiple; }

size_t cprs_packed_inputs(size_t inputs) { return round_up(inputs, CPRS_PACKED_INPUT_STEP); }

size_t cprs_packed_groups(cprs_packed_shape shape) {
    return shape.group == 0 || shape.group >= shape.inputs ? 1 : (shape.inputs + shape.group - 1) / shape.group;
}

size_t cprs_packed_panels(cprs_packed_shape shape) {
    const size_t width = shape.gated ? CPRS_GATED_PANEL_CHANNELS : PANEL;
    return (shape.outputs + width - 1) / width;
}

size_t cprs_packed_bf16_panel_bytes(cprs_packed_shape shape) {
    return cprs_packed_inputs(shape.inputs) * PANEL * sizeof(uint16_t);
}

size_t cprs_packed_int8_panel_bytes(cprs_packed_shape shape) {
    const size_t scales = cprs_packed_groups(shape) * PANEL * (sizeof(float) + sizeof(int32_t));
    return cprs_packed_inputs(shape.inputs) * PANEL + scales;
}

// ---- Reading sources ----------------------------------------------------------------------------------------------

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float widen_f16(uint16_t half) {
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = half >> 10 & 0x1Fu, fraction = half & 0x3FFu;
    if (exponent == 0) {  // zero and denormals: fraction * 2^-24
        const float magnitude = (float)fraction * 0x1p-24f;
        return float_of(sign | bits_of(magnitude));
    }
    const uint32_t wide = exponent == 31 ? 0xFFu : exponent + 112;
    return float_of(sign | wide << 23 | fraction << 13);
}

static uint16_t round_bf16(float value) {
    const uint32_t bits = bits_of(value);
    if (value != value) return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

// Element i of a row of `dtype`, which may lie at any byte.
static float element(const void *row, cprs_dtype dtype, size_t i) {
    if (dtype == CPRS_F32) {
        float value;
        memcpy(&value, (const char *)row + i * sizeof value, sizeof value);
        return value;
    }
    uint16_t half;
    memcpy(&half, (const char *)row + i * sizeof half, sizeof half);
    return dtype == CPRS_BF16 ? float_of((uint32_t)half << 16) : widen_f16(half);
}

static const void *row_at(const void *source, cprs_dtype dtype, size_t stride, size_t row) {
    return (const char *)source + row * stride * (dtype == CPRS_F32 ? sizeof(float) : sizeof(uint16_t));
}

// ---- Packing ------------------------------------------------------------------------------------------------------

typedef struct column {
    size_t panel, index;
} column;

static column column_of(cprs_pack_part part, size_t output) {
    if (part == CPRS_PART_PLAIN) return (column){output / PANEL, output % PANEL};
    const size_t half = CPRS_GATED_PANEL_CHANNELS;
    return (column){output / half, output % half + (part == CPRS_PART_UP ? half : 0)};
}

void cprs_pack_bf16(
    const void *source, cprs_dtype dtype, size_t source_stride, size_t count, cprs_packed_shape shape,
    cprs_pack_part part, size_t first, void *packed) {
    const size_t panel_bytes = cprs_packed_bf16_panel_bytes(shape);
    for (size_t i = 0; i < count; i++) {
        const void *row = row_at(source, dtype, source_stride, i);
        const column to = column_of(part, first + i);
        uint16_t *pairs = (uint16_t *)((char *)packed + to.panel * panel_bytes) + 2 * to.index;
        for (size_t k = 0; k < shape.inputs; k++) {
            pairs[k / 2 * 2 * PANEL + k % 2] = round_bf16(element(row, dtype, k));
        }
    }
}

// One group of one channel: int8 weights to `quads`, their scale, and their offset.
static void pack_group(
    const void *row, cprs_dtype dtype, size_t begin, size_t end, int8_t *quads, float *scale, int32_t *offset) {
    float largest = 0;
    for (size_t k = begin; k < end; k++) {
        const float magnitude = fabsf(element(row, dtype, k));
        if (magnitude > largest) largest = magnitude;
    }
    *scale = largest / 127.0f;
    const float inverse = largest > 0 ? 127.0f / largest : 0;
    int32_t sum = 0;
    for (size_t k = begin; k < end; k++) {
        // Adding 1.5 * 2^23 rounds to a whole number, ties to even, whatever the rounding of a cast.
        float value = element(row, dtype, k) * inverse;
        value = value < 127.0f ? value : 127.0f;
        value = value > -127.0f ? value : -127.0f;
        const int8_t weight = (int8_t)((value + 12582912.0f) - 12582912.0f);
        quads[k / 4 * 4 * PANEL + k % 4] = weight;
        sum += weight;
    }
    *offset = -128 * sum;
}

void cprs_pack_int8(
    const void *source, cprs_dtype dtype, size_t source_stride, size_t count, cprs_packed_shape shape,
    cprs_pack_part part, size_t first, void *packed) {
    const size_t panel_bytes = cprs_packed_int8_panel_bytes(shape), groups = cprs_packed_groups(shape);
    const size_t group = groups == 1 ? shape.inputs : shape.group;
    for (size_t i = 0; i < count; i++) {
        const void *row = row_at(source, dtype, source_stride, i);
        const column to = column_of(part, first + i);
        int8_t *panel = (int8_t *)packed + to.panel * panel_bytes;
        float *scales = (float *)(panel + cprs_packed_inputs(shape.inputs) * PANEL);
        int32_t *offsets = (int32_t *)(scales + groups * PANEL);
        for (size_t g = 0; g < groups; g++) {
            const size_t begin = g * group, end = begin + group < shape.inputs ? begin + group : shape.inputs;
            const size_t at = g * PANEL + to.index;
            pack_group(row, dtype, begin, end, panel + 4 * to.index, scales + at, offsets + at);
        }
    }
}
