internal import CPRSCore
internal import CPRSEngine
internal import CPRSServer
internal import CPRSTestSupport
internal import CPRSWire
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import Glibc
internal import SwiftProtobuf
internal import Synchronization
internal import Testing

/// The real thing: HTTP/2 over a Unix socket.
@Suite struct SocketTests {
    typealias Stub = Cprs_V1_ContextCompressor.Client<HTTP2ClientTransport.Posix>

    @Test("the caller is who the kernel says, whatever the call claims")
    func peer() async throws {
        let scoring = FakeScoring()
        let answer = try await SocketServer.with(TestServer.service(scoring)) { _, path in
            try await SocketServer.withClient(path) {
                try await Stub(wrapping: $0).answer(Sample.mixed, metadata: [WireHeader.peerUserID: "4242"])
            }
        }
        #expect(answer.kept.map(\.bytes) == (try Direct(Sample.mixed)).kept.map(\.bytes))
        #expect(scoring.clients == [ClientIdentity(userID: geteuid())])
    }

    @Test("a user who may not connect is turned away at the door, and the server goes on")
    func access() async throws {
        let rule = AccessRule(userIDs: [geteuid() + 1])
        try await SocketServer.with(TestServer.service(), access: rule) { server, path in
            let error = await #expect(throws: ServiceError.self) {
                try await SocketServer.withClient(path) {
                    try await Stub(wrapping: $0).answer(Sample.mixed, options: .brief)
                }
            }
            #expect(
                error.map { [.draining, .deadlineExceeded].contains($0.reason) } == true, "\(String(describing: error))"
            )
            #expect(server.service.gate.active == 0)
        }
        let groups = AccessRule(groupIDs: [getegid()])
        try await SocketServer.with(TestServer.service(), access: groups) { _, path in
            try await SocketServer.withClient(path) { _ = try await Stub(wrapping: $0).answer(Sample.mixed) }
        }
    }

    @Test("a caller who cancels stops the scoring within the windows in flight")
    func cancel() async throws {
        let scoring = FakeScoring(delay: .milliseconds(100))
        let events = EventLog()
        let service = try TestServer.service(scoring, observer: events) { $0.maxWindowsInFlight = 2 }
        try await SocketServer.with(service) { _, path in
            try await SocketServer.withClient(path) { client in
                let task = Task { try await Stub(wrapping: client).answer(Sample.mixed) }
                while scoring.windows < 4 { try await Task.sleep(for: .milliseconds(1)) }
                let before = scoring.windows
                task.cancel()
                _ = await task.result
                try await Self.waitUntilIdle(service)
                let stopped = scoring.windows
                // Two in flight, and as many again for each 100 ms that the news takes on a busy machine.
                #expect(stopped <= before + 6)
                try await Task.sleep(for: .milliseconds(250))
                #expect(scoring.windows == stopped)
                #expect(scoring.cancelled <= 2)
            }
        }
        #expect(events.reasons == [.cancelled])
    }

    @Test("a caller whose connection breaks stops the scoring too")
    func disconnect() async throws {
        let scoring = FakeScoring(delay: .milliseconds(20))
        let service = try TestServer.service(scoring)
        try await SocketServer.with(service) { _, path in
            let task = Task {
                try await SocketServer.withClient(path) { try await Stub(wrapping: $0).answer(Sample.mixed) }
            }
            while scoring.windows < 4 { try await Task.sleep(for: .milliseconds(1)) }
            // Ends the client and its connection together.
            task.cancel()
            _ = await task.result
            try await Self.waitUntilIdle(service)
            #expect(scoring.windows < 40)
        }
    }

    @Test("the call's own deadline is DEADLINE_EXCEEDED, and stops the scoring")
    func deadline() async throws {
        let scoring = FakeScoring(delay: .milliseconds(50))
        let events = EventLog()
        let service = try TestServer.service(scoring, observer: events) { $0.maxWindowsInFlight = 1 }
        try await SocketServer.with(service) { _, path in
            let error = await #expect(throws: ServiceError.self) {
                try await SocketServer.withClient(path) {
                    try await Stub(wrapping: $0).answer(Sample.mixed, options: .brief)
                }
            }
            #expect(error?.reason == .deadlineExceeded)
            try await Self.waitUntilIdle(service)
        }
        #expect(events.reasons == [.deadlineExceeded])
        #expect(scoring.windows < (try Direct(Sample.mixed)).summary.windows)
    }

    @Test("a receiver that does not read stops its own request only, and gets everything once it reads")
    func slowReader() async throws {
        let scoring = FakeScoring()
        let service = try TestServer.service(scoring)
        // Every token is a span, so the answer is far larger than any window of the transport.
        let begin = Cprs_V1_Begin.test {
            $0.selection.granularity = .sentence
            $0.selection.threshold = 0
            $0.includeText = true
            $0.includeTokenScores = true
        }
        let text = Array(repeatElement(Sample.mixed, count: 40).joined())
        try await SocketServer.with(service) { _, path in
            try await SocketServer.withClient(path) { client in
                let answer = try await Stub(wrapping: client).compress(
                    requestProducer: { writer in
                        try await writer.write(.with { $0.begin = begin })
                        for start in stride(from: 0, to: text.count, by: 1 << 16) {
                            let piece = text[start..<min(text.count, start + 1 << 16)]
                            try await writer.write(.with { $0.chunk.text = .init(wire: piece) })
                        }
                    },
                    onResponse: { response in
                        // Waits until the server has stopped making progress.
                        var before = -1
                        while scoring.windows != before || before <= 0 {
                            before = scoring.windows
                            try await Task.sleep(for: .milliseconds(300))
                        }
                        #expect(before < text.count / 4 / 256)
                        // Another caller is served meanwhile.
                        _ = try await SocketServer.withClient(path) {
                            try await Stub(wrapping: $0).answer(Array(Sample.mixed.prefix(3000)))
                        }
                        return try await Answer.collect(response.messages)
                    })
                #expect(answer.kept.flatMap { [UInt8](wire: $0.text) } == text)
            }
        }
    }

    @Test("64 streams at a time give the answers of one")
    func parallel() async throws {
        let direct = try Direct(Sample.mixed).kept.map(\.bytes)
        let service = try TestServer.service(FakeScoring(delay: .milliseconds(1)))
        try await SocketServer.with(service) { _, path in
            try await SocketServer.withClient(path) { client in
                try await withThrowingTaskGroup(of: [ByteRange].self) { group in
                    for index in 0..<64 {
                        group.addTask {
                            try await Stub(wrapping: client).answer(Sample.mixed, chunks: [500 + index]).kept.map(
                                \.bytes)
                        }
                    }
                    for try await kept in group { #expect(kept == direct) }
                }
            }
        }
        #expect(service.gate.active == 0)
    }

    @Test("stopping lets running requests end, and removes the socket file")
    func stop() async throws {
        try await TemporaryFolder.with { folder in
            let path = folder + "/cprsd.sock"
            let service = try TestServer.service(FakeScoring(delay: .milliseconds(5)))
            let server = try CompressServer(socket: ListeningSocket.open(path: path), service: service)
            async let run: Void = server.run()
            try await SocketServer.withClient(path) { client in
                async let answer = Stub(wrapping: client).answer(Sample.mixed)
                while service.gate.active == 0 { try await Task.sleep(for: .milliseconds(1)) }
                #expect(await server.stop(grace: .seconds(20)))
                let kept = try await answer.kept.map(\.bytes)
                #expect(kept == (try Direct(Sample.mixed)).kept.map(\.bytes))
            }
            try await run
            #expect(Glibc.access(path, F_OK) != 0)
        }
    }

    @Test("bytes that are not HTTP/2 close their connection, and the server goes on")
    func garbage() async throws {
        try await SocketServer.with(TestServer.service()) { _, path in
            let raw = try RawSocket(path)
            raw.send(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8) + [UInt8](repeating: 0xFF, count: 4096))
            #expect(raw.isClosedByPeer())
            try await SocketServer.withClient(path) { _ = try await Stub(wrapping: $0).answer(Sample.mixed) }
        }
    }

    @Test("a message beyond the limit ends its call and names the limit, also in the middle; the server goes on")
    func oversized() async throws {
        let text = [UInt8](repeating: UInt8(ascii: "a"), count: 5 << 20)
        let service = try TestServer.service()
        try await SocketServer.with(service) { _, path in
            try await SocketServer.withClient(path) { client in
                let stub = Stub(wrapping: client)
                let stream = await #expect(throws: ServiceError.self) {
                    try await stub.answer(text, chunks: [1000, 5 << 20])
                }
                #expect(stream?.reason == .contextTooLarge && stream?.limit == 4 << 20, "\(String(describing: stream))")
                let unary = await #expect(throws: RPCError.self) {
                    try await stub.countTokens(.with { $0.text = .init(wire: text) })
                }
                #expect(unary.map { ServiceError($0).reason } == .contextTooLarge, "\(String(describing: unary))")
                _ = try await stub.answer(Sample.mixed)
            }
            try await Self.waitUntilIdle(service)
        }
    }

    @Test("a message's length is known from its prefix, however the stream is cut", arguments: [1, 2, 4, 7, 100, 5000])
    func framing(piece: Int) {
        let lengths = [0, 3, 70_000, 0, 5, 300]
        let stream = lengths.flatMap { length in
            [0] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) }
                + [UInt8](repeating: 0xFF, count: length)
        }
        var framing = MessageFraming()
        var longest = 0
        var seen = 0
        for start in stride(from: 0, to: stream.count, by: piece) {
            guard let length = framing.longestMessage(in: stream[start..<min(start + piece, stream.count)]) else {
                continue
            }
            seen += 1
            longest = max(longest, length)
        }
        #expect(longest == 70_000)
        #expect(piece > 4 || seen == lengths.count)
    }

    @Test("bytes are cut where HTTP/2's frames end, however they came", arguments: [1, 2, 9, 10, 33, 9000])
    func frames(piece: Int) {
        let lengths = [0, 3, 70_000, 0, 5, 300]
        let preface = [UInt8](repeating: 0xFF, count: 24)
        let stream = lengths.reduce(into: preface) { stream, length in
            stream += [16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) }
            stream += [UInt8](repeating: 0xFF, count: 6 + length)
        }
        // After the preface, and after each frame.
        let ends = lengths.reduce(into: [24]) { ends, length in ends.append(ends[ends.count - 1] + 9 + length) }
        let reads = Array(stride(from: piece, to: stream.count, by: piece)) + [stream.count]
        var cutter = FrameCutter()
        var cuts: [Int] = []
        var start = 0
        for read in reads {
            while start < read {
                start = cutter.endOfFrame(in: stream[start..<read])
                cuts.append(start)
            }
        }
        #expect(Set(cuts) == Set(ends + reads))
        #expect(cuts == cuts.sorted() && cuts.count == Set(cuts).count)
    }

    static func waitUntilIdle(_ service: CompressService) async throws {
        for _ in 0..<2000 where service.gate.active > 0 { try await Task.sleep(for: .milliseconds(1)) }
        #expect(service.gate.active == 0)
    }
}

extension CallOptions {
    /// Gives up soon.
    static var brief: CallOptions {
        var options = CallOptions.defaults
        options.timeout = .milliseconds(500)
        return options
    }
}

/// Remembers how requests ended.
final class EventLog: ServiceObserver {
    private struct State {
        var reasons: [ServiceError.Reason] = []
        var ends: [String] = []
    }

    private let state = Mutex(State())

    /// Why admitted requests failed.
    var reasons: [ServiceError.Reason] { self.state.withLock { $0.reasons } }
    /// `METHOD: how it ended`, refused ones too.
    var ends: [String] { self.state.withLock { $0.ends } }

    func record(_ event: ServiceEvent) {
        self.state.withLock { state in
            switch event {
            case .failed(let name, let error):
                state.reasons.append(error.reason)
                state.ends.append("\(name.method): failed, \(error.reason.rawValue)")
            case .refused(let name, let error): state.ends.append("\(name.method): refused, \(error.reason.rawValue)")
            case .finished(let name, _): state.ends.append("\(name.method): finished \(name.clientRequestID)")
            case .answered(let name): state.ends.append("\(name.method): answered")
            case .admitted, .firstDecision: break
            }
        }
    }
}

/// A connection that speaks no protocol.
final class RawSocket {
    private let descriptor: Int32

    init(_ path: String) throws {
        self.descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(self.descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else { throw CPRSError(code: .notFound, message: "cannot connect to \(path)") }
        var timeout = timeval(tv_sec: 120, tv_usec: 0)
        setsockopt(self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(self.descriptor) }

    func send(_ bytes: [UInt8]) { _ = Glibc.send(self.descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    /// Reads what there is; whether the peer then closed, before the time was up.
    func isClosedByPeer() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(self.descriptor, &buffer, buffer.count, 0)
            if count == 0 || count < 0 && errno == ECONNRESET { return true }
            if count < 0 { return false }
        }
    }
}
