import TimesaleClient

extension TimesaleClient {
    /// How the copy in Redis stands; nil if there is none, or the engine is older than the question.
    func mirrorIfAny(timeoutMs: UInt32) async throws(TimesaleError) -> MirrorStats? {
        do throws(TimesaleError) {
            let mirror = try await mirror(timeoutMs: timeoutMs)
            return mirror.state == .off ? nil : mirror
        } catch {
            if case .refused = error { return nil }
            throw error
        }
    }
}
