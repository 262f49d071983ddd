import CPRSClient
import CPRSTestSupport
import Foundation
import Glibc
import Testing

@Suite("the daemon's peers, good and bad", .serialized, .timeLimit(.minutes(5)))
struct PeerTests {
    static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("grpc_client.py").path

    /// Whether a Python with grpcio and its tools is here; without one these tests are reported as skipped.
    static let hasPython: Bool = {
        let check = try? Self.start(["/usr/bin/env", "python3", "-c", "import grpc, grpc_tools"])
        check?.waitUntilExit()
        return check?.terminationStatus == 0
    }()

    static func start(_ command: [String], output: Pipe? = nil) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        if let output { process.standardOutput = output }
        if output == nil { process.standardError = FileHandle.nullDevice }
        try process.run()
        return process
    }

    static func python(_ daemon: RunningDaemon, _ arguments: [String]) -> [String] {
        ["/usr/bin/env", "python3", Self.script, daemon.socketPath] + arguments
    }

    static func ready(_ arguments: [String] = []) throws -> RunningDaemon {
        let daemon = try RunningDaemon(arguments)
        try #require(daemon.awaitNotification("READY=1"), "\(daemon.log.contents)")
        return daemon
    }

    /// Waits until nothing runs in the daemon.
    static func idle(_ daemon: RunningDaemon) async throws -> Bool {
        let client = daemon.client
        for _ in 0..<3000 {
            if try await client.status().activeRequests == 0 { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    @Test(
        "a Python client gets every call's answer, errors with details, health and reflection",
        .enabled(if: PeerTests.hasPython))
    func python() throws {
        let daemon = try Self.ready()
        let output = Pipe()
        let client = try Self.start(Self.python(daemon, ["basics"]), output: output)
        client.waitUntilExit()
        #expect(client.terminationStatus == 0)
    }

    @Test(
        "64 streams of four users at a time all get the answer of one",
        .enabled(if: PeerTests.hasPython && geteuid() == 0))
    func users() throws {
        let daemon = try Self.ready(["--socket-mode", "0666"])
        chmod(daemon.folder.path, 0o755)
        let clients = try (0..<4).map { index in
            try Self.start(Self.python(daemon, ["streams", "16", "\(54321 + index)"]), output: Pipe())
        }
        for client in clients {
            client.waitUntilExit()
            #expect(client.terminationStatus == 0)
        }
        for index in 0..<4 {
            let lines = daemon.log.contents.components(separatedBy: "cprs.user=\(54321 + index)").count - 1
            #expect(lines == 17)
        }
    }

    @Test("clients that are killed in the middle of a request free the daemon", .enabled(if: PeerTests.hasPython))
    func killed() async throws {
        let daemon = try Self.ready()
        var clients: [Process] = []
        for _ in 0..<3 {
            let output = Pipe()
            clients.append(try Self.start(Self.python(daemon, ["hang"]), output: output))
            #expect(output.fileHandleForReading.availableData.starts(with: Data("running".utf8)))
        }
        #expect(try await daemon.client.status().activeRequests == 3)
        for client in clients {
            kill(client.processIdentifier, SIGKILL)
            client.waitUntilExit()
        }
        #expect(try await Self.idle(daemon))
        #expect(daemon.log.says("cprs.error=CANCELLED"))
        _ = try await DaemonTests.compress(daemon.client)
    }

    /// RFC 9113: the client's preface and an empty SETTINGS frame.
    static let hello = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]

    /// What each of the broken peers sends.
    static let brokenPeers: [(name: String, bytes: [UInt8])] = {
        var cases: [(name: String, bytes: [UInt8])] = []
        cases.append(("no preface", Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)))
        func add(_ name: String, _ frame: [UInt8]) { cases.append((name, Self.hello + frame)) }
        add("a frame longer than allowed", [0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 1])
        add("headers on stream 0", [0, 0, 1, 1, 4, 0, 0, 0, 0, 0x82])
        add("headers that HPACK cannot read", [0, 0, 3, 1, 4, 0, 0, 0, 1, 0xFF, 0xFF, 0xFF])
        add("data on a stream that is not open", [0, 0, 1, 0, 0, 0, 0, 0, 5, 0])
        add("settings of a wrong length", [0, 0, 5, 4, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5])
        return cases
    }()

    @Test("bytes that break the protocol end their connection, and nobody else's", arguments: PeerTests.brokenPeers)
    func malformed(name: String, bytes: [UInt8]) async throws {
        let daemon = try Self.ready()
        let client = daemon.client
        _ = try await client.countTokens("before")
        let peer = try DaemonTests.connection(to: daemon.socketPath)
        defer { close(peer) }
        #expect(send(peer, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
        var buffer = [UInt8](repeating: 0, count: 4096)
        var count = 0
        // What it still has to say, such as GOAWAY, then the end; not the ten seconds of silence after which recv gives up.
        repeat { count = recv(peer, &buffer, buffer.count, 0) } while count > 0
        #expect(count == 0 || errno == ECONNRESET, "\(name): \(errno)")
        #expect(try await client.countTokens("after") == 1)
        #expect(daemon.process.isRunning)
    }

    @Test("a peer that sends nothing more, or nothing at all, holds nobody up")
    func halfClosed() async throws {
        let daemon = try Self.ready()
        let silent = try DaemonTests.connection(to: daemon.socketPath)
        let half = try DaemonTests.connection(to: daemon.socketPath)
        defer { for peer in [silent, half] { close(peer) } }
        #expect(send(half, Self.hello, Self.hello.count, Int32(MSG_NOSIGNAL)) == Self.hello.count)
        shutdown(half, Int32(SHUT_WR))
        _ = try await DaemonTests.compress(daemon.client)
        #expect(try await Self.idle(daemon))
        daemon.signal(SIGTERM)
        #expect(daemon.exitStatus() == 0, "\(daemon.log.contents)")
    }

    @Test("a client that does not read its decisions stops only itself, and gets all of them later")
    func slowReader() async throws {
        let daemon = try Self.ready()
        var request = CompressionRequest(query: "Where does Holmes live?")
        request.selection.threshold = 0
        request.includesText = true
        let text = String(repeating: DaemonTests.text, count: 3000)
        let compression = daemon.client.compress(text, request)
        var decisions = compression.makeAsyncIterator()
        var kept = try #require(try await decisions.next()).kept.flatMap { $0.text ?? [] }
        for _ in 0..<5 { _ = try await DaemonTests.compress(daemon.client) }
        while let decision = try await decisions.next() { kept += decision.kept.flatMap { $0.text ?? [] } }
        // Everything passes a threshold of 0.
        #expect(kept == Array(text.utf8))
        #expect(compression.summary?.matches(input: Array(text.utf8), kept: kept) == true)
    }
}
