package import CPRSCore

/// A critic that many requests share and one thread uses.
///
/// Requests hold it for as long as they run, so one that began with an old model ends with it; the model's memory goes with
/// the last of them.
// Unchecked: `critic` is touched by the scheduler's thread alone, which is the contract of `score`; the rest is constant.
package final class SharedCritic: @unchecked Sendable {
    /// What the critic can take.
    package let limits: CriticLimits
    /// Most tokens of one call that scores several short windows; 1 or less to score each window in a call of its own.
    package let batchTokens: Int
    private let critic: any TokenCritic

    /// - Parameters:
    ///   - critic: handed over: the caller must not use it any more.
    ///   - batchTokens: by default what the critic gains from.
    package init(_ critic: sending any TokenCritic, batchTokens: Int? = nil) {
        self.limits = critic.limits
        self.batchTokens = batchTokens ?? critic.limits.batchTokens
        self.critic = critic
    }

    /// Scores windows, one result for each. Only the scheduler's thread may call this.
    ///
    /// Together; if that fails, one after another, so that a window which cannot be scored fails only whoever sent it.
    func score(_ windows: [CriticWindow]) -> [Result<CriticOutput, CPRSError>] {
        if windows.count > 1, let outputs = try? self.critic.score(windows), outputs.count == windows.count {
            return outputs.map { .success($0) }
        }
        return windows.map { window in
            do throws(CPRSError) {
                return .success(try self.critic.score(window))
            } catch {
                return .failure(error)
            }
        }
    }
}
