internal import CPRSCore
internal import Glibc

/// The model written a second time, as plainly as possible: double precision, whole T x T attention, no blocks, no
/// shared code. The oracle for the fast one.
struct ReferenceForward {
    let model: TinyModel
    private let weights: [String: [[Double]]]

    init(_ model: TinyModel, _ tensors: [TinyModel.Tensor]) {
        self.model = model
        var weights: [String: [[Double]]] = [:]
        for tensor in tensors {
            let columns = tensor.shape.last ?? 1
            weights[tensor.name] = stride(from: 0, to: tensor.values.count, by: columns).map { start in
                tensor.values[start..<start + columns].map(Double.init)
            }
        }
        self.weights = weights
    }

    /// Label logits `[C, 4]` and tag logits `[C, G]` of the context tokens.
    func score(_ window: CriticWindow) -> (labels: [Double], tags: [Double]) {
        var x = (window.prompt + window.context).map { self.weights["model.embed_tokens.weight"]![Int($0)] }
        for layer in 0..<self.model.layers {
            let prefix = "model.layers.\(layer)."
            let normed = x.map { self.norm($0, prefix + "input_layernorm.weight") }
            let attended = self.attention(normed, prefix, causal: layer < self.model.start)
            for t in x.indices { x[t] = self.add(x[t], self.linear(attended[t], prefix + "self_attn.o_proj.weight")) }
            for t in x.indices {
                let h = self.norm(x[t], prefix + "post_attention_layernorm.weight")
                let gate = self.linear(h, prefix + "mlp.gate_proj.weight")
                let up = self.linear(h, prefix + "mlp.up_proj.weight")
                let inner = zip(gate, up).map { $0 / (1 + exp(-$0)) * $1 }
                x[t] = self.add(x[t], self.linear(inner, prefix + "mlp.down_proj.weight"))
            }
        }
        let hidden = x[window.prompt.count...].map { self.norm($0, "model.norm.weight") }
        let labels = hidden.flatMap { self.add(self.linear($0, "cls_head.weight"), self.weights["cls_head.bias"]![0]) }
        let head = self.model.tied ? "model.embed_tokens.weight" : "lm_head.weight"
        guard let rows = self.weights[head] else { return (labels, []) }
        let tags = hidden.flatMap { h in window.tags.map { self.dot(h, rows[Int($0)]) } }
        return (labels, tags)
    }

    private func attention(_ normed: [[Double]], _ prefix: String, causal: Bool) -> [[Double]] {
        func project(_ name: String, rotated: Bool) -> [[Double]] {
            normed.enumerated().map { position, h in
                let y = self.add(
                    self.linear(h, "\(prefix)self_attn.\(name)_proj.weight"),
                    self.weights["\(prefix)self_attn.\(name)_proj.bias"]![0])
                return rotated ? self.rotate(y, position) : y
            }
        }
        let (q, k, v) = (project("q", rotated: true), project("k", rotated: true), project("v", rotated: false))
        let width = self.model.headWidth
        let group = self.model.heads / self.model.keyValueHeads
        return q.indices.map { t in
            (0..<self.model.heads).flatMap { head -> [Double] in
                let shared = head / group * width
                let query = q[t][head * width..<(head + 1) * width]
                let seen = causal ? 0...t : 0...q.count - 1
                let scores = seen.map { self.dot(query, k[$0][shared..<shared + width]) / Double(width).squareRoot() }
                let top = scores.max()!
                let weights = scores.map { exp($0 - top) }
                let total = weights.reduce(0, +)
                return (0..<width).map { i in
                    seen.reduce(0.0) { $0 + weights[$1] * v[$1][shared + i] } / total
                }
            }
        }
    }

    private func rotate(_ x: [Double], _ position: Int) -> [Double] {
        let (width, half) = (self.model.headWidth, self.model.headWidth / 2)
        var out = x
        for start in stride(from: 0, to: x.count, by: width) {
            for i in 0..<half {
                let angle = Double(position) / pow(self.model.theta, 2 * Double(i) / Double(width))
                let (a, b) = (x[start + i], x[start + i + half])
                out[start + i] = a * cos(angle) - b * sin(angle)
                out[start + i + half] = b * cos(angle) + a * sin(angle)
            }
        }
        return out
    }

    private func norm(_ x: [Double], _ name: String) -> [Double] {
        let root = (self.dot(x, x) / Double(x.count) + self.model.epsilon).squareRoot()
        return zip(x, self.weights[name]![0]).map { $0 / root * $1 }
    }

    private func linear(_ x: [Double], _ name: String) -> [Double] { self.weights[name]!.map { self.dot(x, $0) } }

    private func dot(_ a: some Collection<Double>, _ b: some Collection<Double>) -> Double {
        zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
    }

    private func add(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map(+) }
}
