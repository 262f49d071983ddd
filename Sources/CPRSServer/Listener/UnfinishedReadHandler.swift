internal import NIOCore

/// Completes the read in which a connection ends; stands first in the connection's pipeline.
///
/// `NIOHTTP2Handler` notes each stream that a frame came for until the read is complete, and NIO completes no read of a
/// channel that is no longer active. A connection that ends in between, because a later frame breaks the protocol or
/// because an answer could not be written, would leave such a stream and the multiplexer that noted it holding each other:
/// some 27 kB for every connection.
///
/// Not needed once `NIOHTTP2Handler` forgets the streams when it is removed, as `HTTP2StreamMultiplexer` does
/// (swift-nio-http2 1.46.0 does not).
final class UnfinishedReadHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var isReading = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.isReading = true
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.isReading = false
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        if self.isReading { self.channelReadComplete(context: context) }
        context.fireChannelInactive()
    }
}
