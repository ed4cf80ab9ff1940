import Foundation
import Testing
import TimesaleClient
import TimesaleTestKit

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
