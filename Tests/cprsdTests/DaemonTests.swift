import CPRSClient
import CPRSTestSupport
import Foundation
import Glibc
import Testing

@Suite("the daemon as a process", .serialized, .timeLimit(.minutes(5)))
struct DaemonTests {
    static let text = "It was raining. Holmes lived at 221B Baker Street. Watson had gone out for the day.\n"
    static let request = CompressionRequest(query: "Who lived at 221B Baker Street?")

    /// Compresses the text; the byte ranges that stay.
    static func compress(_ client: CPRSClient, text: String = Self.text) async throws -> [Range<Int>] {
        var kept: [Range<Int>] = []
        for try await decision in client.compress(text, Self.request) { kept += decision.kept.map(\.bytes) }
        return kept
    }

    @Test("it says READY, serves, and after SIGTERM ends with 0 and without its socket file")
    func lifecycle() async throws {
        let daemon = try RunningDaemon()
        try #require(daemon.awaitNotification("READY=1"), "\(daemon.log.contents)")
        let first = try await Self.compress(daemon.client)
        #expect(try await Self.compress(daemon.client) == first)
        var status = stat()
        #expect(stat(daemon.socketPath, &status) == 0 && status.st_mode & 0o777 == 0o660)
        daemon.signal(SIGTERM)
        #expect(daemon.awaitNotification("STOPPING=1"))
        #expect(daemon.exitStatus() == 0, "\(daemon.log.contents)")
        #expect(access(daemon.socketPath, F_OK) != 0)
        // Logs never hold text.
        #expect(daemon.log.says("request finished"))
        #expect(!daemon.log.contents.contains("Holmes"))
    }

    @Test(
        "memory that requests freed goes back to the system when none has run for a moment",
        .disabled(if: AddressSanitizer.isInForce))
    func rest() async throws {
        let daemon = try RunningDaemon()
        try #require(daemon.awaitNotification("READY=1"))
        var request = Self.request
        request.selection.budget = .maxTokens(100)
        for try await _ in daemon.client.compress(String(repeating: Self.text, count: 2000), request) {}
        let before = try daemon.anonymousBytes()
        var after = before
        for _ in 0..<200 where after > before - 300_000 {
            try await Task.sleep(for: .milliseconds(100))
            after = try daemon.anonymousBytes()
        }
        #expect(after <= before - 300_000, "\(before), then \(after) bytes")
    }

    @Test("SIGTERM lets a running request end, and turns a new one away")
    func drain() async throws {
        let daemon = try RunningDaemon()
        try #require(daemon.awaitNotification("READY=1"))
        let client = daemon.client
        _ = try await client.countTokens("warm")
        let (chunks, feed) = AsyncStream.makeStream(of: [UInt8].self)
        feed.yield(Array(Self.text.utf8))
        let running = Task {
            var kept: [Range<Int>] = []
            let call = client.compress(chunks: chunks, Self.request)
            for try await decision in call { kept += decision.kept.map(\.bytes) }
            return (kept, call.summary)
        }
        while !daemon.log.contents.contains("draining") {
            try await Task.sleep(for: .milliseconds(200))
            daemon.signal(SIGTERM)
        }
        await #expect(throws: ClientError.self) { try await Self.compress(daemon.client) }
        feed.yield(Array(Self.text.utf8))
        feed.finish()
        let (_, summary) = try await running.value
        #expect(summary?.inputBytes == 2 * Self.text.utf8.count)
        #expect(daemon.exitStatus() == 0, "\(daemon.log.contents)")
    }

    @Test("a request that outlives the grace time is ended, and the daemon still ends with 0")
    func graceEnds() async throws {
        let daemon = try RunningDaemon(["--grace-seconds", "0.3"])
        try #require(daemon.awaitNotification("READY=1"))
        let (chunks, feed) = AsyncStream.makeStream(of: [UInt8].self)
        feed.yield(Array(Self.text.utf8))
        let call = daemon.client.compress(chunks: chunks, Self.request)
        let running = Task { for try await _ in call {} }
        while call.acceptance == nil { try await Task.sleep(for: .milliseconds(10)) }
        daemon.signal(SIGTERM)
        await #expect(throws: (any Error).self) { try await running.value }
        #expect(daemon.exitStatus() == 0, "\(daemon.log.contents)")
        feed.finish()
    }

    @Test("SIGHUP swaps the model under a running request, and a broken model leaves the old one")
    func reload() async throws {
        let models = try TemporaryFolder.modelCopy()
        let daemon = try RunningDaemon(["--model", models.path], environment: ["WATCHDOG_USEC": "300000"])
        try #require(daemon.awaitNotification("READY=1"), "\(daemon.log.contents)")
        let client = daemon.client
        let before = try await Self.compress(client)
        let (chunks, feed) = AsyncStream.makeStream(of: [UInt8].self)
        let call = client.compress(chunks: chunks, Self.request)
        let running = Task { for try await _ in call {} }
        feed.yield(Array(Self.text.utf8))
        while call.acceptance == nil { try await Task.sleep(for: .milliseconds(10)) }

        daemon.signal(SIGHUP)
        #expect(daemon.awaitNotification("RELOADING=1"))
        #expect(daemon.awaitNotification("READY=1"))
        #expect(daemon.log.says("model reloaded"))
        #expect(try await Self.compress(client) == before)

        // A new file renamed over the old one: the old mapping stays whole.
        models.write("not a checkpoint", to: "new")
        rename(models.path + "/new", models.path + "/model.safetensors")
        daemon.signal(SIGHUP)
        #expect(daemon.awaitNotification("RELOADING=1"))
        #expect(daemon.awaitNotification("READY=1"))
        #expect(daemon.log.says("the old model stays"))
        #expect(try await Self.compress(client) == before)
        // The heartbeats' own status lines keep saying so.
        for _ in 0..<2 {
            let line = daemon.nextNotification { $0.hasPrefix("STATUS=") && $0.contains("requests running") }
            let status = try #require(line)
            #expect(status.contains("the old model stays"), "\(status)")
            _ = try await Self.compress(client)
        }

        feed.finish()
        try await running.value
        #expect(call.summary?.inputBytes == Self.text.utf8.count)
        daemon.signal(SIGTERM)
        #expect(daemon.exitStatus() == 0)
    }

    @Test("a second daemon on the same path is refused, and a dead socket is replaced")
    func stalePath() async throws {
        let first = try RunningDaemon()
        try #require(first.awaitNotification("READY=1"))
        let second = try RunningDaemon(socketPath: first.socketPath)
        #expect(second.exitStatus() == 64)
        #expect(second.log.says("another process listens on \(first.socketPath)"))
        _ = try await first.client.countTokens("still there")
        first.signal(SIGKILL)
        #expect(first.exitStatus() == -1)
        #expect(access(first.socketPath, F_OK) == 0)
        let third = try RunningDaemon(socketPath: first.socketPath)
        #expect(third.awaitNotification("READY=1"), "\(third.log.contents)")
        _ = try await third.client.countTokens("here again")
    }

    @Test("a file that is no socket, and an unusable model, end the start with a clear error")
    func badStart() throws {
        let folder = TemporaryFolder()
        let file = folder.write("mine", to: "file")
        let onFile = try RunningDaemon(socketPath: file)
        #expect(onFile.exitStatus() == 64)
        #expect(onFile.log.says("is not a socket"))
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "mine")
        folder.write("{}", to: "config.json")
        let onModel = try RunningDaemon(["--model", folder.path])
        #expect(onModel.exitStatus() == 66)
        #expect(onModel.log.says(folder.path))
        #expect(access(onModel.socketPath, F_OK) != 0)
    }

    @Test("users and groups that are not allowed are turned away")
    func refusedPeers() async throws {
        let daemon = try RunningDaemon(["--allow-users", "54321"])
        try #require(daemon.awaitNotification("READY=1"))
        let peer = try Self.connection(to: daemon.socketPath)
        defer { close(peer) }
        var byte: UInt8 = 0
        // The server of an allowed peer speaks first, with its HTTP/2 settings; this one hangs up.
        let count = recv(peer, &byte, 1, 0)
        #expect(count == 0 || (count < 0 && errno == ECONNRESET))
        #expect(!daemon.log.contents.contains("request"))
        let open = try RunningDaemon(["--allow-users", "54321,\(getuid())"])
        try #require(open.awaitNotification("READY=1"))
        #expect(try await open.client.countTokens("hello") > 0)
    }

    @Test("metrics and the log know every call and hold no text")
    func metrics() async throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/m.sock"
        let daemon = try RunningDaemon(["--metrics-socket", path])
        try #require(daemon.awaitNotification("READY=1"))
        _ = try await Self.compress(daemon.client)
        var odd = Self.request
        odd.clientRequestID = "my name\ncprs.user=7"
        _ = try await daemon.client.compressed(Self.text, odd)
        odd.selection.threshold = 2
        let wrong = odd
        await #expect(throws: ClientError.self) { try await daemon.client.compressed(Self.text, wrong) }
        _ = try await daemon.client.countTokens(Self.text)
        let page = try Self.get("/metrics", from: path)
        #expect(page.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(page.contains("cprs_requests_total{method=\"Compress\",code=\"INVALID_ARGUMENT\"} 1\n"))
        #expect(page.contains("cprs_requests_total{method=\"Compress\",code=\"OK\"} 2\n"))
        #expect(page.contains("cprs_requests_total{method=\"CountTokens\",code=\"OK\"} 1\n"))
        #expect(page.contains("cprs_input_bytes_total \(2 * Self.text.utf8.count)\n"))
        #expect(page.contains("cprs_windows_total 2\n") && page.contains("cprs_first_decision_seconds_count 2\n"))
        #expect(daemon.log.says("cprs.client_request=\"my name\\u{a}cprs.user=7\""))
        #expect(!daemon.log.contents.contains("\ncprs.user=7") && !daemon.log.contents.contains("Holmes"))
        #expect(!page.contains("Holmes"))
        #expect(try Self.get("/secret", from: path).hasPrefix("HTTP/1.1 404"))
    }

    @Test("it ends by itself when idle")
    func idleExit() throws {
        let daemon = try RunningDaemon(["--idle-exit-seconds", "0.2"])
        #expect(daemon.awaitNotification("READY=1"))
        #expect(daemon.exitStatus() == 0, "\(daemon.log.contents)")
        #expect(daemon.log.says("idle, ending"))
    }

    @Test("the watchdog is fed while nothing is stuck")
    func watchdog() throws {
        let daemon = try RunningDaemon(environment: ["WATCHDOG_USEC": "300000"])
        try #require(daemon.awaitNotification("READY=1"))
        for _ in 0..<3 { #expect(daemon.awaitNotification("WATCHDOG=1")) }
    }

    @Test("a checked configuration is printed without opening a model or a socket")
    func checkConfig() throws {
        let daemon = try RunningDaemon(["--check-config", "--threads", "3", "--model", SharedData.modelFolder])
        #expect(daemon.exitStatus() == 0)
        #expect(daemon.output.contains("threads = 3\n"))
        #expect(daemon.output.contains("# opens the folder \(SharedData.modelFolder) in f32\n"))
        let wrong = try RunningDaemon(["--check-config", "--threads", "none"])
        #expect(wrong.exitStatus() == 64)
        #expect(wrong.log.says("threads must be a whole number in 1...1024 (got 'none' from --threads)"))
    }

    private static let activator = "/usr/bin/systemd-socket-activate"

    @Test(
        "a socket passed by the service manager is served",
        .enabled(if: FileManager.default.fileExists(atPath: Self.activator)))
    func socketActivation() async throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/a.sock"
        // The activator accepts nothing itself: it starts the daemon when the first client connects.
        let daemon = try RunningDaemon(
            launcher: [Self.activator, "-l", path, "-E", "NOTIFY_SOCKET", "-E", "PATH"], socketPath: path)
        while access(path, F_OK) != 0 { try await Task.sleep(for: .milliseconds(20)) }
        let client = CPRSClient(ClientConfiguration(socketPath: path))
        #expect(try await client.countTokens("hello") > 0)
        #expect(daemon.awaitNotification("READY=1"))
        _ = try await Self.compress(client)
        daemon.signal(SIGTERM)
        #expect(daemon.exitStatus() == 0, "\(daemon.log.contents)")
        // The socket file is the service manager's.
        #expect(access(path, F_OK) == 0)
    }

    /// A GET over a Unix socket.
    private static func get(_ target: String, from path: String) throws -> String {
        let peer = try Self.connection(to: path)
        defer { close(peer) }
        let request = "GET \(target) HTTP/1.1\r\nHost: cprs\r\n\r\n"
        send(peer, request, request.utf8.count, 0)
        var page: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while case let count = recv(peer, &buffer, buffer.count, 0), count > 0 { page += buffer.prefix(count) }
        return String(decoding: page, as: UTF8.self)
    }

    /// A connected socket that gives up reading after ten seconds.
    static func connection(to path: String) throws -> Int32 {
        let peer = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var timeout = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafeBytes(of: address) { bytes in
            connect(peer, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
        try #require(status == 0)
        return peer
    }
}
