import CPRSCore
import CPRSSystemd
import Glibc
import Testing

@Suite("notifying the service manager")
struct NotifierTests {
    @Test("a notification arrives as one datagram of lines", arguments: [false, true])
    func arrives(isAbstract: Bool) throws {
        let receiver = try DatagramReceiver(isAbstract: isAbstract)
        let notifier = try #require(try ServiceNotifier(environment: ["NOTIFY_SOCKET": receiver.address]))
        try notifier.send(.ready, .status("serving\nREADY=1"), .watchdog)
        #expect(receiver.receive() == "READY=1\nSTATUS=serving READY=1\nWATCHDOG=1")
        try notifier.send(.stopping)
        #expect(receiver.receive() == "STOPPING=1")
    }

    @Test("a reload carries the monotonic clock's microseconds")
    func reloading() throws {
        let receiver = try DatagramReceiver(isAbstract: true)
        let notifier = try #require(try ServiceNotifier(environment: ["NOTIFY_SOCKET": receiver.address]))
        func now() -> Int {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
        }
        let before = now()
        try notifier.send(.reloading)
        let lines = receiver.receive().split(separator: "\n")
        #expect(lines.first == "RELOADING=1")
        let prefix = "MONOTONIC_USEC="
        let sent = try #require(lines.last.flatMap { $0.hasPrefix(prefix) ? Int($0.dropFirst(prefix.count)) : nil })
        #expect((before...now()).contains(sent))
    }

    @Test("without a service manager there is no notifier")
    func absent() throws {
        #expect(try ServiceNotifier(environment: [:]) == nil)
        #expect(try ServiceNotifier(environment: ["NOTIFY_SOCKET": ""]) == nil)
    }

    @Test(
        "an address that cannot be is refused",
        arguments: ["vsock:2:1234", "run/notify", "/" + String(repeating: "x", count: 107)])
    func refused(address: String) {
        #expect(throws: CPRSError.self) { try ServiceNotifier(environment: ["NOTIFY_SOCKET": address]) }
    }

    @Test("a service manager that is gone is an error that names its socket")
    func gone() throws {
        let notifier = try #require(try ServiceNotifier(environment: ["NOTIFY_SOCKET": "/nonexistent/notify"]))
        let error = #expect(throws: CPRSError.self) { try notifier.send(.ready) }
        #expect(error?.message.contains("/nonexistent/notify") == true)
    }
}

/// A bound datagram socket, as a service manager has it.
final class DatagramReceiver {
    let address: String
    private let descriptor: Int32
    private let path: String?

    init(isAbstract: Bool) throws {
        let name = "cprs-notify-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        self.address = isAbstract ? "@" + name : "/tmp/" + name
        self.path = isAbstract ? nil : self.address
        self.descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var timeout = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        let length = MemoryLayout<sa_family_t>.size + self.address.utf8.count
        var bytes = [UInt8](repeating: 0, count: 110)
        bytes[0] = UInt8(AF_UNIX)
        bytes.replaceSubrange(2..<length, with: self.address.utf8)
        if isAbstract { bytes[2] = 0 }
        let status = bytes.withUnsafeBytes { buffer in
            bind(self.descriptor, buffer.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(length))
        }
        try #require(status == 0)
    }

    deinit {
        close(self.descriptor)
        if let path = self.path { unlink(path) }
    }

    /// The next datagram's text; empty after ten seconds without one.
    func receive() -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(self.descriptor, &buffer, buffer.count, 0)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }
}
