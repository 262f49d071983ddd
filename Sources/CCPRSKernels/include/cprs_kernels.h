#ifndef CPRS_KERNELS_H
#define CPRS_KERNELS_H

// Legend, used in every shape comment of this target:
//   T   tokens in a window (prompt included)     D   model width (hidden_size)
//   H   query heads, KV key/value heads          HD  width of one head
//   F   feed-forward width (intermediate_size)   V   vocabulary size
// Matrices are row-major and float32 unless the name says otherwise. Kernels check nothing and cannot fail: the Swift
// wrapper checks shapes before the call.

#include "cprs_attention.h"
#include "cprs_gemm.h"

#endif
