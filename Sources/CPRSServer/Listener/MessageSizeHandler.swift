internal import CPRSWire
internal import GRPCCore
internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2

/// Ends a call whose next message is longer than the server takes, with a status that says so.
///
/// gRPC itself resets such a stream, which a client hears as "cancelled". A message's length comes before its bytes, so
/// none of them is held.
final class MessageSizeHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTP2Frame.FramePayload
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private let maxBytes: Int
    private let toleranceBytes: Int
    private var framing = MessageFraming()
    private var hasResponded = false
    private var isRefused = false

    /// - Parameters:
    ///   - maxBytes: of one message's text, as callers are told.
    ///   - toleranceBytes: of its other fields.
    init(maxBytes: Int, toleranceBytes: Int) {
        self.maxBytes = maxBytes
        self.toleranceBytes = toleranceBytes
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.isRefused else { return }
        if case .data(let frame) = self.unwrapInboundIn(data), case .byteBuffer(let bytes) = frame.data,
            let length = self.framing.longestMessage(in: bytes.readableBytesView),
            length > self.maxBytes + self.toleranceBytes
        {
            self.refuse(context, length: length)
            return
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .headers = self.unwrapOutboundIn(data) { self.hasResponded = true }
        context.write(data, promise: promise)
    }

    private func refuse(_ context: ChannelHandlerContext, length: Int) {
        self.isRefused = true
        var error = ServiceError(
            .contextTooLarge,
            "a message of \(length) bytes is longer than the \(self.maxBytes) that this server takes; send the context "
                + "in chunks, with Compress")
        error.limit = self.maxBytes
        let status = HTTP2Frame.FramePayload.Headers(
            headers: Self.trailers(error.rpcError, areAll: !self.hasResponded), endStream: true)
        context.write(self.wrapOutboundOut(.headers(status)), promise: nil)
        // RFC 9113, 8.1: the answer is complete, and the rest of the request is not wanted.
        context.writeAndFlush(self.wrapOutboundOut(.rstStream(.noError)), promise: nil)
    }

    /// Source: gRPC over HTTP/2, "Responses"; a response without messages has all its headers in one block.
    private static func trailers(_ error: RPCError, areAll: Bool) -> HPACKHeaders {
        var headers = HPACKHeaders()
        if areAll {
            headers.add(name: ":status", value: "200")
            headers.add(name: "content-type", value: "application/grpc")
        }
        headers.add(name: "grpc-status", value: String(error.code.rawValue))
        // Our message is plain ASCII without a percent sign, so it is its own encoding.
        headers.add(name: "grpc-message", value: error.message)
        for (name, value) in error.metadata { headers.add(name: name, value: value.encoded()) }
        return headers
    }
}

/// Follows the lengths that precede messages, over any cutting of the stream.
///
/// Source: gRPC over HTTP/2, "Length-Prefixed-Message": a flag, four bytes of length with the highest first, the message.
package struct MessageFraming: Sendable {
    private var prefix = LengthPrefix(bytes: 5, lengthBytes: 1..<5)
    /// Bytes of the message that are still to come.
    private var remaining = 0

    package init() {}

    /// The longest message that begins in these bytes, as far as its length is known; nil if none does.
    package mutating func longestMessage(in bytes: some Collection<UInt8>) -> Int? {
        var longest: Int?
        var rest = bytes[...]
        while !rest.isEmpty {
            if self.remaining > 0 {
                let count = min(self.remaining, rest.count)
                rest = rest.dropFirst(count)
                self.remaining -= count
                continue
            }
            guard let length = self.prefix.append(rest.removeFirst()) else { continue }
            longest = max(longest ?? 0, length)
            self.remaining = length
        }
        return longest
    }
}
