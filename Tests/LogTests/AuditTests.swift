import Engine
import SimulatedStorage
import Testing

@testable import Log

/// What the audit of a directory finds is what the recovery refuses, and it changes nothing.
@Suite struct AuditTests {
    @Test func itAgreesWithTheRecovery() throws {
        let base = try CrashPointTests.Base(shards: 2).storage
        let recoverer = Recoverer()
        let whole = LogAudit(storage: base)
        #expect(whole.faults.isEmpty && whole.logs.count == 2)
        #expect(whole.logs.allSatisfy { if case .torn = $0.end { true } else { false } })
        var random = SeededRandom(seed: 8)
        for file in base.fileNames where file.hasPrefix("log-") || file == LogFiles.manifest {
            guard !file.hasSuffix(".new") else { continue }
            for _ in 0..<8 {
                let storage = base.copy()
                let bytes = storage.contents(file)!.count
                storage.flipBit(file, at: Int.random(in: 0..<(bytes * 8), using: &random))
                let calls = storage.callCount
                let audit = LogAudit(storage: storage)
                #expect(storage.callCount > calls)
                do {
                    _ = try recoverer.judge(LogDirectory(storage: storage), shards: 2)
                    #expect(audit.faults.isEmpty)
                } catch {
                    #expect(audit.faults == [error])
                }
            }
        }
    }

    @Test func itGoesOnBehindAFault() throws {
        let base = try CrashPointTests.Base(shards: 2).storage
        base.flipBit(LogFiles.segment(log: 1, number: 1), at: 300 * 8)
        base.flipBit(LogFiles.segment(log: 2, number: 1), at: 300 * 8)
        let audit = LogAudit(storage: base)
        #expect(audit.faults.map(\.file) == [1, 2].map { LogFiles.segment(log: $0, number: 1) })
        #expect(audit.faults.allSatisfy { $0.kind == .damage && $0.offset == 0 })
    }

    @Test func itCountsWhatTheTablesNeed() throws {
        let base = try CrashPointTests.Base(shards: 2)
        let audit = LogAudit(storage: base.storage)
        let directory = try #require(audit.directory)
        let replay = try Replay(
            directory, manifest: directory.manifest!, base: directory.manifest!.newestBase,
            configuration: audit.configuration, memory: .zeroed, nowMs: 0)
        #expect(replay.engines[0].digest() == base.digest)
        #expect(replay.engines[0].ordersRemembered == audit.configuration.capacities.orders)
    }
}
