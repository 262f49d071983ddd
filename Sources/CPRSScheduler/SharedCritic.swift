package import CPRSCore

/// A critic that many requests share and one thread uses.
///
/// Requests hold it for as long as they run, so one that began with an old model ends with it; the model's memory goes with
/// the last of them.
// Unchecked: `critic` is touched by the scheduler's thread alone, which is the contract of `score`; the rest is constant.
package final class SharedCritic: @unchecked Sendable {
    /// What the critic can take.
    package let limits: CriticLimits
    /// Most tokens of one call that scores several short windows; 0 to score each window in a call of its own.
    package let batchTokens: Int
    private let critic: any TokenCritic

    /// - Parameter critic: handed over: the caller must not use it any more.
    package init(_ critic: sending any TokenCritic, batchTokens: Int = 0) {
        self.limits = critic.limits
        self.batchTokens = batchTokens
        self.critic = critic
    }

    /// Scores windows, one result for each. Only the scheduler's thread may call this.
    ///
    /// One after another; the place to hand them to kernels that take several at a time.
    func score(_ windows: [CriticWindow]) -> [Result<CriticOutput, CPRSError>] {
        windows.map { window in
            do throws(CPRSError) {
                return .success(try self.critic.score(window))
            } catch {
                return .failure(error)
            }
        }
    }
}
