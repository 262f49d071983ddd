public import CPRSCore

extension CPRSClient {
    /// Compresses a text and puts what stays together; tries again while the daemon is away or busy.
    public func compressed(_ text: String, _ request: CompressionRequest) async throws(ClientError) -> CompressedText {
        var request = request
        // The text is here; there is no need to send it back.
        request.includesText = false
        request.includesProvisional = false
        let plain = request
        return try await self.retrying {
            let compression = self.compress(text, plain)
            var spans: [KeptSpan] = []
            for try await decision in compression { spans += decision.kept }
            guard let summary = compression.summary else {
                throw ClientError(code: .internal, message: "the daemon ended the call without a summary")
            }
            return CompressedText(of: Array(text.utf8), spans: spans, summary: summary)
        }
    }

    /// Compresses a text, or returns it unchanged when the daemon is away, busy, late or wrong. Never throws and never takes
    /// much longer than `timeout`.
    ///
    /// What comes back says which of the two it is. A request that is wrong in itself (`invalidArgument`) also passes the
    /// text through; look at the reason.
    public func compressedOrUnchanged(
        _ text: String, _ request: CompressionRequest, timeout: Duration
    ) async -> CompressionOutcome {
        await withTaskGroup(of: CompressionOutcome.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                do throws(ClientError) {
                    return .compressed(try await self.compressed(text, request))
                } catch {
                    return .unchanged(text, because: error)
                }
            }
            group.addTask {
                try? await Task.sleep(for: timeout)
                return .unchanged(
                    text,
                    because: ClientError(code: .deadlineExceeded, message: "no answer from the daemon in \(timeout)"))
            }
            // Both tasks return a value, so there is a first one.
            return await group.next()!
        }
    }
}

/// What ``CPRSClient/compressedOrUnchanged(_:_:timeout:)`` came to.
public enum CompressionOutcome: Sendable {
    /// The text without what the request does not need.
    case compressed(CompressedText)
    /// The text as it was, and why.
    case unchanged(String, because: ClientError)

    /// The text to go on with, in either case.
    public var text: String {
        switch self {
        case .compressed(let compressed): compressed.text
        case .unchanged(let text, _): text
        }
    }

    /// Why the text is unchanged; nil if it is compressed.
    public var reason: ClientError? {
        guard case .unchanged(_, let reason) = self else { return nil }
        return reason
    }
}

/// What stays of a text.
public struct CompressedText: Hashable, Sendable {
    /// The kept pieces, one after the other.
    public var text: String
    /// Where they lie in the input.
    public var spans: [KeptSpan]
    /// What lies between them: dropped.
    public var omitted: [ByteRange]
    /// The figures, and the receipt.
    public var summary: Summary

    init(of input: [UInt8], spans: [KeptSpan], summary: Summary) {
        var kept: [UInt8] = []
        var omitted: [ByteRange] = []
        var end = 0
        for span in spans where span.bytes.upperBound <= input.count {
            if span.bytes.lowerBound > end { omitted.append(end..<span.bytes.lowerBound) }
            kept += input[span.bytes]
            end = span.bytes.upperBound
        }
        if end < input.count { omitted.append(end..<input.count) }
        self.text = String(decoding: kept, as: UTF8.self)
        self.spans = spans
        self.omitted = omitted
        self.summary = summary
    }
}
