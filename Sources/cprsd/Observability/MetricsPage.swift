internal import CPRSCore
internal import CPRSScheduler
internal import CPRSServer
internal import Glibc

/// Answers every request on a Unix socket with one text page: enough HTTP for Prometheus and curl.
///
/// One blocking thread: a scrape every few seconds needs no more, and between scrapes nothing wakes up.
struct MetricsPage: Sendable {
    private let socket: ListeningSocket
    /// A peer that takes longer than this to ask, or to read a piece of the answer, is dropped.
    private static let patienceSeconds = 2
    /// Pause when the system has no descriptor or memory for another connection.
    private static let pauseMicroseconds: UInt32 = 100_000
    private static let maxRequestBytes = 8192

    init(socket: ListeningSocket) { self.socket = socket }

    /// Serves until ``stop()``.
    func start(_ page: @escaping @Sendable () -> String) throws(CPRSError) {
        let listener = self.socket.descriptor
        try InferenceThread.start(name: "cprs-metrics") {
            while true {
                let peer = accept(listener, nil, nil)
                if peer >= 0 {
                    Self.answer(peer, page)
                    close(peer)
                } else if errno == EINVAL || errno == EBADF {
                    // ``stop()`` was called.
                    return
                } else if errno != EINTR && errno != ECONNABORTED {
                    usleep(Self.pauseMicroseconds)
                }
            }
        }
    }

    /// Makes the thread end; the socket file goes.
    func stop() {
        shutdown(self.socket.descriptor, Int32(SHUT_RDWR))
        self.socket.removeFile()
    }

    private static func answer(_ peer: Int32, _ page: () -> String) {
        var patience = timeval(tv_sec: Self.patienceSeconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(peer, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
        }
        guard let path = Self.requestPath(peer) else { return }
        let isKnown = path == "/metrics" || path == "/"
        let body = isKnown ? page() : "only /metrics is here\n"
        let head =
            "HTTP/1.1 \(isKnown ? "200 OK" : "404 Not Found")\r\nContent-Type: text/plain; version=0.0.4\r\n"
            + "Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n"
        var bytes = Array((head + body).utf8)[...]
        while !bytes.isEmpty {
            let sent = bytes.withUnsafeBytes { send(peer, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if sent <= 0 { return }
            bytes = bytes.dropFirst(sent)
        }
    }

    /// The path of a GET; nil for anything else, or a peer that says too much or too little.
    private static func requestPath(_ peer: Int32) -> String? {
        let end = ContinuousClock.now + .seconds(Self.patienceSeconds)
        var request: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1024)
        while !request.contains(UInt8(ascii: "\n")) || !Self.isComplete(request) {
            let count = recv(peer, &buffer, buffer.count, 0)
            if count <= 0 || request.count + count > Self.maxRequestBytes || .now > end { return nil }
            request += buffer.prefix(count)
        }
        let words = String(
            decoding: request.prefix { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\n") }, as: UTF8.self
        )
        .split(separator: " ")
        return words.count == 3 && words[0] == "GET" ? String(words[1]) : nil
    }

    /// Whether the empty line that ends a request's head has come.
    private static func isComplete(_ request: [UInt8]) -> Bool {
        request.suffix(4).elementsEqual("\r\n\r\n".utf8) || request.suffix(2).elementsEqual("\n\n".utf8)
    }
}
