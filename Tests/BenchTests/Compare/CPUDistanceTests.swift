import Foundation
import Testing

@testable import Harness

/// Shows that the distance of two CPUs is measured where there are two, and that nothing waits for one that is not.
@Suite struct CPUDistanceTests {
    @Test(.enabled(if: ProcessInfo.processInfo.activeProcessorCount > 1)) func twoThatAreThere() throws {
        let ns = try #require(CPUDistance.measureNs(0, 1))
        #expect(ns > 0 && ns.isFinite)
    }

    @Test(arguments: [(-1, 0), (0, -1), (0, 0), (0, 1023), (1023, 0)]) func nothingToMeasure(one: Int, other: Int) {
        #expect(CPUDistance.measureNs(one, other) == nil)
    }
}
