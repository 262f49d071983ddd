internal import CPRSCore
internal import CPRSEngine
internal import CPRSSegmentation
internal import CPRSTokenizer
internal import CPRSWire

/// A request's text and logits, from which another selection can be made without a forward pass.
///
/// Replaying them through the engine takes the same path as a fresh request, so the answers are equal by construction.
struct Recording: Sendable {
    /// The request, as it was scored.
    let request: CompressionRequest
    let tokenizer: Tokenizer
    let limits: CriticLimits
    let lexicon: Lexicon?
    let modelInfo: Cprs_V1_ModelInfo
    private let maxBytes: Int
    /// What a chunk takes beside its bytes and its name: headers of two allocations, and its place in the list.
    private static let chunkOverheadBytes = 128
    /// Chunks as they came.
    private(set) var chunks: [InputChunk] = []
    /// By window index; nil where the scores are not there yet.
    private var outputs: [CriticOutput?] = []
    /// Bytes of memory in text and logits.
    private(set) var byteCount = 0
    /// False once it grew beyond its bound; it is of no use then.
    private(set) var isComplete = true

    init(request: CompressionRequest, model: ServedModel, maxBytes: Int) {
        self.request = request
        self.tokenizer = model.tokenizer
        self.limits = model.limits
        self.lexicon = model.lexicon
        self.modelInfo = model.wire
        self.maxBytes = maxBytes
    }

    mutating func append(_ chunk: InputChunk) {
        // Tiny chunks are joined, so that their overhead stays small beside their text.
        let isJoined = self.chunks.last.map { last in
            (chunk.documentID.isEmpty || chunk.documentID == last.documentID) && last.bytes.count < 1 << 14
        }
        let overhead = isJoined == true ? 0 : Self.chunkOverheadBytes + chunk.documentID.utf8.count
        self.grow(by: chunk.bytes.count + overhead)
        guard self.isComplete else { return }
        if isJoined == true {
            self.chunks[self.chunks.count - 1].bytes += chunk.bytes
        } else {
            self.chunks.append(chunk)
        }
    }

    mutating func append(_ output: CriticOutput, window: Int) {
        self.grow(by: (output.labelLogits.count + output.tagLogits.count) * MemoryLayout<Float>.stride)
        guard self.isComplete else { return }
        while self.outputs.count <= window { self.outputs.append(nil) }
        self.outputs[window] = output
        self.outputs[window]?.timings = StageTimings()
    }

    /// The scores of a window.
    func output(window: Int) -> CriticOutput? { window < self.outputs.count ? self.outputs[window] : nil }

    private mutating func grow(by bytes: Int) {
        self.byteCount += bytes
        guard self.byteCount > self.maxBytes else { return }
        self.isComplete = false
        self.chunks = []
        self.outputs = []
    }
}
