// What the two products share: blocking, and where a tile's results go. Not part of the public headers.
#ifndef CPRS_GEMM_PACKED_H
#define CPRS_GEMM_PACKED_H

#include <string.h>

#include "cpu.h"

enum {
    // Rows that a panel is multiplied with before the next panel is read: they and a block of a panel fit a 1 MB cache.
    CPRS_CHUNK_ROWS = 96,
    // Most steps (4 bytes of a row) in one pass over the rows: 128 KB of a panel, 12 KB of six rows.
    CPRS_MAX_BLOCK_STEPS = 512,
    // How far ahead of its use a panel's step (256 bytes) is fetched.
    CPRS_PREFETCH_STEPS = 12,
};

// The steps of one block, a multiple of 4: the fewest blocks of at most CPRS_MAX_BLOCK_STEPS, equal but for the last.
CPRS_INLINE size_t cprs_block_steps(size_t steps) {
    const size_t blocks = (steps + CPRS_MAX_BLOCK_STEPS - 1) / CPRS_MAX_BLOCK_STEPS;
    return blocks == 0 ? 4 : ((steps + blocks - 1) / blocks + 3) / 4 * 4;
}

// Outputs of one panel.
CPRS_INLINE size_t cprs_panel_outputs(cprs_packed_shape shape) {
    return shape.gated ? CPRS_GATED_PANEL_CHANNELS : CPRS_PANEL_CHANNELS;
}

// Outputs of panel `p` that are not padding.
CPRS_INLINE size_t cprs_valid_outputs(cprs_packed_shape shape, size_t p) {
    const size_t width = cprs_panel_outputs(shape), left = shape.outputs - p * width;
    return left < width ? left : width;
}

// The output with row and column moved to the origin.
CPRS_INLINE cprs_output cprs_output_at(cprs_output output, size_t row, size_t column) {
    const size_t element = output.store == CPRS_SWIGLU_BF16 ? sizeof(uint16_t) : sizeof(float);
    output.data = (char *)output.data + (row * output.stride + column) * element;
    if (output.bias != NULL) output.bias += column;
    return output;
}

// Four bytes of a row of activations, whatever their type.
CPRS_INLINE int32_t cprs_load_word(const void *x) {
    int32_t word;
    memcpy(&word, x, sizeof word);
    return word;
}

// Calls an inline tile with its number of rows as a constant.
#define CPRS_WITH_CONSTANT_ROWS(tile, rows, ...) \
    switch (rows) {                              \
    case 6: tile(6, __VA_ARGS__); break;         \
    case 5: tile(5, __VA_ARGS__); break;         \
    case 4: tile(4, __VA_ARGS__); break;         \
    case 3: tile(3, __VA_ARGS__); break;         \
    case 2: tile(2, __VA_ARGS__); break;         \
    case 1: tile(1, __VA_ARGS__); break;         \
    default: break;                              \
    }

#endif
