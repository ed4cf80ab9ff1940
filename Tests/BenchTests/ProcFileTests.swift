import Foundation
import Testing

@testable import Harness

/// Shows that the figures of a process are read from where the kernel puts them, with samples of its files and with
/// this process.
@Suite struct ProcFileTests {
    @Test func findsTicksBehindAnyName() {
        let rest = "S 1 2 3 0 -1 4194304 10 0 0 0 250 50 7 8 20 0 1 0 100 1000 20 0"
        #expect(ProcFile.cpuTicks(inStat: "4711 (shard 0) \(rest)") == 300)
        #expect(ProcFile.cpuTicks(inStat: "4711 (a) b (c) \(rest)") == 300)
        #expect(ProcFile.cpuTicks(inStat: "4711 (short) S 1 2") == nil)
        #expect(ProcFile.cpuTicks(inStat: "") == nil)
    }

    @Test func addsUpWhatKeepsAMachineBusy() throws {
        let stat = "cpu  100 20 3 999 888 4 5 6 77 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n"
        let ticks = try #require(ProcFile.machineTicks(inSystemStat: stat))
        #expect(ticks.busy == 138 && ticks.stolen == 6)
        #expect(ProcFile.machineTicks(inSystemStat: "cpu  1 2 3 4 5 6 7\n") == nil)
        #expect(ProcFile.machineTicks(inSystemStat: "intr 1 2 3 4 5 6 7 8\n") == nil)
    }

    @Test func readsTimeOnACPU() {
        #expect(ProcFile.cpuNanoseconds(inSchedstat: "137594 1722412 2\n") == 137_594)
        #expect(ProcFile.cpuNanoseconds(inSchedstat: "\n") == nil)
    }

    @Test func readsFieldsByTheirWholeName() {
        let status = "Name:\ttimesaled\nVmHWM:\t  900 kB\nVmRSS:\t  800 kB\nRssAnon:\t 700 kB\n"
        #expect(ProcFile.bytes(of: "VmRSS", in: status) == 800 << 10)
        #expect(ProcFile.bytes(of: "RSS", in: status) == nil)
        #expect(ProcFile.field("model name", in: "processor\t: 0\nmodel name\t: A B: C\n") == "A B: C")
    }

    @Test func seesThisProcess() {
        let usage = ProcessUsage(pid: getpid())
        #expect(usage.residentBytes > 1 << 20)
        #expect(usage.cpuSeconds(ofThreads: "") > 0)
        #expect(usage.cpuSeconds(ofThreads: "no thread is named so") == 0)
        #expect(Machine.current().memoryBytes > 0)
        #expect(Machine.current().cpus >= 1)
    }

    @Test func readsWhatAServerSaysOfItsRecovery() throws {
        let line = "2026-01-02T03:04:05+0000 info timesaled: recovered 1234567 events in 410 ms, up to sequence 99"
        let recovery = try #require(ServerUnderTest.Recovery(line: line))
        #expect(recovery.events == 1_234_567)
        #expect(recovery.ms == 410)
        #expect(ServerUnderTest.Recovery(line: "recovered") == nil)
        #expect(ServerUnderTest.Recovery(line: "recovered some events in 1 ms, up to sequence 2") == nil)
    }
}
