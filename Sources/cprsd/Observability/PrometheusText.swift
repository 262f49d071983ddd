package import CPRSScheduler

/// Writes metrics in Prometheus' text format.
///
/// Source: Prometheus text exposition format 0.0.4.
package struct PrometheusText: Sendable {
    package private(set) var text = ""

    package init() {}

    /// A value that only grows.
    package mutating func counter(_ name: String, _ help: String, _ value: Double) {
        self.header(name, help, type: "counter")
        self.sample(name, [], value)
    }

    /// Values that only grow, one for each set of labels.
    package mutating func counters(
        _ name: String, _ help: String, _ samples: [(labels: [(String, String)], value: Double)]
    ) {
        self.header(name, help, type: "counter")
        for sample in samples { self.sample(name, sample.labels, sample.value) }
    }

    /// A value that goes up and down.
    package mutating func gauge(_ name: String, _ help: String, _ value: Double, labels: [(String, String)] = []) {
        self.header(name, help, type: "gauge")
        self.sample(name, labels, value)
    }

    /// How often a duration, in seconds, fell below each bound.
    package mutating func histogram(_ name: String, _ help: String, _ histogram: Histogram) {
        self.header(name, help, type: "histogram")
        var below: UInt64 = 0
        for (bound, count) in zip(histogram.bounds, histogram.counts) {
            below += count
            self.sample(name + "_bucket", [("le", Self.number(bound))], Double(below))
        }
        self.sample(name + "_bucket", [("le", "+Inf")], Double(histogram.count))
        self.sample(name + "_sum", [], histogram.sum)
        self.sample(name + "_count", [], Double(histogram.count))
    }

    private mutating func header(_ name: String, _ help: String, type: String) {
        self.text += "# HELP \(name) \(Self.escaped(help))\n# TYPE \(name) \(type)\n"
    }

    private mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Double) {
        self.text += name
        if !labels.isEmpty {
            self.text +=
                "{" + labels.map { "\($0.0)=\"\(Self.escaped($0.1).replacingQuotes)\"" }.joined(separator: ",") + "}"
        }
        self.text += " \(Self.number(value))\n"
    }

    /// Whole numbers without a fraction, for people.
    private static func number(_ value: Double) -> String {
        Int(exactly: value).map { String($0) } ?? String(value)
    }

    private static func escaped(_ text: String) -> String {
        text.map { $0 == "\\" ? "\\\\" : $0 == "\n" ? "\\n" : String($0) }.joined()
    }
}

extension String {
    fileprivate var replacingQuotes: String { self.map { $0 == "\"" ? "\\\"" : String($0) }.joined() }
}
