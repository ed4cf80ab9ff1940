import Foundation
import Protocol
import Synchronization
import TestSupport

/// One client that orders in a shop, again and again, until it is told to end; not faster than a tool that starved for
/// a minute can follow, before snapshots take away what it reads or the shop is full.
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
                usleep(5000)
            }
            finished.signal()
        }
    }

    func end() {
        isEnding.store(true, ordering: .relaxed)
        finished.wait()
    }
}
