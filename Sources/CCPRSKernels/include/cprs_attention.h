#ifndef CPRS_ATTENTION_H
#define CPRS_ATTENTION_H

// Blocked attention in bf16 with an online softmax in float32. The legend of shape letters is in cprs_kernels.h.
// Source: Dao et al. 2022, arXiv:2205.14135; Milakov & Gimelshein 2018, arXiv:1805.02867; grouped-query attention:
// Ainslie et al. 2023, arXiv:2305.13245.

#include "cprs_gemm.h"

enum {
    // Queries of one head that share a pass over keys and values; the natural length of a task.
    CPRS_QUERY_BLOCK = 48,
    // The widest head.
    CPRS_MAX_HEAD_WIDTH = 512,
};

// One window's queries, keys and values, with room for `capacity` keys (a multiple of 64).
//   queries: bf16 [rows, H * HD], scaled by log2(e) / sqrt(HD). Row 0 has the position `first_position`.
//   keys:    per key/value head [capacity/64][HD'/2][64][2] bf16, HD' = HD rounded up to 16: 64 keys side by side,
//            elements 2i and 2i+1 of a key together (the panels of cprs_gemm.h, a key in place of a channel).
//   values:  per key/value head [HD"/64][capacity/2][64][2] bf16, HD" = HD rounded up to 64: elements side by side,
//            keys 2i and 2i+1 together.
// keys and values are 64-byte aligned and finite everywhere: zeroed once, before the first cprs_store_qkv_bf16.
typedef struct cprs_window {
    size_t heads;           // H
    size_t kv_heads;        // KV, divides H
    size_t head_width;      // HD, even, <= CPRS_MAX_HEAD_WIDTH
    size_t tokens;          // T: keys that exist, <= capacity
    size_t capacity;
    size_t first_position;
    int causal;             // 1: position p sees keys 0...p; 0: it sees all T
    uint16_t *queries;
    size_t query_stride;
    void *keys;
    void *values;
} cprs_window;

// Bytes of `keys`, and of `values`.
size_t cprs_keys_bytes(size_t kv_heads, size_t head_width, size_t capacity);
size_t cprs_values_bytes(size_t kv_heads, size_t head_width, size_t capacity);

// Takes `rows` rows of the QKV product, biases included, at positions `position`...: rotates queries and keys (on
// halves, "rotate_half"), scales the queries, rounds to bf16 and stores all three where attention reads them.
//   qkv: f32 [rows, (H + 2 KV) * HD]; cosine, sine: f32 [rows, HD/2], of the same rows, contiguous.
// Bit-identical on every instruction set. Different rows may be stored in parallel.
void cprs_store_qkv_bf16(
    cprs_isa isa, const float *qkv, size_t qkv_stride, const float *cosine, const float *sine, size_t position,
    size_t rows, const cprs_window *window);

// Bytes of scratch that one call of cprs_attention_bf16 uses; 64-byte aligned, contents irrelevant.
size_t cprs_attention_scratch_bytes(size_t heads, size_t kv_heads, size_t head_width);

// The attention of all query heads that share `kv_head`, for the queries at rows [first_query, first_query + count)
// of window->queries: softmax(q kᵀ) v, into out: bf16 [rows, H * HD], out row 0 = queries row 0. A row's result does
// not depend on how the queries are split into calls.
// Scores and sums are float32, weights are rounded to bf16 for the product with v. Relative error of a weight before
// rounding <= 2^-18; the maximum that is subtracted may lag by 2^8, which changes no precision.
void cprs_attention_bf16(
    cprs_isa isa, const cprs_window *window, size_t kv_head, size_t first_query, size_t count, uint16_t *out,
    size_t out_stride, void *scratch);

#endif
