internal import CPRSCore
internal import CPRSScheduler
internal import CPRSSystemd
internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

/// On SIGHUP opens the model again beside the old one, checks it, and gives it to new requests.
struct ReloadService: Service {
    let signals: UnixSignalsSequence
    let open: @Sendable () throws(CPRSError) -> OpenedModel
    let models: ModelStore
    let manager: ServiceManager
    /// Says that the last reload failed, until one succeeds.
    let notice: Notice
    let logger: Logger

    func run() async throws {
        for await _ in self.signals.cancelOnGracefulShutdown() {
            self.manager.tell(.reloading)
            do throws(CPRSError) {
                let model = try await InferenceThread.run(name: "cprs-reload", self.open)
                self.models.replace(with: model)
                self.notice.text = nil
                self.logger.notice("model reloaded", metadata: model.metadata)
                self.manager.tell(.ready, .status("model reloaded"))
            } catch {
                self.logger.error("reload failed, the old model stays", metadata: ["cprs.error": "\(error)"])
                let text = "reload failed, the old model stays: \(error.message)"
                self.notice.text = text
                self.manager.tell(.ready, .status(text))
            }
        }
    }
}
