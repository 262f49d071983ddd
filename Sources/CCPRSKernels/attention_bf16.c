#include <math.h>

#include "gemm_packed.h"
#include "softmax.h"

enum {
    PANEL = CPRS_PANEL_CHANNELS,
    TILE = CPRS_TILE_ROWS,
    KEY_BLOCK = CPRS_KEY_BLOCK,
    BLOCK_TILES = CPRS_QUERY_BLOCK / CPRS_TILE_ROWS,
};

_Static_assert(CPRS_QUERY_BLOCK % CPRS_TILE_ROWS == 0, "a block of queries is whole tiles");

static size_t round_up(size_t x, size_t multiple) { return (x + multiple - 1) / multiple * multiple; }
static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

// Elements of one head's keys and values.
static size_t keys_of_head(size_t head_width, size_t capacity) { return capacity * cprs_packed_inputs(head_width); }
static size_t values_of_head(size_t head_width, size_t capacity) { return capacity * round_up(head_width, PANEL); }

size_t cprs_keys_bytes(size_t kv_heads, size_t head_width, size_t capacity) {
    return kv_heads * keys_of_head(head_width, capacity) * sizeof(uint16_t);
}

size_t cprs_values_bytes(size_t kv_heads, size_t head_width, size_t capacity) {
    return kv_heads * values_of_head(head_width, capacity) * sizeof(uint16_t);
}

// ---- Storing queries, keys and values -----------------------------------------------------------------------------

static void store_key(const uint16_t *key, size_t head_width, size_t position, uint16_t *keys) {
    uint16_t *column = keys + position / PANEL * PANEL * cprs_packed_inputs(head_width) + position % PANEL * 2;
    for (size_t i = 0; i < head_width; i += 2) memcpy(column + i * PANEL, key + i, 2 * sizeof *key);
}

static void store_value(const uint16_t *value, size_t head_width, size_t position, size_t capacity, uint16_t *values) {
    uint16_t *row = values + position / 2 * 2 * PANEL + position % 2;
    for (size_t i = 0; i < head_width; i++) row[i / PANEL * PANEL * capacity + i % PANEL * 2] = value[i];
}

void cprs_store_qkv_bf16(
    cprs_isa isa, const float *qkv, size_t qkv_stride, const float *cosine, const float *sine, size_t position,
    size_t rows, const cprs_window *window) {
    const cprs_kernels *kernels = cprs_kernels_for(isa);
    const size_t width = window->head_width, heads = window->heads, kv_heads = window->kv_heads, half = width / 2;
    const float query_scale = 1.4426950408889634f / sqrtf((float)width);
    for (size_t r = 0; r < rows; r++) {
        const float *x = qkv + r * qkv_stride, *c = cosine + r * half, *s = sine + r * half;
        const size_t p = position + r;
        uint16_t *query = window->queries + (p - window->first_position) * window->query_stride;
        for (size_t h = 0; h < heads; h++) kernels->rope_row(x + h * width, c, s, half, query_scale, query + h * width);
        for (size_t h = 0; h < kv_heads; h++) {
            uint16_t head[CPRS_MAX_HEAD_WIDTH];
            kernels->rope_row(x + (heads + h) * width, c, s, half, 1.0f, head);
            store_key(head, width, p, (uint16_t *)window->keys + h * keys_of_head(width, window->capacity));
            kernels->round_row(x + (heads + kv_heads + h) * width, width, head);
            uint16_t *values = (uint16_t *)window->values + h * values_of_head(width, window->capacity);
            store_value(head, width, p, window->capacity, values);
        }
    }
}

// ---- Attention ----------------------------------------------------------------------------------------------------

// Scratch of one call: for a block of queries of every head in the group, tile by tile.
typedef struct block_scratch {
    cprs_softmax_rows *states;  // [tiles]
    uint16_t *queries;          // [tiles][TILE][query_width], zero in rows and elements that do not exist
    float *sums;                // [tiles][value_panels][TILE][PANEL]: the weighted values so far
    uint16_t *weights;          // [TILE][KEY_BLOCK]: of the tile and block of keys at hand
    size_t query_width;         // HD rounded up to even pairs of the key panels
    size_t value_panels;
} block_scratch;

size_t cprs_attention_scratch_bytes(size_t heads, size_t kv_heads, size_t head_width) {
    const size_t tiles = heads / kv_heads * BLOCK_TILES;
    const size_t query_tile = TILE * cprs_packed_inputs(head_width) * sizeof(uint16_t);
    const size_t sums_tile = round_up(head_width, PANEL) * TILE * sizeof(float);
    return tiles * (sizeof(cprs_softmax_rows) + query_tile + sums_tile) + TILE * KEY_BLOCK * sizeof(uint16_t);
}

static block_scratch lay_out(const cprs_window *window, void *scratch) {
    const size_t tiles = window->heads / window->kv_heads * BLOCK_TILES;
    block_scratch block = {
        .query_width = cprs_packed_inputs(window->head_width),
        .value_panels = round_up(window->head_width, PANEL) / PANEL,
    };
    block.states = scratch;
    block.weights = (uint16_t *)(block.states + tiles);
    block.sums = (float *)(block.weights + TILE * KEY_BLOCK);
    block.queries = (uint16_t *)(block.sums + tiles * block.value_panels * TILE * PANEL);
    return block;
}

// The keys that a row of queries sees.
static size_t visible_keys(const cprs_window *window, size_t row) {
    return window->causal ? smaller(window->first_position + row + 1, window->tokens) : window->tokens;
}

// Makes tile `t` ready: `rows` queries of `head` from `row` on.
static void load_tile(
    const cprs_window *window, size_t head, size_t row, size_t rows, const block_scratch *block, size_t t) {
    uint16_t *queries = block->queries + t * TILE * block->query_width;
    memset(queries, 0, TILE * block->query_width * sizeof *queries);
    for (size_t r = 0; r < rows; r++) {
        const uint16_t *query = window->queries + (row + r) * window->query_stride + head * window->head_width;
        memcpy(queries + r * block->query_width, query, window->head_width * sizeof *query);
    }
    cprs_softmax_start(&block->states[t]);
}

// What the rows of a tile see of a panel that is visible to all of them.
static const size_t whole_panel[TILE] = {PANEL, PANEL, PANEL, PANEL, PANEL, PANEL};

// Weighs tile `t` against the keys from `key` on, at most KEY_BLOCK of them, and adds their values.
static void attend_block(
    const cprs_kernels *kernels, const cprs_window *window, const uint16_t *keys, const uint16_t *values,
    const block_scratch *block, size_t t, const size_t visible[TILE], size_t key) {
    const size_t count = smaller(visible[TILE - 1] - key, KEY_BLOCK), width = block->query_width;
    const uint16_t *queries = block->queries + t * TILE * width;
    cprs_softmax_rows *state = &block->states[t];
    float *sums = block->sums + t * block->value_panels * TILE * PANEL;
    // Needed after some thousand cycles of weighing; last used by the block of keys before.
    for (size_t i = 0; i < block->value_panels * TILE * PANEL; i += 16) __builtin_prefetch(sums + i, 1);
    for (size_t k = 0; k < count; k += PANEL) {
        const size_t first = key + k;
        size_t here[TILE];
        const int whole = visible[0] >= first + PANEL;
        for (size_t r = 0; r < TILE && !whole; r++) {
            here[r] = visible[r] > first ? smaller(visible[r] - first, PANEL) : 0;
        }
        kernels->weigh_keys(
            queries, width, keys + first * width, whole ? whole_panel : here, k / PANEL, block->weights, state);
    }
    // The first block writes the sums afresh.
    cprs_softmax_rescale(state, sums, key == 0 ? 0 : block->value_panels);
    for (size_t v = 0; v < block->value_panels; v++) {
        const uint16_t *panel = values + v * PANEL * window->capacity + key * PANEL;
        // Past the last visible key every weight is zero.
        kernels->tile_bf16(TILE, block->weights, KEY_BLOCK, panel, (count + 1) / 2, sums + v * TILE * PANEL, key == 0);
    }
}

// Divides the sums of a tile by its weights' total.
static void store_tile(
    const cprs_kernels *kernels, const cprs_window *window, const block_scratch *block, size_t t, size_t rows,
    uint16_t *out, size_t out_stride) {
    for (size_t r = 0; r < rows; r++) {
        const float scale = 1.0f / cprs_softmax_total(&block->states[t], r);
        const float *sums = block->sums + (t * block->value_panels * TILE + r) * PANEL;
        for (size_t i = 0; i < window->head_width; i += PANEL) {
            const size_t count = smaller(window->head_width - i, PANEL);
            kernels->scale_row(sums + i * TILE, scale, count, out + r * out_stride + i);
        }
    }
}

void cprs_attention_bf16(
    cprs_isa isa, const cprs_window *window, size_t kv_head, size_t first_query, size_t count, uint16_t *out,
    size_t out_stride, void *scratch) {
    const cprs_kernels *kernels = cprs_kernels_for(isa);
    const block_scratch block = lay_out(window, scratch);
    const size_t group = window->heads / window->kv_heads, width = window->head_width;
    const uint16_t *keys = (const uint16_t *)window->keys + kv_head * keys_of_head(width, window->capacity);
    const uint16_t *values = (const uint16_t *)window->values + kv_head * values_of_head(width, window->capacity);
    const size_t end = first_query + count;
    for (size_t row = first_query; row < end; row += CPRS_QUERY_BLOCK) {
        const size_t rows = smaller(end - row, CPRS_QUERY_BLOCK), tiles = (rows + TILE - 1) / TILE;
        for (size_t t = 0; t < group * tiles; t++) {
            const size_t first = t % tiles * TILE;
            load_tile(window, kv_head * group + t / tiles, row + first, smaller(rows - first, TILE), &block, t);
        }
        const size_t last_key = visible_keys(window, row + rows - 1);
        for (size_t key = 0; key < last_key; key += KEY_BLOCK) {
            for (size_t t = 0; t < group * tiles; t++) {
                size_t visible[TILE];
                for (size_t r = 0; r < TILE; r++) {
                    visible[r] = visible_keys(window, row + smaller(t % tiles * TILE + r, rows - 1));
                }
                if (visible[TILE - 1] <= key) continue;
                attend_block(kernels, window, keys, values, &block, t, visible, key);
            }
        }
        for (size_t t = 0; t < group * tiles; t++) {
            const size_t first = t % tiles * TILE, head = kv_head * group + t / tiles;
            uint16_t *tile = out + (row + first) * out_stride + head * width;
            store_tile(kernels, window, &block, t, smaller(rows - first, TILE), tile, out_stride);
        }
    }
}
