import Testing

@testable import Harness

/// Shows that a server gets room for what a run orders, in tables and log, and not many times that.
@Suite struct CapacityTests {
    @Test(arguments: [(64, 1), (1024, 1), (8192, 1), (64, 128), (8, 1024), (1, 8190)])
    func holdsWhatIsExpected(framesInFlight: Int, batch: Int) {
        let rate = Capacity.expectedOrdersPerSecond(framesInFlight: framesInFlight, batch: batch)
        let capacity = Capacity(ordersPerSecond: rate, seconds: 4.5, framesInFlight: framesInFlight, batch: batch)
        let orders = Int(rate * 4.5)
        #expect(capacity.orders > orders && capacity.orders <= max(1_000_000, 2 * orders))
        #expect(capacity.logAheadBytes > orders * 64)
        #expect(capacity.logAheadBytes % (64 << 20) == 0)
    }

    /// The run that used to prepare 3 GiB of log for 200 MB of it.
    @Test func aSlowCasePreparesLittle() {
        let rate = Capacity.expectedOrdersPerSecond(framesInFlight: 64, batch: 1)
        let capacity = Capacity(ordersPerSecond: rate, seconds: 4.5, framesInFlight: 64, batch: 1)
        #expect(capacity.logAheadBytes <= 512 << 20)
        #expect(capacity.orders <= 2_000_000)
    }

    @Test func smallGroupsArePadded() {
        #expect(Capacity.logBytesPerOrder(ordersInFlight: 1) == 4096)
        #expect(Capacity.logBytesPerOrder(ordersInFlight: 64) == 256)
        #expect(Capacity.logBytesPerOrder(ordersInFlight: 100_000) < 66)
    }

    @Test func growsWithTheSeconds() {
        let short = Capacity(ordersPerSecond: 5e6, seconds: 1, framesInFlight: 64, batch: 128)
        let long = Capacity(ordersPerSecond: 5e6, seconds: 10, framesInFlight: 64, batch: 128)
        #expect(long.orders == 10 * short.orders)
        #expect(long.logAheadBytes > 8 * short.logAheadBytes)
    }
}
