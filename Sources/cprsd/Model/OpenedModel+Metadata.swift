internal import CPRSRuntime
internal import CPRSTensors
internal import Logging

extension OpenedModel {
    /// For the log.
    var metadata: Logger.Metadata {
        [
            "cprs.model": "\(self.name)", "cprs.sha256": "\(self.sha256)",
            "cprs.precision": "\(self.precision.rawValue)",
            "cprs.check": "\(self.check.isGolden ? "golden" : "finite")", "cprs.check_tokens": "\(self.check.tokens)",
            "cprs.check_worst": "\(self.check.worst)",
        ]
    }
}
