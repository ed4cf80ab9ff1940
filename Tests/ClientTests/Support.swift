import Foundation
import Testing
import TimesaleClient
import TimesaleTestKit

/// Waits until something is so; false after 20 s.
func eventually(_ isSo: () async throws -> Bool) async rethrows -> Bool {
    let deadline = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < deadline {
        if try await isSo() { return true }
        try? await Task.sleep(for: .milliseconds(2))
    }
    return false
}

/// The error that `body` throws; nil if it throws none.
func fault<Value>(_ body: () async throws -> Value) async -> TimesaleError? {
    do {
        _ = try await body()
        return nil
    } catch let error as TimesaleError {
        return error
    } catch {
        Issue.record("another error: \(error)")
        return nil
    }
}

func wallClockMs() -> UInt64 { UInt64(Date().timeIntervalSince1970 * 1000) }

extension Result where Failure == TimesaleError {
    var refusal: RefusalCode? {
        if case .failure(let error) = self { error.refusal } else { nil }
    }
}

extension TimesaleError {
    var cause: UnknownOutcome.Cause? {
        if case .outcomeUnknown(let unknown) = self { unknown.cause } else { nil }
    }
}
