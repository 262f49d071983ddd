#ifndef CPRS_GEMM_H
#define CPRS_GEMM_H

// Matrix products y = x Wᵀ with weights that were packed once, in bf16 or int8, and the conversions of activations
// that go with them. The legend of shape letters is in cprs_kernels.h.
//
// Promise: a row of a result depends on that row of x and on W alone: bit for bit the same however many rows are
// computed together, wherever the row lies among them, and however rows or panels are split between threads. Results
// differ between instruction sets within the stated tolerances (int8 products of f32 output do not differ at all).

#include <stddef.h>
#include <stdint.h>

#include "cprs_isa.h"

// ---- Packed weights: a file format ------------------------------------------------------------------------------
//
// The bytes depend on the weights alone, not on the processor that packs them, and are multiplied in place by every
// instruction set: they can be written to a file and mapped. All numbers are little-endian.
//
// W has N output channels (rows of the checkpoint's matrix) of K inputs. K is padded with zero weights to K' = the next
// multiple of CPRS_PACKED_INPUT_STEP; channels are padded with zero channels to the next multiple of 64. A panel holds
// 64 channels; panels follow one another without gaps, and each is a multiple of 64 bytes long. The start of panel 0
// must be a multiple of 64 bytes in memory (a page in a file is).
//
//   bf16 panel   [K'/2][64][2] bf16: inputs 2s and 2s+1 of the 64 channels lie together.
//   int8 panel   [K'/4][64][4] int8, each in -127...127: inputs 4s to 4s+3 of the 64 channels lie together;
//                then [groups][64] f32: the scale of each group of inputs of each channel (weight = scale * int8);
//                then [groups][64] int32: -128 times the sum of the group's int8 weights (it takes back the offset of
//                the unsigned activations).
//
// Inputs are grouped by `group` (the last group may be shorter), or all in one group if `group` is 0.
//
// A plain matrix has channel n in column n % 64 of panel n / 64. A gated pair (gate and up of a SwiGLU block, F
// channels each) has gate f in column f % 32 and up f in column 32 + f % 32 of panel f / 32, so that one tile of the
// product holds both.

enum {
    CPRS_PANEL_CHANNELS = 64,
    CPRS_GATED_PANEL_CHANNELS = 32,
    CPRS_PACKED_INPUT_STEP = 16,
};

typedef struct cprs_packed_shape {
    size_t outputs;  // N, or F of a gated pair
    size_t inputs;   // K
    size_t group;    // int8: inputs that share a scale, a multiple of 16; 0: all of them. bf16: 0
    int gated;       // 1 for a gated pair
} cprs_packed_shape;

typedef enum cprs_dtype { CPRS_F32 = 0, CPRS_BF16 = 1, CPRS_F16 = 2 } cprs_dtype;

// Where source row i goes: output first + i of a plain matrix, or of a gated pair's gate or up half.
typedef enum cprs_pack_part { CPRS_PART_PLAIN = 0, CPRS_PART_GATE = 1, CPRS_PART_UP = 2 } cprs_pack_part;

size_t cprs_packed_inputs(size_t inputs);             // K'
size_t cprs_packed_groups(cprs_packed_shape shape);   // >= 1
size_t cprs_packed_panels(cprs_packed_shape shape);
size_t cprs_packed_bf16_panel_bytes(cprs_packed_shape shape);
size_t cprs_packed_int8_panel_bytes(cprs_packed_shape shape);

// Packs `count` channels. source: [count, K] of `dtype`, any byte alignment; source_stride in elements. `packed` is
// the whole matrix (panels * panel bytes), zero before the first call; disjoint channels may be packed in parallel.
// f32 and f16 become bf16 by rounding to nearest even. int8 takes scale = max |w| / 127 of each group, values rounded
// to nearest even. An infinite or NaN weight packs to something, and is the caller's to refuse.
void cprs_pack_bf16(
    const void *source, cprs_dtype dtype, size_t source_stride, size_t count, cprs_packed_shape shape,
    cprs_pack_part part, size_t first, void *packed);
void cprs_pack_int8(
    const void *source, cprs_dtype dtype, size_t source_stride, size_t count, cprs_packed_shape shape,
    cprs_pack_part part, size_t first, void *packed);

// ---- Products -----------------------------------------------------------------------------------------------------

typedef enum cprs_store {
    CPRS_STORE_F32 = 0,    // data f32 [rows, N]:    y + bias
    CPRS_ADD_F32 = 1,      // data f32 [rows, N]:    data + (y + bias), a residual stream
    CPRS_SWIGLU_F32 = 2,   // data f32 [rows, F]:    silu(gate) * up, W a gated pair, no bias
    CPRS_SWIGLU_BF16 = 3,  // data bf16 [rows, F]:   the same, rounded to nearest even
} cprs_store;

typedef struct cprs_output {
    cprs_store store;
    void *data;
    size_t stride;      // elements between rows of data
    const float *bias;  // [N], or NULL
} cprs_output;

// Panels [first_panel, end_panel) of y = x Wᵀ for a block of rows, then `output`. Columns of other panels are not
// touched. Relative error of silu <= 2^-18.
//   x:      bf16 [rows, K'], elements K... zero
//   packed: the whole matrix
// Sums in float32, in an order that depends on nothing but K.
void cprs_gemm_bf16(
    cprs_isa isa, const uint16_t *x, size_t x_stride, size_t rows, const void *packed, cprs_packed_shape shape,
    size_t first_panel, size_t end_panel, cprs_output output);

//   x:        uint8 [rows, K'], value = x_scale * (x - 128), elements K... anything
//   x_scales: [rows, groups]
// Each group is summed exactly in int32 (K' <= 65536 cannot overflow), groups in float32.
void cprs_gemm_int8(
    cprs_isa isa, const uint8_t *x, size_t x_stride, const float *x_scales, size_t rows, const void *packed,
    cprs_packed_shape shape, size_t first_panel, size_t end_panel, cprs_output output);

// ---- Activations --------------------------------------------------------------------------------------------------
//
// All write rows of K' elements (K = columns), the padding as zero, and give bit-identical results on every instruction
// set. out_stride >= K'. Int8 rows are symmetric per row and group: scale = max |x| / 127 (0 for a group of zeros),
// out = 128 + round(x / scale) in 1...255. scales: [rows, groups].

void cprs_round_bf16(
    cprs_isa isa, const float *x, size_t x_stride, size_t rows, size_t columns, uint16_t *out, size_t out_stride);

void cprs_quantize_f32(
    cprs_isa isa, const float *x, size_t x_stride, size_t rows, size_t columns, size_t group, uint8_t *out,
    size_t out_stride, float *scales);
void cprs_quantize_bf16(
    cprs_isa isa, const uint16_t *x, size_t x_stride, size_t rows, size_t columns, size_t group, uint8_t *out,
    size_t out_stride, float *scales);

// Root-mean-square normalisation (arXiv:1910.07467), weight: [columns], fused with the conversion.
void cprs_rms_norm_bf16(
    cprs_isa isa, const float *x, size_t x_stride, const float *weight, float epsilon, size_t rows, size_t columns,
    uint16_t *out, size_t out_stride);
void cprs_rms_norm_int8(
    cprs_isa isa, const float *x, size_t x_stride, const float *weight, float epsilon, size_t rows, size_t columns,
    size_t group, uint8_t *out, size_t out_stride, float *scales);

// ---- Float32 --------------------------------------------------------------------------------------------------------

// out = x wᵀ + bias for a few outputs: the heads. x: [rows, columns], w: [outputs, columns], bias: [outputs] or NULL,
// out: [rows, outputs]. Bit-identical on every instruction set.
void cprs_dot_rows_f32(
    cprs_isa isa, const float *x, size_t x_stride, size_t rows, const float *w, size_t w_stride, size_t outputs,
    size_t columns, const float *bias, float *out, size_t out_stride);

#endif
