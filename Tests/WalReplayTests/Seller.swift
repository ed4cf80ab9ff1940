import Foundation
import Protocol
import Synchronization
import TestSupport

/// One client that orders in a shop, again and again, until it is told to end.
final class Seller: Sendable {
    private let isEnding = Atomic(false)
    private let finished = DispatchSemaphore(value: 0)

    /// Given to the thread that uses it alone.
    private struct Handed: @unchecked Sendable { let client: TestClient }

    init(_ shop: Shop) throws {
        let handed = Handed(client: try shop.server.client(timeoutMs: 120_000))
        let user = shop.other
        Thread.detachNewThread { [self] in
            while !isEnding.load(ordering: .relaxed) {
                _ = try? handed.client.order(IdMint.random(user), user: user, sale: Shop.sale)
            }
            finished.signal()
        }
    }

    func end() {
        isEnding.store(true, ordering: .relaxed)
        finished.wait()
    }
}
