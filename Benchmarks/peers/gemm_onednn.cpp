// Our packed matrix products against oneDNN's matmul, at the shapes of one 0.5B layer, in one run.
//
//   gemm_onednn ROWS THREADS ROUNDS   prints one JSON object a shape and precision
//
// Both have their weights packed beforehand, write float32, and take turns: a round is one product of each. int8 is
// unsigned by signed with a scale per output channel; ours also multiplies by a scale per row, which oneDNN 2 cannot.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include <omp.h>
#include <oneapi/dnnl/dnnl.hpp>

extern "C" {
#include "cprs_gemm.h"
}

using dnnl::memory;

struct Shape {
    const char *name;
    size_t outputs, inputs;
};

static const Shape shapes[] = {
    {"qkv", 1152, 896}, {"attention output", 896, 896}, {"gate and up", 9728, 896}, {"down", 896, 4864}};

static void *aligned(size_t bytes) {
    void *start = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    if (start == nullptr) abort();
    return start;
}

// Small whole numbers, all of which every type holds exactly.
static float value(size_t i) { return static_cast<float>(static_cast<int>((i * 2654435761u >> 16) % 15) - 7); }

// Ours, cut into blocks as the forward pass does: 96 rows by some panels, taken by whoever is free.
static std::function<void()> ours(const Shape &shape, size_t rows, bool int8, float *out) {
    const cprs_packed_shape packed_shape = {shape.outputs, shape.inputs, 0, 0};
    const size_t panels = cprs_packed_panels(packed_shape), depth = cprs_packed_inputs(shape.inputs);
    std::vector<float> weights(shape.outputs * shape.inputs), x(rows * shape.inputs);
    for (size_t i = 0; i < weights.size(); i++) weights[i] = value(i);
    for (size_t i = 0; i < x.size(); i++) x[i] = value(i + 1);
    const size_t bytes =
        panels * (int8 ? cprs_packed_int8_panel_bytes(packed_shape) : cprs_packed_bf16_panel_bytes(packed_shape));
    void *packed = aligned(bytes), *inputs = aligned(rows * depth * 2);
    std::fill_n(static_cast<char *>(packed), bytes, 0);
    float *scales = static_cast<float *>(aligned(rows * sizeof(float)));
    const cprs_isa isa = cprs_best_isa();
    if (int8) {
        cprs_pack_int8(
            weights.data(), CPRS_F32, shape.inputs, shape.outputs, packed_shape, CPRS_PART_PLAIN, 0, packed);
        cprs_quantize_f32(
            isa, x.data(), shape.inputs, rows, shape.inputs, 0, static_cast<uint8_t *>(inputs), depth, scales);
    } else {
        cprs_pack_bf16(
            weights.data(), CPRS_F32, shape.inputs, shape.outputs, packed_shape, CPRS_PART_PLAIN, 0, packed);
        cprs_round_bf16(isa, x.data(), shape.inputs, rows, shape.inputs, static_cast<uint16_t *>(inputs), depth);
    }
    return [=] {
        const long row_blocks = (rows + 95) / 96, panel_blocks = (panels + 7) / 8;
#pragma omp parallel for collapse(2) schedule(dynamic)
        for (long p = 0; p < panel_blocks; p++) {
            for (long r = 0; r < row_blocks; r++) {
                const size_t row = 96 * r, count = std::min<size_t>(96, rows - row);
                const size_t first = 8 * p, end = std::min<size_t>(first + 8, panels);
                const cprs_output output = {CPRS_STORE_F32, out + row * shape.outputs, shape.outputs, nullptr};
                if (int8) {
                    cprs_gemm_int8(
                        isa, static_cast<const uint8_t *>(inputs) + row * depth, depth, scales + row, count, packed,
                        packed_shape, first, end, output);
                } else {
                    cprs_gemm_bf16(
                        isa, static_cast<const uint16_t *>(inputs) + row * depth, depth, count, packed, packed_shape,
                        first, end, output);
                }
            }
        }
    };
}

static std::function<void()> theirs(const Shape &shape, size_t rows, bool int8, float *out) {
    static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    static dnnl::stream stream(engine);
    using type = memory::data_type;
    using tag = memory::format_tag;
    const memory::dim m = rows, k = shape.inputs, n = shape.outputs;
    const memory::desc x({m, k}, int8 ? type::u8 : type::bf16, tag::ab);
    const memory::desc any({k, n}, int8 ? type::s8 : type::bf16, tag::any), result({m, n}, type::f32, tag::ab);
    dnnl::primitive_attr attributes;
    if (int8) attributes.set_output_scales(2, std::vector<float>(n, 1.0f));
    const dnnl::matmul::primitive_desc description({x, any, result}, attributes, engine);
    const dnnl::matmul matmul(description);

    // Unsigned inputs are moved up by 7, as values are in -7...7.
    memory plain({{m, k}, type::f32, tag::ab}, engine), plain_weights({{k, n}, type::f32, tag::ba}, engine);
    float *from = static_cast<float *>(plain.get_data_handle());
    for (size_t i = 0; i < rows * shape.inputs; i++) from[i] = value(i + 1) + (int8 ? 7 : 0);
    from = static_cast<float *>(plain_weights.get_data_handle());
    for (size_t i = 0; i < shape.outputs * shape.inputs; i++) from[i] = value(i);
    memory inputs(x, engine), weights(description.weights_desc(), engine), output(result, engine, out);
    dnnl::reorder(plain, inputs).execute(stream, plain, inputs);
    dnnl::reorder(plain_weights, weights).execute(stream, plain_weights, weights);
    stream.wait();
    return [=]() mutable {
        matmul.execute(stream, {{DNNL_ARG_SRC, inputs}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, output}});
        stream.wait();
    };
}

static double seconds(const std::function<void()> &product) {
    const auto start = std::chrono::steady_clock::now();
    product();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

static double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

int main(int count, char **arguments) {
    if (count != 4) return fprintf(stderr, "usage: gemm_onednn ROWS THREADS ROUNDS\n"), 2;
    const size_t rows = atol(arguments[1]);
    const int threads = atoi(arguments[2]), rounds = atoi(arguments[3]);
    if (rows < 1 || threads < 1 || rounds < 1) return fprintf(stderr, "every argument must be at least 1\n"), 2;
    omp_set_num_threads(threads);
    for (const bool int8 : {false, true}) {
        for (const Shape &shape : shapes) {
            const size_t size = rows * shape.outputs;
            float *mine = static_cast<float *>(aligned(size * 4)), *other = static_cast<float *>(aligned(size * 4));
            const auto ours_product = ours(shape, rows, int8, mine), their_product = theirs(shape, rows, int8, other);
            ours_product();
            their_product();
            // bf16 sums are exact: every product and sum is a small whole number. Int8 rows of ours are scaled to
            // 127/7, which rounds, and oneDNN's are moved up by 7: its results have 7 times the column's sum to lose.
            double worst = 0;
            for (size_t n = 0; n < shape.outputs; n++) {
                double moved = 0;
                for (size_t k = 0; int8 && k < shape.inputs; k++) moved += 7 * value(n * shape.inputs + k);
                for (size_t r = 0; r < rows; r += 97) {
                    const size_t i = r * shape.outputs + n;
                    worst = std::max(worst, std::abs(double(mine[i]) - (double(other[i]) - moved)));
                }
            }
            std::vector<double> our_times, their_times;
            for (int round = 0; round < rounds; round++) {
                our_times.push_back(seconds(ours_product));
                their_times.push_back(seconds(their_product));
            }
            const double work = 2e-9 * rows * shape.outputs * shape.inputs;
            printf(
                "{\"precision\": \"%s\", \"shape\": \"%s\", \"outputs\": %zu, \"inputs\": %zu, \"ours\": %.1f, "
                "\"onednn\": %.1f, \"work\": %.3f, \"largest_difference\": %.3g, \"typical_result\": %.3g}\n",
                int8 ? "int8" : "bf16", shape.name, shape.outputs, shape.inputs, work / median(our_times),
                work / median(their_times), work, worst, 20 * std::sqrt(double(shape.inputs)));
            fflush(stdout);
            free(mine);
            free(other);
        }
    }
}
