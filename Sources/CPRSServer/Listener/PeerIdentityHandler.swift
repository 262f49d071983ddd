internal import CPRSCore
internal import CPRSWire
internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2

/// Writes the peer's user id into each call's headers, below everything that reads them.
///
/// gRPC gives a call no access to its connection, so who called has to travel with the call itself. What a peer sends under
/// the same name is removed first.
final class PeerIdentityHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTP2Frame.FramePayload

    private let userID: UInt32

    init(userID: UInt32) { self.userID = userID }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .headers(var headers) = self.unwrapInboundIn(data) else {
            context.fireChannelRead(data)
            return
        }
        headers.headers.remove(name: WireHeader.peerUserID)
        headers.headers.add(name: WireHeader.peerUserID, value: String(self.userID), indexing: .neverIndexed)
        context.fireChannelRead(self.wrapInboundOut(.headers(headers)))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // When the server stops, the connection refuses new calls; gRPC would also cancel the running ones, which are to
        // end well.
        if event is ChannelShouldQuiesceEvent { return }
        context.fireUserInboundEventTriggered(event)
    }
}

/// Finds out who is at the other end of a channel.
enum PeerLookup {
    /// Must be called on the channel's event loop.
    ///
    /// - Throws: if the channel is not a Unix socket's.
    static func credentials(of channel: any Channel) throws -> PeerCredentials {
        let credentials = try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { try PeerCredentials(socket: $0) }
        guard let credentials else {
            throw CPRSError(code: .internal, message: "a connection without a socket has no peer to ask for")
        }
        return credentials
    }
}
