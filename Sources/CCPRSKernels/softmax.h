// The state of an online softmax over panels of keys, for a tile of query rows. Not part of the public headers.
#ifndef CPRS_SOFTMAX_H
#define CPRS_SOFTMAX_H

#include "cpu.h"

enum {
    CPRS_KEY_BLOCK = 256,  // keys whose weights are kept, as bf16, until their values are added
    // A row's reference is raised when a score passes it by more than this: weights stay below 2^8, and most panels
    // need no rescaling of what came before.
    CPRS_SOFTMAX_SLACK = 8,
};

// Weights are 2^(score - reference), rounded to bf16, and it is the rounded ones that are summed: a row that attends
// to one key gets its value exactly. A reference is a whole number, so a change of it scales by a power of two, which
// loses nothing.
struct cprs_softmax_rows {
    _Alignas(64) float sums[CPRS_TILE_ROWS][16];  // of the rounded weights so far, in 16 parts
    float reference[CPRS_TILE_ROWS];              // -infinity before the first panel
    float rescale[CPRS_TILE_ROWS];                // what values added before this block of keys are to be scaled by
    int rescaled;                                 // some factor in `rescale` is not 1
};

// Before the first panel.
void cprs_softmax_start(cprs_softmax_rows *state);

// Raises the reference of row `r` to `maximum`, rounded up. Scales the row's sums, and its weights of the `index`
// panels of this block that came before: weights [CPRS_TILE_ROWS][CPRS_KEY_BLOCK].
void cprs_softmax_raise(cprs_softmax_rows *state, size_t r, float maximum, size_t index, uint16_t *weights);

// Scales values that were added before this block: sums [panels][CPRS_TILE_ROWS][64].
void cprs_softmax_rescale(cprs_softmax_rows *state, float *sums, size_t panels);

// The sum of row r's weights.
float cprs_softmax_total(const cprs_softmax_rows *state, size_t r);

#endif
