internal import CPRSServer
internal import CPRSTestSupport
internal import CPRSWire
internal import GRPCCore
internal import Glibc
internal import Testing

@Suite struct PeerGateTests {
    @Test("no user takes more than the user's share, and all together no more than there is")
    func shares() {
        let gate = PeerGate(total: 3, perUser: 2)
        #expect(gate.enter(1) && gate.enter(1))
        #expect(!gate.enter(1))
        #expect(gate.enter(2))
        #expect(!gate.enter(2) && !gate.enter(3))
        #expect(gate.open == 3)
        gate.leave(1)
        #expect(gate.enter(3))
        #expect(!gate.enter(1))
    }

    @Test("connections leave descriptors for the rest of the process")
    func descriptors() {
        var limit = rlimit()
        #expect(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        let gate = PeerGate.connections()
        #expect(gate.total < Int(clamping: limit.rlim_cur) && gate.perUser <= gate.total)
    }

    @Test("a connection too many is closed at once, and its place is free again when another one ends")
    func connections() async throws {
        let gate = PeerGate(total: 4, perUser: 2)
        try await TemporaryFolder.with { folder in
            let path = folder + "/d.sock"
            let server = try CompressServer(
                socket: ListeningSocket.open(path: path), service: TestServer.service(), connections: gate)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.run() }
                defer { group.cancelAll() }
                let first = Self.connect(path)
                let second = Self.connect(path)
                while gate.open < 2 { try await Task.sleep(for: .milliseconds(5)) }
                let third = Self.connect(path)
                var byte: UInt8 = 0
                // An admitted peer's server speaks first, with its HTTP/2 settings; this one hangs up.
                let count = recv(third, &byte, 1, 0)
                #expect(count == 0 || (count < 0 && errno == ECONNRESET))
                close(third)
                #expect(recv(second, &byte, 1, 0) == 1)
                close(second)
                while gate.open > 1 { try await Task.sleep(for: .milliseconds(5)) }
                let answer = try await SocketServer.withClient(path) {
                    try await SocketTests.Stub(wrapping: $0).answer(Sample.mixed)
                }
                #expect(answer.summary.windows > 0)
                close(first)
                await server.stop(grace: .zero)
            }
        }
    }

    /// A connected socket that gives up reading after ten seconds; -1 in place of an error.
    private static func connect(_ path: String) -> Int32 {
        let peer = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var timeout = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafeBytes(of: address) { bytes in
            Glibc.connect(peer, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
        return status == 0 ? peer : -1
    }
}
