import Testing

@testable import Shard

/// Shows that memory for large replies is used again, and that what is in use and what is kept stay bounded.
@Suite struct FramePoolTests {
    /// The macros cannot call what changes a value without copies.
    private func take(_ pool: inout FramePool, _ sizeBytes: Int) throws -> UnsafeMutableRawPointer {
        let frame = pool.take(sizeBytes)
        return try #require(frame)
    }

    @Test func whatCameBackIsUsedAgain() throws {
        var pool = FramePool()
        let first = try take(&pool, 5000)
        let second = try take(&pool, 5000)
        #expect(first != second)
        pool.put(first, 5000)
        pool.put(second, 5000)
        let again = try take(&pool, 8192)
        #expect(again == second, "the last one that came back is the warmest")
        let before = try take(&pool, 4097)
        #expect(before == first, "both sizes round up to 8 KiB")
        let larger = try take(&pool, 8193)
        #expect(larger != first && larger != second)
        pool.put(again, 8192)
        pool.put(before, 4097)
        pool.put(larger, 8193)
    }

    @Test func aFrameKeepsItsBytes() throws {
        var pool = FramePool()
        let sizes = [64, 65, 4096, 4097, 65_536, 1 << 20]
        let frames = try sizes.map { try take(&pool, $0) }
        for (index, size) in sizes.enumerated() {
            frames[index].initializeMemory(as: UInt8.self, repeating: UInt8(index), count: size)
        }
        for (index, size) in sizes.enumerated() {
            #expect(frames[index].load(as: UInt8.self) == UInt8(index))
            #expect(frames[index].load(fromByteOffset: size - 1, as: UInt8.self) == UInt8(index))
            pool.put(frames[index], size)
        }
    }

    @Test func theBoundIsOnWhatIsInUse() throws {
        let size = 1 << 20
        var pool = FramePool()
        var frames: [UnsafeMutableRawPointer] = []
        while let frame = pool.take(size) { frames.append(frame) }
        #expect(frames.count == FramePool.inUseMaxBytes / size)
        let tooMuch = pool.take(1)
        #expect(tooMuch == nil)
        pool.put(frames.removeLast(), size)
        frames.append(try take(&pool, size))
        for frame in frames { pool.put(frame, size) }
    }

    /// Frames of every size after another would otherwise keep the bound's worth of each.
    @Test func whatIsKeptIsBoundedToo() throws {
        var pool = FramePool()
        for exponent in 12...20 {
            let size = 1 << exponent
            var frames: [UnsafeMutableRawPointer] = []
            while let frame = pool.take(size) { frames.append(frame) }
            #expect(frames.count == FramePool.inUseMaxBytes / size)
            for frame in frames { pool.put(frame, size) }
            let allocatedBytes = pool.allocatedBytes
            #expect(allocatedBytes <= 2 * FramePool.inUseMaxBytes)
        }
    }
}
