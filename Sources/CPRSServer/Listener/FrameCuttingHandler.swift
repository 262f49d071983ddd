internal import NIOCore

/// Hands a connection's bytes on frame by frame, each piece in memory of its own size; stands in the connection's pipeline
/// before HTTP/2.
///
/// The decoder of HTTP/2 adds what it reads to a buffer that it shares with the frames that it has handed out. While one
/// of those waits for its reader, each further read copies into a new buffer as large as the largest so far, and a waiting
/// message of a kilobyte holds that: some hundred kilobytes. Fed with a frame at a time, the buffer stays as large as the
/// largest frame.
///
/// Not needed once the decoder shrinks its buffer (swift-nio-http2 1.46.0 does not).
final class FrameCuttingHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var cutter = FrameCutter()

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = self.unwrapInboundIn(data).readableBytesView
        var start = bytes.startIndex
        // What was handed on may have closed the connection.
        while start < bytes.endIndex, context.channel.isActive {
            let end = self.cutter.endOfFrame(in: bytes[start...])
            context.fireChannelRead(self.wrapInboundOut(ByteBuffer(bytes: bytes[start..<end])))
            start = end
        }
    }
}

/// Finds where HTTP/2's frames end, over any cutting of a client's bytes.
///
/// Source: RFC 9113, 3.4 and 4.1: a preface of 24 bytes; then frames, each with a header of nine bytes of which the first
/// three are the length of what follows, the highest first.
package struct FrameCutter: Sendable {
    private static let prefaceBytes = 24

    /// Bytes of the preface or of a payload that are still to come.
    private var remaining = FrameCutter.prefaceBytes
    private var header = LengthPrefix(bytes: 9, lengthBytes: 0..<3)

    package init() {}

    /// Where in these bytes, which follow those of the last call and are not empty, the first frame ends; their end if
    /// they do not reach so far.
    package mutating func endOfFrame<Bytes: Collection<UInt8>>(in bytes: Bytes) -> Bytes.Index {
        var index = bytes.startIndex
        while self.remaining == 0, index < bytes.endIndex {
            let length = self.header.append(bytes[index])
            bytes.formIndex(after: &index)
            guard let length else { continue }
            self.remaining = length
            // A frame may end with its header.
            if length == 0 { return index }
        }
        let end = bytes.index(index, offsetBy: self.remaining, limitedBy: bytes.endIndex) ?? bytes.endIndex
        self.remaining -= bytes.distance(from: index, to: end)
        return end
    }
}
