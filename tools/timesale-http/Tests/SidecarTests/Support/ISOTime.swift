import Foundation

/// Times of tests as RFC 3339.
enum ISOTime {
    static func text(inMs ms: Int) -> String {
        Date(timeIntervalSinceNow: Double(ms) / 1000).formatted(
            Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
