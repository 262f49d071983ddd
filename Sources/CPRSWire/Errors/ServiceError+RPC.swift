internal import CPRSCore
package import GRPCCore
internal import GRPCProtobuf

extension ServiceError {
    /// `google.rpc.ErrorInfo.domain`.
    package static let domain = "cprs"

    /// The status that this error travels as, with its details.
    package var rpcError: RPCError {
        var details: [ErrorDetails] = [
            .errorInfo(reason: self.reason.rawValue, domain: Self.domain, metadata: self.figures)
        ]
        let message = self.shortMessage
        if let field = self.field, self.reason != .budgetTooSmall {
            details.append(.badRequest(violations: [.init(field: field, description: message)]))
        }
        if self.reason == .budgetTooSmall {
            details.append(
                .preconditionFailure(violations: [
                    .init(type: self.reason.rawValue, subject: self.field ?? "", description: message)
                ]))
        }
        if let delay = self.retryAfter { details.append(.retryInfo(delay: delay)) }
        return RPCError(GoogleRPCStatus(code: self.reason.code, message: message, details: details))
    }

    /// Bytes of a message, at most. It travels twice in the trailers, once in base64 and once with each byte of three, and
    /// clients refuse trailers of more than 8 KiB.
    package static let messageBytes = 1024

    /// The message, which may quote what the caller sent, in a length that every client takes.
    private var shortMessage: String {
        guard self.message.utf8.count > Self.messageBytes else { return self.message }
        var end = self.message.utf8.index(self.message.startIndex, offsetBy: Self.messageBytes - 3)
        while String.Index(end, within: self.message.unicodeScalars) == nil {
            end = self.message.utf8.index(before: end)
        }
        return self.message[..<end] + "…"
    }

    /// Reads the error that a call ended with; without our details, what its code alone says.
    package init(_ error: RPCError) {
        let details = (try? error.unpackGoogleRPCStatus())?.details ?? []
        let info = details.lazy.compactMap(\.errorInfo).first { $0.domain == Self.domain }
        let reason = info.flatMap { Reason(rawValue: $0.reason) } ?? Reason(error.code)
        self.init(reason, error.message)
        self.field =
            details.lazy.compactMap(\.badRequest?.violations.first?.field).first
            ?? details.lazy.compactMap(\.preconditionFailure?.violations.first?.subject).first { !$0.isEmpty }
        self.retryAfter = details.lazy.compactMap(\.retryInfo?.delay).first
        self.byteOffset = info?.metadata[Figure.byteOffset].flatMap { Int($0) }
        self.minimumTokens = info?.metadata[Figure.minimumTokens].flatMap { Int($0) }
        self.limit = info?.metadata[Figure.limit].flatMap { Int($0) }
    }

    /// Any error that a handler may throw.
    package init(any error: any Error) {
        switch error {
        case let error as ServiceError: self = error
        case let error as CPRSError: self.init(error)
        case let error as RPCError: self.init(error)
        case is CancellationError: self.init(.cancelled, "the caller went away")
        default: self.init(.internal, "\(error)")
        }
    }

    private enum Figure {
        static let byteOffset = "byte_offset"
        static let minimumTokens = "minimum_tokens"
        static let limit = "limit"
    }

    private var figures: [String: String] {
        var figures: [String: String] = [:]
        figures[Figure.byteOffset] = self.byteOffset.map(String.init)
        figures[Figure.minimumTokens] = self.minimumTokens.map(String.init)
        figures[Figure.limit] = self.limit.map(String.init)
        return figures
    }
}

extension ServiceError.Reason {
    /// The gRPC code that a reason travels as.
    package var code: RPCError.Code {
        switch self {
        case .invalidArgument, .invalidText: .invalidArgument
        case .overloaded, .contextTooLarge: .resourceExhausted
        case .budgetTooSmall, .expired: .failedPrecondition
        case .notFound: .notFound
        case .deadlineExceeded: .deadlineExceeded
        case .cancelled: .cancelled
        case .draining: .unavailable
        case .internal: .internalError
        }
    }

    /// What a status without our details most likely means.
    fileprivate init(_ code: RPCError.Code) {
        switch code {
        case .invalidArgument, .outOfRange: self = .invalidArgument
        case .resourceExhausted: self = .overloaded
        case .failedPrecondition: self = .expired
        case .notFound: self = .notFound
        case .deadlineExceeded: self = .deadlineExceeded
        case .cancelled: self = .cancelled
        case .unavailable: self = .draining
        default: self = .internal
        }
    }
}
