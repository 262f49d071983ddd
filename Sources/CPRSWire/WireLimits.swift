/// Sizes that both ends agree on without saying so.
package enum WireLimits {
    /// Bytes of text in one message that a client of ours sends, and in one step of the server's engine.
    package static let chunkBytes = 64 << 10
    /// A kept span's text is sent in pieces of at most this many bytes, so that no message grows with a span.
    package static let spanTextBytes = 256 << 10
    /// Bytes of one message, either way; gRPC's own default in every language.
    package static let maxMessageBytes = 4 << 20
    /// Bytes of Begin.client_request_id.
    package static let maxClientRequestIDBytes = 128
    /// Bytes of Chunk.document_id.
    package static let maxDocumentIDBytes = 256
    /// Bytes of one of Begin.tags; a span repeats its own.
    package static let maxTagBytes = 256
    /// Category words, literals and expressions of one request.
    package static let maxListEntries = 1024
}

/// Names of our own HTTP/2 headers.
package enum WireHeader {
    /// User id of the peer process. Set by the listener from the socket; what a peer sends under this name is removed.
    package static let peerUserID = "cprs-peer-uid"
}
