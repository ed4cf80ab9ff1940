import Generator
import Testing

@testable import Harness

/// Shows that what a scenario writes has a bound, and that a machine which is too small is refused with both numbers.
@Suite struct RoomTests {
    private func load(_ change: (inout ScenarioLoad) -> Void = { _ in }) -> ScenarioLoad {
        var load = ScenarioLoad()
        change(&load)
        return load
    }

    @Test func everyRecordHasItsPlace() {
        let load = load { ($0.operations, $0.users, $0.stock, $0.demand) = (1000, 500, 100, 3) }
        let timesale = Room(.timesale, load)
        #expect(timesale.orders == 1300 && timesale.coupons == 0 && timesale.checkouts == 0)
        #expect(Room(.coupon, load).coupons == 1300)
        // Earned, used, and credited to each user before.
        #expect(Room(.point, load).transactions == 2500)
        let full = Room(.full, load)
        #expect(full.orders == 2000 && full.coupons == 2000 && full.transactions == 5000 && full.checkouts == 1000)
        #expect(full.logBytes >= 1000 * (304 + 280))
    }

    /// However fast a server is and however long it runs.
    @Test func whatIsWrittenIsBounded() {
        let long = load { ($0.seconds, $0.depth) = (3600, 128) }
        for scenario in Scenario.all {
            for phase in scenario.phases where phase.workload.records.sizeBytes > 0 {
                #expect((1...20_000_000).contains(long.entriesMax(phase) ?? 0), "\(scenario.name) \(phase.name)")
            }
        }
        #expect(load { $0.rate = 100 }.entriesMax(Scenario.timesale.phases[1]) == 577)
    }

    @Test func aSmallDiskIsRefused() throws {
        let room = Room(.timesale, load { $0.operations = 10_000_000 })
        let fault = #expect(throws: LoadError.self) { try room.check(freeBytes: 512 << 20, of: "/data") }
        #expect(fault?.description.hasPrefix("/data has 512 MiB free, and this needs ") == true)
        #expect(fault?.description.contains("--directory") == true)
        try room.check(freeBytes: room.diskBytes, of: "/data")
        #expect(throws: LoadError.self) { try room.check(freeBytes: room.diskBytes - 1, of: "/data") }
        #expect(try Room.freeBytes(of: "/") > 0)
        #expect(throws: LoadError.self) { try Room.freeBytes(of: "/no such directory") }
    }

    @Test func aSmallMemoryIsRefused() throws {
        let room = Room(.timesale, load { $0.operations = 10_000_000 })
        let needed = room.memoryBytes(users: 1000)
        #expect(needed > 10_000_000 * 80)
        let fault = #expect(throws: LoadError.self) { try room.check(memoryFreeBytes: needed - 1, users: 1000) }
        #expect(fault?.description.contains("of memory are free, and the server needs") == true)
        try room.check(memoryFreeBytes: needed, users: 1000)
        try room.check(memoryFreeBytes: nil, users: 1000)
        #expect((Room.memoryFreeBytes ?? 0) > 0)
    }
}
