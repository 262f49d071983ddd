import CPRSCore
import CPRSSystemd
import Glibc
import Testing

@Suite("sockets passed by the service manager", .serialized)
struct PassedSocketTests {
    /// Runs `body` with descriptors `first`, `first + 1` … being those of `make`.
    private func withDescriptors(_ make: [() -> Int32], _ body: (Int32) throws -> Void) rethrows {
        // Far above what the test runner uses.
        let first: Int32 = 700
        for (offset, open) in make.enumerated() {
            let descriptor = open()
            dup2(descriptor, first + Int32(offset))
            close(descriptor)
        }
        defer { for offset in make.indices { close(first + Int32(offset)) } }
        try body(first)
    }

    private static func socket(_ domain: Int32, _ type: __socket_type, listens: Bool) -> Int32 {
        let descriptor = Glibc.socket(domain, Int32(type.rawValue), 0)
        if listens {
            // Autobind: an address of the family alone asks for an unused abstract name.
            var family = sa_family_t(AF_UNIX)
            _ = withUnsafeMutableBytes(of: &family) {
                bind(descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), 2)
            }
            listen(descriptor, 1)
        }
        return descriptor
    }

    private static func environment(_ count: String, names: String? = nil, pid: String? = nil) -> [String: String] {
        var environment = ["LISTEN_PID": pid ?? String(getpid()), "LISTEN_FDS": count]
        environment["LISTEN_FDNAMES"] = names
        return environment
    }

    private static let good: @Sendable () -> Int32 = { Self.socket(AF_UNIX, SOCK_STREAM, listens: true) }

    @Test("listening Unix stream sockets come with their names and are closed in child processes")
    func named() throws {
        try self.withDescriptors([Self.good, Self.good]) { first in
            let sockets = try PassedSocket.all(
                environment: Self.environment("2", names: "grpc:metrics"), first: first)
            #expect(sockets.map(\.name) == ["grpc", "metrics"])
            #expect(sockets.map(\.descriptor) == [first, first + 1])
            #expect(fcntl(first, F_GETFD) & FD_CLOEXEC != 0)
        }
    }

    @Test("variables that are absent or meant for another process are no sockets")
    func absent() throws {
        #expect(try PassedSocket.all(environment: [:]).isEmpty)
        #expect(try PassedSocket.all(environment: Self.environment("1", pid: "1")).isEmpty)
        #expect(try PassedSocket.all(environment: Self.environment("0")).isEmpty)
    }

    @Test("variables that cannot be are refused", arguments: [("x", nil), ("-1", nil), ("65", nil), ("1", "x")])
    func impossible(count: String, pid: String?) {
        #expect(throws: CPRSError.self) { try PassedSocket.all(environment: Self.environment(count, pid: pid)) }
    }

    @Test("a descriptor of the wrong kind is refused with the reason", arguments: Defect.allCases)
    func refused(defect: Defect) throws {
        let make: () -> Int32 =
            switch defect {
            case .file: { open("/dev/null", O_RDONLY) }
            case .internet: { Self.socket(AF_INET, SOCK_STREAM, listens: false) }
            case .datagram: { Self.socket(AF_UNIX, SOCK_DGRAM, listens: false) }
            case .notListening: { Self.socket(AF_UNIX, SOCK_STREAM, listens: false) }
            }
        self.withDescriptors([make]) { first in
            let error = #expect(throws: CPRSError.self) {
                try PassedSocket.all(environment: Self.environment("1"), first: first)
            }
            #expect(error?.message.contains(defect.rawValue) == true, "\(error?.message ?? "")")
        }
    }

    @Test("a descriptor that is not open is refused with the reason")
    func closed() {
        let error = #expect(throws: CPRSError.self) {
            try PassedSocket.all(environment: Self.environment("1"), first: 900)
        }
        #expect(error?.message.contains("900 ('unknown') is not open") == true)
    }

    enum Defect: String, CaseIterable {
        case file = "is not a socket"
        case internet = "must be a Unix socket"
        case datagram = "must be a stream socket"
        case notListening = "must be listening"
    }
}

@Suite("the watchdog's interval")
struct WatchdogTests {
    @Test("it is read when meant for this process")
    func present() throws {
        #expect(try WatchdogInterval.current(environment: ["WATCHDOG_USEC": "1500000"]) == .milliseconds(1500))
        let mine = ["WATCHDOG_USEC": "2000000", "WATCHDOG_PID": String(getpid())]
        #expect(try WatchdogInterval.current(environment: mine) == .seconds(2))
        #expect(try WatchdogInterval.current(environment: ["WATCHDOG_USEC": "5", "WATCHDOG_PID": "1"]) == nil)
        #expect(try WatchdogInterval.current(environment: [:]) == nil)
    }

    @Test("values that cannot be are refused", arguments: ["0", "-5", "soon", ""])
    func refused(value: String) {
        #expect(throws: CPRSError.self) { try WatchdogInterval.current(environment: ["WATCHDOG_USEC": value]) }
    }
}
