internal import CPRSCore
internal import CPRSSystemd

/// Whoever started the process and wants to hear how it does; perhaps nobody.
struct ServiceManager: Sendable {
    let notifier: ServiceNotifier?
    /// The longest time between two signs of life; nil if it does not watch.
    let watchdog: Duration?

    /// Whether anybody listens.
    var isPresent: Bool { self.notifier != nil }

    /// Tells it something. A manager that does not take it is no reason to stop serving.
    func tell(_ fields: ServiceNotifier.Field...) {
        try? self.notifier?.send(fields)
    }
}
