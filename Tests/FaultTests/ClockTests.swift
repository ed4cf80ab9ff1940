import Foundation
import Protocol
import TestSupport
import Testing

extension FaultTests {
    /// The wall clock of the machine is set while the server runs, and between two starts. What it counts with
    /// (CLOCK_MONOTONIC) goes on, as it does when an administrator sets a clock.
    @Suite(.serialized) struct Clocks {
        /// Set back or forward by an hour: an alarm, and the server's time goes on as if nothing were, so that no
        /// hold ends early and no event is older than the one before it.
        @Test(arguments: [-3600, 3600]) func setWhileItRuns(_ bySeconds: Int) throws {
            let directory = TemporaryDirectory()
            let clock = try WallClock(in: directory)
            let server = try faultServer(in: directory, environment: clock.environment())
            let client = try server.client()
            var mint = IdMint(seed: 1)
            let sale = CreateSaleEntry.open(1, stock: 1000, holdMs: 600_000, operationId: mint.catalogueId())
            #expect(try client.createSale(sale).code == .ok)
            let user = mint.user()
            let hold = mint.id(user: user)
            let held = try client.order(hold, user: user, sale: 1)
            #expect(held.code == .ok)

            let beforeMs = try client.topology().nowMs
            let began = ContinuousClock.now
            try clock.set(bySeconds: bySeconds)
            var lastMs = beforeMs
            var createdMs = held.createdAtMs
            let alarm = try eventually {
                let nowMs = try client.topology().nowMs
                #expect(nowMs >= lastMs, "the time ran backwards by \(lastMs - min(lastMs, nowMs)) ms")
                lastMs = nowMs
                let other = mint.user()
                // An id of this moment, by the server's clock.
                let id = mint.id(user: other, timeMs: nowMs)
                let order = try client.order(id, user: other, sale: 1)
                #expect(order.code == .ok && order.createdAtMs >= createdMs, "\(order)")
                createdMs = order.createdAtMs
                usleep(20_000)
                return server.stderr
            } until: {
                $0.contains("the wall clock has moved by \(bySeconds > 0 ? "" : "-")3")
            }
            #expect(alarm != nil, "\(server.stderr)")
            // It follows by a twentieth at most.
            let passedMs = Int((ContinuousClock.now - began) / .milliseconds(1))
            let movedMs = Int(try client.topology().nowMs) - Int(beforeMs)
            #expect(abs(movedMs - passedMs) <= 100 + passedMs / 10, "\(movedMs) ms in \(passedMs) ms")
            let view = try client.getOrder(hold)
            #expect(view.state == OrderState.held.rawValue && view.expiresAtMs == held.expiresAtMs)
            #expect(server.stderr.components(separatedBy: "the wall clock has moved").count == 2, "told once")
            // Whoever asks is told how far it has to go.
            let told = try eventually { try client.ping().wallClockOffsetMs } until: { abs($0) > 1000 }
            let leftMs = bySeconds * 1000 - movedMs + passedMs
            #expect(abs(Int(try #require(told)) - leftMs) < 10_000, "\(told ?? 0) ms, not \(leftMs)")
            stop(server)
        }

        /// A start whose log is ahead of the clock by more than a minute stops with a sentence and changes nothing;
        /// by less, it goes on from where the log ends.
        @Test func setBackBetweenTwoStarts() throws {
            let directory = TemporaryDirectory()
            let clock = try WallClock(in: directory)
            var ledger = Ledger(stock: 500, seed: 2)
            let server = try faultServer(in: directory, environment: clock.environment())
            let client = try server.client()
            try ledger.open(client)
            try ledger.order(client)
            let endedMs = try client.topology().nowMs
            server.kill(SIGKILL)
            server.wait()

            for seconds in [-3600, -90] {
                try clock.set(bySeconds: seconds)
                let refused = try refusal(in: directory, environment: clock.environment())
                #expect(refused.status == .exited(1))
                #expect(refused.line.contains("s ahead of this machine's clock: set the clock right"), "\(refused)")
            }
            try clock.set(bySeconds: -40)
            let again = try faultServer(in: directory, environment: clock.environment())
            let other = try again.client()
            #expect(try other.topology().nowMs + 1000 >= endedMs)
            try ledger.expectKept(other)
            let order = ledger.draw(1)
            let placed = try other.order(order)
            #expect(placed[0].code == .ok)
            #expect(ledger.accepted.values.allSatisfy { $0.createdAtMs <= placed[0].createdAtMs })
            ledger.note(order, placed)
            try ledger.sellOut(other)
            stop(again)
        }
    }
}

/// The wall clock as a process sees it: that of the machine, moved. `Programs/wall-clock.c` is loaded into it for that.
private final class WallClock {
    private static let library = try? CProgram("wall-clock", ["-O2", "-shared", "-fPIC"])
    private let path: String

    init(in directory: TemporaryDirectory) throws {
        path = directory.path + "/clock"
        try Data(count: 8).write(to: URL(fileURLWithPath: path))
    }

    /// From now on, at once. In place: the process has the file mapped.
    func set(bySeconds seconds: Int) throws {
        let file = open(path, O_WRONLY | O_CLOEXEC)
        defer { close(file) }
        var value = Int64(seconds).littleEndian
        try #require(pwrite(file, &value, 8, 0) == 8)
    }

    func environment() throws -> [String: String] {
        ["LD_PRELOAD": try #require(Self.library).path, "WALL_CLOCK": path]
    }
}
