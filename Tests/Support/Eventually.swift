/// Waits until something is so; false if it was not so at a look that began after 20 s.
public func eventually(_ isSo: () async throws -> Bool) async rethrows -> Bool {
    let deadline = ContinuousClock.now + .seconds(20)
    while true {
        let isLastLook = ContinuousClock.now >= deadline
        if try await isSo() { return true }
        if isLastLook { return false }
        try? await Task.sleep(for: .milliseconds(2))
    }
}
