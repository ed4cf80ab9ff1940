import TimesaleClient

/// Remembers that a key was used for an operation that has no id of its own in the engine.
///
/// The engine remembers cancels of what it does not know (tombstones), durably and for its retention time. A cancel of
/// an id that is derived from the key and that nothing else can have is therefore a mark that survives a restart of
/// anything. There are two: one of the key, one of the key and its content, so that other content is noticed.
struct KeyMemory: Sendable {
    private let call: Call
    private let ofKey: OrderID
    private let ofContent: OrderID

    /// Nil if the request has no key: then there is nothing to remember.
    init?(_ call: Call, user: UserID, path: String, content: String) {
        guard let key = call.idempotencyKey else { return nil }
        self.call = call
        ofKey = OrderID(idempotencyKey: key, for: user, scope: path)
        ofContent = OrderID(idempotencyKey: key, for: user, scope: "\(path) \(content)")
    }

    /// Whether the operation has been done with this key before.
    func isKnown() async throws(Problem) -> Bool {
        guard try await isMarked(ofKey) else { return false }
        guard try await isMarked(ofContent) else { throw Problem(.idempotencyKeyReused) }
        return true
    }

    /// Durable when it returns. The mark of the key comes last: it counts only with its content.
    func remember() async throws(Problem) {
        for mark in [ofContent, ofKey] {
            _ = try await call.engine { client throws(TimesaleError) in try await client.cancel(mark) }
        }
    }

    private func isMarked(_ mark: OrderID) async throws(Problem) -> Bool {
        do throws(Problem) {
            _ = try await call.engine { client throws(TimesaleError) in try await client.order(mark) }
            return false
        } catch {
            switch error.code {
            case .cancelled: return true
            case .notFound: return false
            default: throw error
            }
        }
    }
}
