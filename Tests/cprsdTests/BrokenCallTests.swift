import CPRSClient
import CPRSTestSupport
import Foundation
import Glibc
import Testing

/// Calls whose later frames break HTTP/2, when the daemon already knows their stream.
@Suite("calls that break the protocol", .serialized, .timeLimit(.minutes(5)))
struct BrokenCallTests {
    /// RFC 9113, 6.
    enum FrameType: UInt8 {
        case data, headers, priority, resetStream, settings, pushPromise, ping, goAway, windowUpdate
    }

    private static let endStream: UInt8 = 1
    private static let endHeaders: UInt8 = 4
    /// A gRPC message without any fields.
    private static let message: [UInt8] = [0, 0, 0, 0, 0]

    /// - Parameter payload: at most 65,535 bytes.
    private static func frame(_ type: FrameType, flags: UInt8 = 0, stream: UInt8 = 1, _ payload: [UInt8]) -> [UInt8] {
        [0, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF), type.rawValue, flags, 0, 0, 0, stream] + payload
    }

    /// A header block without compression; RFC 7541, 6.2.2.
    ///
    /// - Parameter fields: names and values of at most 126 bytes.
    private static func block(_ fields: [(String, String)]) -> [UInt8] {
        fields.flatMap { name, value in
            [0, UInt8(name.utf8.count)] + name.utf8 + [UInt8(value.utf8.count)] + value.utf8
        }
    }

    /// The headers that begin a health check.
    private static func check(stream: UInt8 = 1, _ more: [(String, String)] = []) -> [UInt8] {
        let fields = [
            (":method", "POST"), (":scheme", "http"), (":path", "/grpc.health.v1.Health/Check"),
            (":authority", "localhost"), ("te", "trailers"), ("content-type", "application/grpc"),
        ]
        return self.frame(.headers, flags: self.endHeaders, stream: stream, self.block(fields + more))
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        /// What the daemon has to say before it closes the connection.
        var answer: FrameType

        var testDescription: String { self.name }
    }

    static let cases: [Case] = {
        func stream(_ name: String, _ bytes: [UInt8]...) -> Case {
            Case(name: name, bytes: Array(bytes.joined()), answer: .resetStream)
        }
        func connection(_ name: String, _ bytes: [UInt8]...) -> Case {
            Case(name: name, bytes: Array(bytes.joined()), answer: .goAway)
        }
        let whole = Self.check() + Self.frame(.data, flags: Self.endStream, Self.message)
        let shortLength = Self.check([("content-length", "3")])
        return [
            stream("a body longer than its content-length", shortLength, Self.frame(.data, Self.message)),
            stream(
                "a body shorter than its content-length", Self.check([("content-length", "9")]),
                Self.frame(.data, flags: Self.endStream, Self.message)),
            stream("data after the end", whole, Self.frame(.data, Self.message)),
            stream("headers after the end", whole, Self.check()),
            stream("a window that grows by 0", Self.check(), Self.frame(.windowUpdate, [0, 0, 0, 0])),
            stream("a window too large", Self.check(), Self.frame(.windowUpdate, [0x7F, 0xFF, 0xFF, 0xFF])),
            stream(
                "trailers that end nothing", Self.check(),
                Self.frame(.headers, flags: Self.endHeaders, Self.block([("x", "y")]))),
            stream(
                "a good call beside a bad one", whole, Self.check(stream: 3, [("content-length", "3")]),
                Self.frame(.data, stream: 3, Self.message)),
            connection("a stream that depends on itself", Self.check(), Self.frame(.priority, [0, 0, 0, 1, 1])),
            connection(
                "headers that HPACK cannot read", Self.check(),
                Self.frame(.headers, flags: Self.endHeaders, stream: 3, [0xFF, 0xFF, 0xFF])),
            connection("a short ping", Self.check(), Self.frame(.ping, stream: 0, [1, 2, 3])),
            connection("a stream older than the last", Self.check(stream: 3), Self.check()),
        ]
    }()

    /// Says `bytes` on a connection of its own; the types of the frames that came back before the daemon closed it, and
    /// nil if it did not within ten seconds.
    private static func converse(_ daemon: RunningDaemon, _ bytes: [UInt8]) throws -> [FrameType]? {
        let peer = try DaemonTests.connection(to: daemon.socketPath)
        defer { close(peer) }
        let sent = PeerTests.hello + bytes
        #expect(send(peer, sent, sent.count, Int32(MSG_NOSIGNAL)) == sent.count)
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        var count = 0
        repeat {
            count = recv(peer, &buffer, buffer.count, 0)
            answer += buffer.prefix(max(0, count))
        } while count > 0
        guard count == 0 || errno == ECONNRESET else { return nil }
        var types: [FrameType] = []
        while answer.count >= 9 {
            let length = answer[..<3].reduce(0) { $0 << 8 | Int($1) }
            FrameType(rawValue: answer[3]).map { types.append($0) }
            answer.removeFirst(min(answer.count, 9 + length))
        }
        return types
    }

    @Test("the call is reset or the connection told to go, then closed; nobody else notices", arguments: Self.cases)
    func answers(_ broken: Case) async throws {
        let daemon = try PeerTests.ready()
        let client = daemon.client
        #expect(try await client.countTokens("before") == 1)
        let types = try #require(try Self.converse(daemon, broken.bytes))
        #expect(types.contains(broken.answer), "\(types)")
        #expect(try await client.countTokens("after") == 1)
    }

    @Test(
        "a connection that is closed for its frames leaves nothing behind", .disabled(if: AddressSanitizer.isInForce))
    func memory() async throws {
        let daemon = try PeerTests.ready()
        func converse(times: Int) throws {
            for index in 0..<times { _ = try Self.converse(daemon, Self.cases[index % Self.cases.count].bytes) }
        }
        try converse(times: 300)
        let before = try daemon.anonymousBytes()
        try converse(times: 1500)
        // Streams that stay would be some 40 MB.
        #expect(try daemon.anonymousBytes() - before < 8 << 20)
    }
}
