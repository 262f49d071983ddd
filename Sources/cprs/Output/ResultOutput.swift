internal import CPRSCore
internal import CPRSDigest
internal import CPRSEngine
internal import Synchronization

/// Prints a result while its decisions come in: kept pieces, what lies between them, progress; remembers what a receipt
/// needs. Nothing is printed before the first decision, so an error until then comes alone.
///
/// Used by one thread or task at a time.
final class ResultOutput: Sendable {
    private struct State: Sendable {
        var writer: any ResultWriter
        var model: ModelIdentity?
        var kept = SHA256Digest()
        /// Bytes before this offset have been handed to the writer.
        var written = 0
        var hasBegun = false
    }

    private let source: ContextSource
    private let query: String
    private let progress: ProgressBar?
    private let state: Mutex<State>

    init(source: ContextSource, writer: any ResultWriter, query: String, progress: ProgressBar?) {
        self.source = source
        self.query = query
        self.progress = progress
        self.state = Mutex(State(writer: writer))
    }

    /// Which model decides; must be known before the first decision.
    var model: ModelIdentity? {
        get { self.state.withLock { $0.model } }
        set { self.state.withLock { $0.model = newValue } }
    }

    /// Whether something was printed that cannot be taken back.
    var hasBegun: Bool { self.state.withLock { $0.hasBegun } }

    /// SHA-256 of what was read of the source so far, if the source was told to compute it.
    var inputSHA256: [UInt8]? { self.source.sha256 }

    /// Takes what became final.
    ///
    /// - Parameter finalBytes: every byte before it is decided.
    func take(_ kept: [KeptSpan], finalBytes: Int) throws(CPRSError) {
        if !kept.isEmpty { self.progress?.clear() }
        for span in kept {
            try self.writeDropped(upTo: span.bytes.lowerBound)
            let text = try self.source.bytes(span.bytes)
            self.write { state in
                if self.source.isHashed { state.kept.update(text) }
                state.writer.kept(span, text: text)
                state.written = span.bytes.upperBound
            }
        }
        try self.writeDropped(upTo: finalBytes)
        self.source.release(before: finalBytes)
    }

    /// Prints the end.
    func finish(_ summary: CompressionSummary, openSeconds: Double) {
        self.progress?.clear()
        self.write { $0.writer.finish(summary, openSeconds: openSeconds) }
        Console.flush()
    }

    /// What proves later which input and which output belong together; nil if the source was not hashed.
    func receipt(_ summary: CompressionSummary) -> Receipt? {
        guard let input = self.source.sha256 else { return nil }
        return self.state.withLock { state in
            Receipt(
                model: state.model ?? ModelIdentity(name: "", sha256: ""),
                input: .init(bytes: summary.contextBytes, tokens: summary.contextTokens, sha256: input),
                kept: .init(bytes: summary.keptBytes, tokens: summary.keptTokens, sha256: state.kept.finalized()))
        }
    }

    private func write(_ body: (inout State) -> Void) {
        self.state.withLock { state in
            if !state.hasBegun {
                state.hasBegun = true
                state.writer.begin(
                    ResultHeading(model: state.model?.name ?? "", source: self.source.name, query: self.query))
            }
            body(&state)
        }
    }

    /// Hands the writer what lies between the last piece and `end`, in blocks so that memory stays constant.
    private func writeDropped(upTo end: Int) throws(CPRSError) {
        while let block = self.nextBlock(upTo: end) {
            let text = try self.source.bytes(block)
            self.write { state in
                state.writer.dropped(text)
                state.written = block.upperBound
            }
        }
        self.state.withLock { $0.written = max($0.written, end) }
    }

    private func nextBlock(upTo end: Int) -> ByteRange? {
        self.state.withLock { state in
            guard state.writer.wantsDropped, state.written < end else { return nil }
            return state.written..<min(end, state.written + 1 << 20)
        }
    }
}

/// Which model decided.
struct ModelIdentity: Hashable, Sendable {
    /// The folder's name.
    var name: String
    /// SHA-256 of its weights, 64 hexadecimal digits; empty where nobody asked for it.
    var sha256: String
}
