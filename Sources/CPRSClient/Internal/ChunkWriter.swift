internal import CPRSWire
internal import GRPCCore
internal import SwiftProtobuf

/// Sends a context in pieces of a good size.
struct ChunkWriter: Sendable {
    private let writer: RPCWriter<Cprs_V1_CompressRequest>

    init(_ writer: RPCWriter<Cprs_V1_CompressRequest>) { self.writer = writer }

    /// Suspends while the daemon is not ready for more.
    func write(_ bytes: [UInt8], documentID: String) async throws {
        for start in stride(from: 0, to: bytes.count, by: WireLimits.chunkBytes) {
            let piece = bytes[start..<min(bytes.count, start + WireLimits.chunkBytes)]
            try await self.writer.write(
                .with {
                    $0.chunk.text = .init(wire: piece)
                    $0.chunk.documentID = documentID
                })
        }
    }
}
