import Engine
import Testing

@testable import Shard

/// Shows what a ring says of what waits in it, at its end too, where a message leaves a gap.
@Suite struct SpscRingTests {
    @Test func whatWaitsIsCounted() throws {
        let arena = Arena()
        let ring = SpscRing(capacityBytes: 1 << 12, memory: arena.memory)
        #expect(ring.waitingBytes == 0)
        func send(_ sizeBytes: Int) throws {
            let message = try #require(ring.reserve(sizeBytes))
            ring.publish(message, sizeBytes)
        }
        func take() throws {
            _ = try #require(ring.peek())
            ring.advance()
        }
        try send(100)
        #expect(ring.waitingBytes == 112)
        try send(16)
        #expect(ring.waitingBytes == 128)
        try take()
        #expect(ring.waitingBytes == 16)
        try take()
        #expect(ring.waitingBytes == 0 && !ring.hasMessage)
        // At 128: two messages of 1,984 bytes end at the end of the memory; the next one begins at its front.
        try send(1984)
        try send(1900)
        #expect(ring.waitingBytes == 1984 + 1904)
        try take()
        try send(160)
        // 80 bytes before the end are left out.
        #expect(ring.waitingBytes == 1904 + 80 + 160)
        try take()
        try take()
        #expect(ring.waitingBytes == 0)
    }
}
